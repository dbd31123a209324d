"""KMS grants: who may do what with a key by grant, and within which constraints.

Source: AWS KMS Developer Guide, "Grants in AWS KMS"; API reference, `GrantListEntry` and `GrantConstraints`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.iam.context import Context, Unknown
from compliance.reason.iam.principals import Principal, PrincipalElement, names, parse_principal_element
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, certain, either

OPERATIONS: Final = frozenset(
    {
        "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
        "Sign", "Verify", "GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "DeriveSharedSecret",
    }
)  # fmt: skip
_UNCONSTRAINED: Final = frozenset({"DescribeKey", "RetireGrant"})
_CONTEXT_PREFIX: Final = "kms:encryptioncontext:"
_FIELDS: Final = frozenset(
    {
        "KeyId", "GrantId", "Name", "CreationDate", "GranteePrincipal", "RetiringPrincipal", "IssuingAccount",
        "Operations", "Constraints", "GrantToken", "GranteeServicePrincipal", "RetiringServicePrincipal",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant.

    Attributes:
        label: its id, name or place, for explanations.
        key: key id or ARN that it is about; empty if the grant does not say.
        grantee, retiring: the principals as elements of a policy would name them; `retiring` None if nobody.
        operations: by KMS's names.
        equals, subset: encryption-context constraints as sorted pairs; None if not constrained so.
    """

    label: str
    key: str
    grantee: PrincipalElement
    retiring: PrincipalElement | None
    operations: frozenset[str]
    equals: tuple[tuple[str, str], ...] | None
    subset: tuple[tuple[str, str], ...] | None


def parse_grants(document: Any, place: str) -> tuple[Grant, ...]:
    """The grants of a key, as `kms list-grants` prints them: its whole answer, or the list in it.

    Raises:
        ComplianceError: with the place, if an entry is not a grant.
    """
    if document is None:
        return ()
    if isinstance(document, dict) and "Grants" in document:
        if document.get("Truncated"):
            raise ComplianceError(f"{place}.Truncated", "the list of grants is not complete; give all pages")
        document, place = document["Grants"], f"{place}.Grants"
    if not isinstance(document, list):
        raise ComplianceError(place, "expected a list of grants")
    return tuple(_grant(item, f"{place}[{index}]") for index, item in enumerate(document))


def _grant(item: Any, place: str) -> Grant:
    if not isinstance(item, dict):
        raise ComplianceError(place, "expected a grant (an object)")
    for name in item:
        if name not in _FIELDS:
            raise ComplianceError(f"{place}.{name}", f"unknown element; known are {', '.join(sorted(_FIELDS))}")
    operations = item.get("Operations")
    if not isinstance(operations, list) or not operations:
        raise ComplianceError(f"{place}.Operations", "expected a non-empty list of KMS operations")
    for operation in operations:
        if not isinstance(operation, str) or operation not in OPERATIONS:
            raise ComplianceError(f"{place}.Operations", f"{operation!r} is not a grant operation of KMS")
    constraints = item.get("Constraints") or {}
    if not isinstance(constraints, dict) or set(constraints) - {"EncryptionContextEquals", "EncryptionContextSubset"}:
        raise ComplianceError(f"{place}.Constraints", "expected EncryptionContextEquals or EncryptionContextSubset")
    grantee = _principal(
        item.get("GranteePrincipal") or item.get("GranteeServicePrincipal"), f"{place}.GranteePrincipal"
    )
    retiring = item.get("RetiringPrincipal") or item.get("RetiringServicePrincipal")
    return Grant(
        label=str(item.get("GrantId") or item.get("Name") or place.removeprefix("$.")),
        key=str(item.get("KeyId") or ""),
        grantee=grantee,
        retiring=None if retiring is None else _principal(retiring, f"{place}.RetiringPrincipal"),
        operations=frozenset(operations),
        equals=_pairs(constraints, "EncryptionContextEquals", place),
        subset=_pairs(constraints, "EncryptionContextSubset", place),
    )


def _principal(value: Any, place: str) -> PrincipalElement:
    if not isinstance(value, str) or not value:
        raise ComplianceError(place, "expected the ARN of a principal")
    if value.endswith(".amazonaws.com") or value == "AWS Internal":
        return PrincipalElement("Service", value)
    # A principal that was deleted since stands there by its unique id.
    return parse_principal_element({"AWS": value}, place)[0]


def _pairs(constraints: dict[str, Any], name: str, place: str) -> tuple[tuple[str, str], ...] | None:
    document = constraints.get(name)
    if document is None:
        return None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise ComplianceError(f"{place}.Constraints.{name}", "expected an object of strings")
    return tuple(sorted(document.items()))


def covers(grant: Grant, action: str, key_arn: str, caller: Principal, context: Context) -> tuple[Truth, bool]:
    """Whether a grant gives the caller an operation on a key, and whether only by way of its whole account.

    A grantee that is an account root delegates to the account, whose identity policies must then allow as well.
    """
    operation = action.partition(":")[2]
    if grant.key and grant.key not in (key_arn, key_arn.rpartition("key/")[2]):
        return FALSE, False
    if operation.lower() == "retiregrant" and grant.retiring is not None:
        retiring = names((grant.retiring,), caller, context)
        if retiring.anyhow != FALSE:
            return either(retiring.direct, either(retiring.role, retiring.account)), False
    granted = {name.lower(): name for name in grant.operations}.get(operation.lower())
    if granted is None:
        return FALSE, False
    named = names((grant.grantee,), caller, context)
    truth = named.anyhow
    if truth != FALSE and granted not in _UNCONSTRAINED:
        truth = both(truth, _within_constraints(grant, context))
    if truth != FALSE and granted == "CreateGrant":
        truth = both(truth, _no_wider(grant, context))
    return truth, either(named.direct, named.role) == FALSE


def _encryption_context(context: Context) -> dict[str, tuple[str, ...] | Unknown]:
    return {
        context.names[key][len(_CONTEXT_PREFIX) :]: value
        for key, value in context.items()
        if key.startswith(_CONTEXT_PREFIX)
    }


def _within_constraints(grant: Grant, context: Context) -> Truth:
    """Names and values of an encryption context are compared with their case."""
    given = _encryption_context(context)
    result: Truth = TRUE
    for wanted in (grant.equals, grant.subset):
        for name, value in wanted or ():
            found = given.get(name, context.get(f"{_CONTEXT_PREFIX}{name}".lower()) if context.open_world else ())
            result = both(result, UNKNOWN if isinstance(found, Unknown) else certain(found == (value,)))
    if grant.equals is not None and set(given) - {name for name, _ in grant.equals}:
        result = FALSE
    return result


def _no_wider(grant: Grant, context: Context) -> Truth:
    """A grant made under a grant may not allow operations that its parent does not."""
    wanted = context.get("kms:grantoperations")
    if isinstance(wanted, Unknown):
        return UNKNOWN
    return certain(set(wanted) <= grant.operations)
