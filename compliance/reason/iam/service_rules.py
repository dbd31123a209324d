"""What single services decide besides policies."""

from __future__ import annotations

from typing import Final

from compliance.reason.iam.request import Request
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth

_NO_PERMISSION_NEEDED: Final = frozenset({"sts:getcalleridentity", "sts:getsessiontoken"})

_RCP_SERVICES: Final = frozenset(
    {
        "s3", "sts", "kms", "sqs", "secretsmanager", "ecr", "aoss", "dynamodb", "logs", "cognito-identity",
        "cognito-idp",
    }
)  # fmt: skip
"""Services whose actions an RCP can restrict (AWS Organizations User Guide, "Services that support RCPs")."""

_AWS_POLICY_WRITES: Final = frozenset(
    f"iam:{name}"
    for name in (
        "createpolicy", "createpolicyversion", "deletepolicy", "deletepolicyversion", "setdefaultpolicyversion",
        "tagpolicy", "untagpolicy",
    )
)  # fmt: skip
_RESERVED_ROLE_WRITES: Final = frozenset(
    f"iam:{name}"
    for name in (
        "attachrolepolicy", "createrole", "createservicelinkedrole", "deleterole", "deleterolepermissionsboundary",
        "deleterolepolicy", "deleteservicelinkedrole", "detachrolepolicy", "passrole", "putrolepermissionsboundary",
        "putrolepolicy", "tagrole", "untagrole", "updateassumerolepolicy", "updaterole", "updateroledescription",
    )
)  # fmt: skip
_ALIAS_WRITES: Final = frozenset({"kms:createalias", "kms:deletealias", "kms:updatealias"})


def always_allowed(request: Request) -> str:
    """Why no policy can refuse the request; empty if policies decide (STS API reference, the operations' notes)."""
    if request.action.lower() in _NO_PERMISSION_NEEDED and request.principal.in_aws:
        return f"{request.action} needs no permission and no policy can deny it"
    return ""


def never_allowed(request: Request) -> str:
    """Why no policy can allow the request; empty if policies decide."""
    action, resource = request.action.lower(), request.resource
    if action in _AWS_POLICY_WRITES and ":iam::aws:policy/" in resource:
        return "policies managed by AWS can be changed by AWS only"
    if action in _RESERVED_ROLE_WRITES and ":role/aws-reserved/" in resource:
        return "roles under /aws-reserved/ can be changed by AWS only"
    if action in _ALIAS_WRITES and ":alias/aws/" in resource:
        return "aliases under alias/aws/ belong to AWS"
    if action == "sts:assumerole" and request.principal.kind == "root":
        return "the root user cannot assume a role"
    return ""


_ROOTS_OWN: Final = frozenset({"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"})


def beyond_bucket_policy(request: Request) -> Truth:
    """Whether no statement of the bucket's policy denies it: the owner's root user cannot lock itself out.

    Endpoint and organisation policies still can (S3 API reference, PutBucketPolicy).
    """
    if request.action.lower() not in _ROOTS_OWN or not request.same_account:
        return FALSE
    return {"root": TRUE, "any-of-account": UNKNOWN}.get(request.principal.kind, FALSE)


def rcp_applies(request: Request) -> bool:
    """Whether resource control policies can restrict the request.

    They apply to every caller, anonymous and AWS services included, but not to service-linked roles.
    """
    return (
        request.service in _RCP_SERVICES
        and not request.principal.service_linked
        and request.action.lower() != "kms:retiregrant"
    )
