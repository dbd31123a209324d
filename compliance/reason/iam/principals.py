"""Who asks, and whom a policy's `Principal` or `NotPrincipal` names.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic". How a principal is named
decides what the grant is worth within its own account:

- *account*: the account, by id or root ARN. Delegates to the account; its identity policies must allow.
- *role*: the role ARN. Grants to the role's sessions, within their permissions boundary and session policies.
- *direct*: the session, user, service, federated provider, or everyone. Not limited by implicit denies elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from compliance.errors import ComplianceError
from compliance.reason.iam.context import Context, Unknown
from compliance.reason.iam.globs import disjoint, string_regex
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, either

PrincipalKind = Literal[
    "user",
    "role",
    "session",
    "federated-user",
    "root",
    "any-of-account",
    "anyone-else",
    "service",
    "federated",
    "anonymous",
]

_ACCOUNT: Final = re.compile(r"\d{12}")
_AWS_ARN: Final = re.compile(r"arn:([a-z0-9-]+):(iam|sts)::([A-Za-z0-9-]+):(.+)", re.DOTALL)
UNIQUE_ID: Final = re.compile(r"A(ROA|IDA|KIA|SIA|GPA|NPA|IPA|SCA|PKA|BIA|CCA)[A-Z0-9]+")
PRINCIPAL_TYPES: Final = ("AWS", "Service", "Federated", "CanonicalUser")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request.

    Attributes:
        arn: of an AWS principal; the provider for a federated one; the name for a service; empty if anonymous.
        account: 12 digits for an AWS principal, else empty.
        name: the role's or user's name without its path.
        session: the session's name, for a role session.
        unique_id: `AIDA…` of a user or `AROA…` of a role, if known.
        canonical_id: the canonical user id of the caller's account, if known.

    Two kinds are symbolic: `any-of-account` is some user, role or session of the account, `anyone-else` one of any
    account that is not in `besides`.
    """

    kind: PrincipalKind
    arn: str = ""
    account: str = ""
    name: str = ""
    session: str = ""
    unique_id: str = ""
    canonical_id: str = ""
    besides: tuple[str, ...] = ()

    @property
    def in_aws(self) -> bool:
        """Whether it is an identity of an AWS account."""
        return self.kind not in ("service", "federated", "anonymous")

    @property
    def service_linked(self) -> bool:
        """Whether it is a service-linked role or its session, which neither SCPs nor RCPs restrict."""
        if self.kind == "role":
            return ":role/aws-service-role/" in self.arn
        return self.kind == "session" and self.name.startswith("AWSServiceRoleFor")

    @property
    def role_arn(self) -> str:
        """The ARN that `aws:PrincipalArn` holds: of the role, for a session (its path is not known from the ARN)."""
        if self.kind != "session":
            return self.arn
        partition = self.arn.split(":", 2)[1]
        return f"arn:{partition}:iam::{self.account}:role/{self.name}"


def parse_arn_principal(arn: str, place: str) -> Principal:
    """The AWS principal that an ARN names.

    Raises:
        ComplianceError: it is no ARN of a user, role, role session, federated user or account root.
    """
    found = _AWS_ARN.fullmatch(arn)
    if found is None:
        raise ComplianceError(place, f"{arn!r} is not the ARN of a user, role, session, federated user or account root")
    _, service, account, resource = found.groups()
    kind, _, rest = resource.partition("/")
    if service == "iam" and resource == "root":
        return Principal("root", arn, account, "root")
    if service == "iam" and kind in ("user", "role") and rest:
        return Principal("user" if kind == "user" else "role", arn, account, rest.rsplit("/", 1)[-1])
    if service == "sts" and kind == "federated-user" and rest:
        return Principal("federated-user", arn, account, rest)
    if service == "sts" and kind == "assumed-role" and "/" in rest:
        name, session = rest.split("/", 1)
        return Principal("session", arn, account, name.rsplit("/", 1)[-1], session)
    raise ComplianceError(place, f"{arn!r} is not the ARN of a user, role, session, federated user or account root")


class Named(NamedTuple):
    """How certainly a principal is named, by the kind of naming."""

    account: Truth = FALSE
    role: Truth = FALSE
    direct: Truth = FALSE

    @property
    def anyhow(self) -> Truth:
        """Whether it is named in any way."""
        return either(self.account, either(self.role, self.direct))

    def or_(self, other: Named) -> Named:
        """Either naming."""
        return Named(
            either(self.account, other.account), either(self.role, other.role), either(self.direct, other.direct)
        )


NOBODY: Final = Named()
EVERYBODY: Final = Named(direct=TRUE)


@dataclass(frozen=True, slots=True)
class PrincipalElement:
    """One entry of a `Principal` element.

    Attributes:
        type: `AWS`, `Service`, `Federated` or `CanonicalUser`; `*` for the bare wildcard.
        text: the entry.
        named: for an ARN or account id of AWS, the principal it names (an account is its root).
    """

    type: str
    text: str
    named: Principal | None = None


