"""AWS KMS: which key an operation uses, and the condition keys of KMS.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service";
AWS KMS Developer Guide, "AWS KMS condition keys".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from localcloud.access import Access, ContextValue
from localcloud.errors import ApiError
from localcloud.identity import Caller
from localcloud.operation import Operation

# Operations that take no key: their resource is `*`.
_NO_KEY = frozenset(
    {
        "CreateKey", "ListKeys", "ListAliases", "GenerateRandom", "CreateCustomKeyStore", "DeleteCustomKeyStore",
        "ConnectCustomKeyStore", "DisconnectCustomKeyStore", "DescribeCustomKeyStores", "UpdateCustomKeyStore",
        "ListRetirableGrants",
    }
)  # fmt: skip
_WITH_ENCRYPTION_CONTEXT = frozenset(
    {
        "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
    }
)  # fmt: skip


def accesses(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    """The accesses of a KMS operation."""
    name = operation.name
    if name in _NO_KEY:
        return (Access(f"kms:{name}", "*", caller.account, context(operation, caller, "")),)
    if name == "ReEncrypt":
        source = _source_key(operation, "SourceKeyId", caller, region)
        target = key_arn(operation.text("DestinationKeyId"), caller, region)
        source_context = encryption_context(operation.params.get("SourceEncryptionContext"))
        target_context = encryption_context(operation.params.get("DestinationEncryptionContext"))
        shared = {"kms:ReEncryptOnSameKey": str(source == target).lower()}
        return (
            _access("ReEncryptFrom", source, {**shared, **source_context}, operation, caller),
            _access("ReEncryptTo", target, {**shared, **target_context}, operation, caller),
        )
    if name in {"CreateAlias", "DeleteAlias", "UpdateAlias"}:
        return _alias_accesses(operation, caller, region)
    if name == "Decrypt":
        arn = _source_key(operation, "KeyId", caller, region)
    elif name == "RetireGrant" and not operation.text("KeyId"):
        arn = _key_of_grant_token(operation.text("GrantToken"), caller, region)
    else:
        arn = key_arn(operation.text("KeyId"), caller, region)
    return (_access(name, arn, {}, operation, caller),)


def _alias_accesses(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    alias = operation.text("AliasName")
    alias_arn = f"arn:aws:kms:{region}:{caller.account}:{alias}"
    keys = {key_arn(operation.text("TargetKeyId"), caller, region)} if operation.text("TargetKeyId") else set()
    if operation.name != "CreateAlias":
        keys.add(key_arn(alias, caller, region))
    found = [Access(f"kms:{operation.name}", alias_arn, caller.account, context(operation, caller, ""))]
    found += [_access(operation.name, arn, {}, operation, caller) for arn in sorted(keys)]
    return tuple(found)


def _access(name: str, arn: str, extra: Mapping[str, ContextValue], operation: Operation, caller: Caller) -> Access:
    return Access(f"kms:{name}", arn, account_of(arn), {**context(operation, caller, arn), **extra})


def account_of(arn: str) -> str:
    """The account field of an ARN."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def key_arn(identifier: str, caller: Caller, region: str) -> str:
    """The ARN of the key that a key id, key ARN, alias name or alias ARN names; an unknown name keeps its own ARN."""
    from moto.kms.models import kms_backends  # noqa: PLC0415

    account, where, name = caller.account, region, identifier
    if identifier.startswith("arn:"):
        parts = identifier.split(":", 5)
        if len(parts) == 6:
            where, account, name = parts[3], parts[4], parts[5]
    name = name.removeprefix("key/")
    if name.startswith("alias/") and account in kms_backends and where in dict.keys(kms_backends[account]):
        target = kms_backends[account][where].get_key_id_from_alias(name)
        name = target or name
    name = name.rpartition("key/")[2]
    return f"arn:aws:kms:{where}:{account}:{name if name.startswith('alias/') else 'key/' + name}"


_NAMES_OF_SOURCE_KEY = {"Decrypt": "KeyId", "ReEncrypt": "SourceKeyId"}


def _source_key(operation: Operation, name: str, caller: Caller, region: str) -> str:
    """The key that a decryption is decided on: the one that the request names, else the one that made the blob."""
    named = operation.text(name)
    if named:
        return key_arn(named, caller, region)
    made = key_of_ciphertext(operation.params.get("CiphertextBlob"))
    return made or f"arn:aws:kms:{region}:{caller.account}:key/unknown"


def refuse_another_keys_ciphertext(operation: Operation, caller: Caller, region: str) -> None:
    """Refuses a ciphertext that another key made than the one that the request names.

    AWS decides on the key that is named and then uses no other (API Reference, Decrypt and ReEncrypt).

    Raises:
        ApiError: `IncorrectKeyException`, or `InvalidCiphertextException` where no key of this cloud made it.
    """
    named = operation.text(_NAMES_OF_SOURCE_KEY.get(operation.name, ""))
    if not named:
        return
    made = key_of_ciphertext(operation.params.get("CiphertextBlob"))
    if made is None:
        raise ApiError("InvalidCiphertextException", "No key made this ciphertext", 400)
    if made != key_arn(named, caller, region):
        raise ApiError(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
            400,
        )


def key_of_ciphertext(blob: Any) -> str | None:
    """The ARN of the key that made `blob`, or None where the blob is of no key of this cloud.

    moto's ciphertext starts with the 36 characters of the key id (`moto.kms.utils`).
    """
    from moto.kms.models import kms_backends  # noqa: PLC0415

    data = decode_blob(blob)
    key_id = data[:36].decode("ascii", "replace")
    for account, regions in list(kms_backends.items()):
        for where in list(dict.keys(regions)):
            if key_id in regions[where].keys:
                return f"arn:aws:kms:{where}:{account}:key/{key_id}"
    return None


