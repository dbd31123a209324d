"""The question (`Request`), the policies that answer it (`Documents`), and the keys that AWS derives from a request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from compliance.reason.iam.context import Context, Unknown, Value
from compliance.reason.iam.grants import Grant
from compliance.reason.iam.policy import Policy
from compliance.reason.iam.principals import Principal
from compliance.reason.iam.s3 import S3Setting
from compliance.reason.iam.unsupported_keys import lacks_resource_account

_ROLE_TRUST_ACTIONS: Final = frozenset(
    {
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:tagsession",
        "sts:setsourceidentity",
        "sts:setcontext",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """One API request.

    Attributes:
        action: `service:Operation`.
        resource: the ARN, or `*` for an operation without a resource.
        resource_account: 12 digits; the caller's own account for `*`.
        context: condition keys, completed by what follows from caller and resource.
        open_resource: whether `*` in the resource stands for anything (symbolic requests only).
    """

    action: str
    resource: str
    resource_account: str
    principal: Principal
    context: Context = field(compare=False)
    open_resource: bool = False

    @property
    def service(self) -> str:
        """The action's service prefix, in lower case."""
        return self.action.partition(":")[0].lower()

    @property
    def same_account(self) -> bool:
        """Whether caller and resource are of one account."""
        return self.principal.in_aws and self.principal.account == self.resource_account

    @property
    def on_key(self) -> bool:
        """Whether it is about a KMS key, whose key policy is the root of trust."""
        return self.service == "kms" and ":key/" in self.resource

    @property
    def on_role_trust(self) -> bool:
        """Whether it is about assuming a role, which its trust policy must allow."""
        return self.action.lower() in _ROLE_TRUST_ACTIONS and ":role/" in self.resource


@dataclass(frozen=True, slots=True)
class Labelled:
    """A policy with the place it came from, for explanations."""

    label: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Level:
    """The organisation policies attached to one level: the root, an OU or the account."""

    name: str
    policies: tuple[Labelled, ...]


@dataclass(frozen=True, slots=True)
class Documents:
    """Every policy that applies to a request; None where no such policy is set.

    `identity` are the policies of the caller; `boundaries`, `session` limit them. `resource` is the policy of the
    bucket, key, queue, … or the role trust policy. `scps` are those of the caller's account and `rcps` those of the
    resource's, level by level.
    """

    identity: tuple[Labelled, ...] = ()
    boundaries: tuple[Labelled, ...] | None = None
    session: tuple[Labelled, ...] | None = None
    resource: Labelled | None = None
    scps: tuple[Level, ...] = ()
    rcps: tuple[Level, ...] = ()
    endpoint: Labelled | None = None
    grants: tuple[Grant, ...] = ()
    s3: S3Setting | None = None


def build_request(action: str, resource: str, account: str, principal: Principal, context: Context) -> Request:
    """A request whose context is completed by the keys that AWS itself sets; keys already given keep their values."""
    bare = Request(action, resource, account, principal, context)
    return replace(bare, context=context.with_defaults(derived_keys(bare)))


_TYPES: Final = {
    "root": "Account",
    "user": "User",
    "role": "AssumedRole",
    "session": "AssumedRole",
    "federated-user": "FederatedUser",
    "anonymous": "Anonymous",
}


def derived_keys(request: Request) -> dict[str, Value]:
    """The condition keys that follow from caller and resource, as AWS sets them.

    Source: IAM User Guide, "AWS global condition context keys", the availability of each key.
    """
    caller = request.principal
    keys: dict[str, Value] = {}
    if caller.kind in _TYPES:
        keys["aws:principaltype"] = (_TYPES[caller.kind],)
    if caller.kind == "anyone-else":
        return keys | _keys_of_anyone(request)
    if caller.in_aws:
        keys["aws:principalaccount"] = (caller.account,)
        keys["aws:principalarn"] = (caller.role_arn,)
        keys["aws:principalisawsservice"] = ("false",)
        keys.update(_identity_keys(caller))
    elif caller.kind == "anonymous":
        keys["aws:principalaccount"] = ("anonymous",)
    elif caller.kind == "service":
        keys["aws:principalisawsservice"] = ("true",)
        keys["aws:principalservicename"] = (caller.arn,)
        keys["aws:principalservicenameslist"] = (caller.arn,)
    if request.resource_account:
        if not lacks_resource_account(request.action):
            keys["aws:resourceaccount"] = (request.resource_account,)
        if request.service == "s3":
            keys["s3:resourceaccount"] = (request.resource_account,)
    if request.service == "kms" and caller.in_aws:
        keys["kms:calleraccount"] = (caller.account,)
    return keys


def _keys_of_anyone(request: Request) -> dict[str, Value]:
    """What is certain of a caller of any account but some."""
    besides = request.principal.besides
    keys: dict[str, Value] = {
        "aws:principalaccount": Unknown(False, "*", besides),
        "aws:principalarn": Unknown(False, "arn:*:*::*:*", tuple(f"arn:*:*::{account}:*" for account in besides)),
        "aws:principalisawsservice": ("false",),
        "aws:principaltype": Unknown(False),
    }
    if not lacks_resource_account(request.action):
        keys["aws:resourceaccount"] = (request.resource_account,)
    if request.service == "s3":
        keys["s3:resourceaccount"] = (request.resource_account,)
    if request.service == "kms":
        keys["kms:calleraccount"] = keys["aws:principalaccount"]
    return keys


def _identity_keys(caller: Principal) -> dict[str, Value]:
    if caller.kind == "user":
        named: dict[str, Value] = {"aws:username": (caller.name,)}
        return named | ({"aws:userid": (caller.unique_id,)} if caller.unique_id else {})
    if caller.kind == "root":
        return {"aws:userid": (caller.account,)}
    if caller.kind == "federated-user":
        return {"aws:userid": (f"{caller.account}:{caller.name}",)}
    if caller.kind == "session" and caller.unique_id:
        return {"aws:userid": (f"{caller.unique_id}:{caller.session}",)}
    if caller.kind == "any-of-account":
        some = Unknown(may_be_absent=False, pattern=f"arn:*:*::{caller.account}:*")
        # Who it is stays open, and with it whatever AWS derives from that.
        return {
            "aws:principalarn": some,
            "aws:username": Unknown(),
            "aws:userid": Unknown(),
            "aws:principaltype": Unknown(False),
        }
    return {}