def parse_principal_element(document: Any, place: str) -> tuple[PrincipalElement, ...]:
    """The entries of `Principal` or `NotPrincipal`.

    An ARN with a wildcard in it names nobody: AWS does not match part of a principal's name.

    Raises:
        ComplianceError: another shape, a type that AWS does not know, or an entry that is no principal.
    """
    if document == "*":
        return (PrincipalElement("*", "*"),)
    if isinstance(document, str) and document.startswith("arn:"):
        document = {"AWS": document}
    if not isinstance(document, dict) or not document:
        raise ComplianceError(place, 'expected "*" or an object of principal types')
    elements: list[PrincipalElement] = []
    for kind, entries in document.items():
        if kind not in PRINCIPAL_TYPES:
            raise ComplianceError(f"{place}.{kind}", f"unknown principal type; use one of {', '.join(PRINCIPAL_TYPES)}")
        items = entries if isinstance(entries, list) else [entries]
        if not items:
            raise ComplianceError(f"{place}.{kind}", "expected a principal or a non-empty list of them")
        for index, entry in enumerate(items):
            where = f"{place}.{kind}[{index}]" if isinstance(entries, list) else f"{place}.{kind}"
            if not isinstance(entry, str) or not entry:
                raise ComplianceError(where, "expected a non-empty string")
            elements.append(_element(kind, entry, where))
    return tuple(elements)


def _element(kind: str, entry: str, place: str) -> PrincipalElement:
    if kind != "AWS" or entry == "*":
        return PrincipalElement(kind, entry)
    if _ACCOUNT.fullmatch(entry):
        return PrincipalElement(kind, entry, Principal("root", f"arn:aws:iam::{entry}:root", entry, "root"))
    if UNIQUE_ID.fullmatch(entry) or "*" in entry or "?" in entry:
        return PrincipalElement(kind, entry)
    return PrincipalElement(kind, entry, parse_arn_principal(entry, place))


def is_pattern(element: PrincipalElement) -> bool:
    """Whether it is an ARN with a wildcard in it, which names nobody."""
    return element.type == "AWS" and element.text != "*" and ("*" in element.text or "?" in element.text)


def names(elements: tuple[PrincipalElement, ...], caller: Principal, context: Context) -> Named:
    """How the elements name the caller."""
    result = NOBODY
    for element in elements:
        result = result.or_(_names(element, caller, context))
        if result.direct == TRUE:
            break
    return result


def _names(element: PrincipalElement, caller: Principal, context: Context) -> Named:
    if element.type == "*" or (element.type == "AWS" and element.text == "*"):
        return EVERYBODY
    if element.type == "AWS":
        return _names_in_aws(element, caller, context) if caller.in_aws else NOBODY
    if element.type == "Service":
        matches = caller.kind == "service" and element.text in ("*", caller.arn)
        return EVERYBODY if matches else NOBODY
    if element.type == "Federated":
        matches = caller.kind == "federated" and element.text in ("*", caller.arn)
        return EVERYBODY if matches else NOBODY
    if caller.in_aws and caller.canonical_id:
        return Named(account=TRUE) if caller.canonical_id == element.text else NOBODY
    return Named(account=UNKNOWN) if caller.in_aws and context.open_world else NOBODY


def _names_in_aws(element: PrincipalElement, caller: Principal, context: Context) -> Named:
    named = element.named
    if named is None:
        return _names_by_id(element.text, caller, context) if UNIQUE_ID.fullmatch(element.text) else NOBODY
    if caller.kind == "anyone-else":
        return NOBODY if named.account in caller.besides else Named(UNKNOWN, UNKNOWN, UNKNOWN)
    if named.account != caller.account:
        return NOBODY
    if named.kind == "root":
        itself: Truth = {"root": TRUE, "any-of-account": UNKNOWN}.get(caller.kind, FALSE)
        return Named(account=TRUE, direct=itself)
    if caller.kind == "any-of-account":
        return Named(role=UNKNOWN) if named.kind == "role" else Named(direct=UNKNOWN)
    if named.kind == "role":
        return Named(role=TRUE if _is_role(named, caller, context) else FALSE)
    if named.kind == "session":
        same = caller.kind == "session" and (caller.name, caller.session) == (named.name, named.session)
        return EVERYBODY if same else NOBODY
    if named.kind == "user" and caller.kind == "federated-user":
        # A federated user session stands for its parent user, within the session's limits.
        return Named(role=TRUE) if named.arn.endswith(f":user/{caller.name}") else NOBODY
    return EVERYBODY if named.arn == caller.arn else NOBODY


def _is_role(named: Principal, caller: Principal, context: Context) -> bool:
    if caller.kind == "role":
        return named.arn == caller.arn
    if caller.kind != "session":
        return False
    own = context.get("aws:principalarn")
    if not isinstance(own, Unknown) and len(own) == 1 and own[0].count("/") > 1:
        return own[0] == named.arn
    # A session's ARN lacks the role's path; role names are unique within an account.
    return named.name == caller.name


def _names_by_id(unique_id: str, caller: Principal, context: Context) -> Named:
    role = unique_id.startswith("AROA")
    if caller.unique_id:
        matches = caller.unique_id == unique_id
        return NOBODY if not matches else Named(role=TRUE) if role else EVERYBODY
    own = context.get("aws:userid")
    if isinstance(own, Unknown):
        if any(
            string_regex((("glob", each),)).fullmatch(f"{unique_id}:any" if role else unique_id)
            for each in own.excluding
        ):
            return NOBODY
        if role and disjoint((("glob", own.pattern),), (("literal", unique_id), ("glob", ":*"))):
            return NOBODY
        return Named(role=UNKNOWN) if role else Named(direct=UNKNOWN)
    if len(own) != 1:
        return NOBODY
    if role:
        return Named(role=TRUE) if own[0].split(":", 1)[0] == unique_id else NOBODY
    return EVERYBODY if own[0] == unique_id else NOBODY