def decode_blob(blob: Any) -> bytes:
    """The bytes of a blob parameter, whether or not it was decoded already."""
    if isinstance(blob, bytes):
        try:
            return base64.b64decode(blob, validate=True)
        except (binascii.Error, ValueError):
            return blob
    if isinstance(blob, str):
        try:
            return base64.b64decode(blob, validate=True)
        except (binascii.Error, ValueError):
            return blob.encode()
    return b""


def _key_of_grant_token(token: str, caller: Caller, region: str) -> str:
    from moto.kms.models import kms_backends  # noqa: PLC0415

    for regions in list(kms_backends.values()):
        for where in list(dict.keys(regions)):
            for key in regions[where].keys.values():
                if any(grant.token == token for grant in key.grants.values()):
                    return str(key.arn)
    return f"arn:aws:kms:{region}:{caller.account}:key/unknown"


def encryption_context(value: Any) -> dict[str, ContextValue]:
    """`kms:EncryptionContext:<key>` for each pair and `kms:EncryptionContextKeys`; nothing without a context."""
    if not isinstance(value, Mapping) or not value:
        return {}
    found: dict[str, ContextValue] = {f"kms:EncryptionContext:{key}": str(text) for key, text in value.items()}
    found["kms:EncryptionContextKeys"] = tuple(str(key) for key in value)
    return found


def context(operation: Operation, caller: Caller, arn: str) -> dict[str, ContextValue]:
    """The condition keys of KMS for this operation; `arn` is the key's, or empty."""
    params = operation.params
    found: dict[str, ContextValue] = {"kms:CallerAccount": caller.account}
    if operation.name in _WITH_ENCRYPTION_CONTEXT:
        found.update(encryption_context(params.get("EncryptionContext")))
    for parameter, key in (
        ("EncryptionAlgorithm", "kms:EncryptionAlgorithm"),
        ("SigningAlgorithm", "kms:SigningAlgorithm"),
        ("MacAlgorithm", "kms:MacAlgorithm"),
        ("MessageType", "kms:MessageType"),
        ("KeySpec", "kms:DataKeyPairSpec"),
        ("KeyPairSpec", "kms:DataKeyPairSpec"),
        ("GranteePrincipal", "kms:GranteePrincipal"),
        ("RetiringPrincipal", "kms:RetiringPrincipal"),
        ("PendingWindowInDays", "kms:ScheduleKeyDeletionPendingWindowInDays"),
        ("RotationPeriodInDays", "kms:RotationPeriodInDays"),
        ("ReplicaRegion", "kms:ReplicaRegion"),
        ("PrimaryRegion", "kms:PrimaryRegion"),
        ("WrappingAlgorithm", "kms:WrappingAlgorithm"),
    ):
        if params.get(parameter) is not None and not (parameter == "KeySpec" and "Pair" not in operation.name):
            found[key] = str(params[parameter])
    if operation.name in {"CreateKey", "PutKeyPolicy", "ReplicateKey"}:
        bypass = params.get("BypassPolicyLockoutSafetyCheck")
        found["kms:BypassPolicyLockoutSafetyCheck"] = str(bool(bypass)).lower()
    if operation.name == "CreateKey":
        found.update(_new_key(params))
    elif arn:
        found.update(existing_key(arn))
    for name in ("KeyId", "TargetKeyId"):
        identifier = operation.text(name)
        if "alias/" in identifier:
            found["kms:RequestAlias"] = "alias/" + identifier.partition("alias/")[2]
    if operation.name == "CreateGrant":
        found.update(_grant(params))
    return found


def _new_key(params: Mapping[str, Any]) -> dict[str, ContextValue]:
    spec = str(params.get("KeySpec") or params.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT")
    return {
        "kms:KeySpec": spec,
        "kms:KeyUsage": str(params.get("KeyUsage") or "ENCRYPT_DECRYPT"),
        "kms:KeyOrigin": str(params.get("Origin") or "AWS_KMS"),
        "kms:MultiRegion": str(bool(params.get("MultiRegion"))).lower(),
    }


def existing_key(arn: str) -> dict[str, ContextValue]:
    """The condition keys that follow from the key itself; none for a key that is not there."""
    key = find_key(arn)
    if key is None:
        return {}
    found: dict[str, ContextValue] = {
        "kms:KeySpec": str(key.key_spec),
        "kms:KeyUsage": str(key.key_usage),
        "kms:KeyOrigin": str(key.origin),
        "kms:MultiRegion": str(bool(key.multi_region)).lower(),
    }
    if key.aliases:
        found["kms:ResourceAliases"] = tuple(sorted(str(alias) for alias in key.aliases))
    return found


def _grant(params: Mapping[str, Any]) -> dict[str, ContextValue]:
    found: dict[str, ContextValue] = {
        "kms:GrantOperations": tuple(str(item) for item in params.get("Operations") or ()),
        # Only AWS services that call on a principal's behalf make this true, and the double has none that do.
        "kms:GrantIsForAWSResource": "false",
    }
    constraints = params.get("Constraints")
    if isinstance(constraints, Mapping) and constraints:
        found["kms:GrantConstraintType"] = next(iter(constraints))
    return found


def find_key(arn: str) -> Any:
    """Moto's record of the key with this ARN, or None."""
    from moto.kms.models import kms_backends  # noqa: PLC0415

    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[4] not in kms_backends or parts[3] not in dict.keys(kms_backends[parts[4]]):
        return None
    return kms_backends[parts[4]][parts[3]].keys.get(parts[5].removeprefix("key/"))
