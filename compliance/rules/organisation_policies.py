"""The organisation's locks: what SCPs stop the tenant from doing, whom RCPs keep away."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.rules import organisation as org
from compliance.rules.model import About, Check, Outcome, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.populations import the_account
from compliance.rules.probe import STRANGER, Question, anonymous, certainly_denied, other_tenants, someone
from compliance.rules.view import View


def _denied_by(kind: str, actions: tuple[str, ...], what: str, *, foreign_resource: bool = False) -> Check:
    """A check: the SCPs that hold for the account deny every one of `actions` to the tenant's own principals."""

    def check(view: View, _resource: Resource) -> Outcome:
        documents = org.effective(view, view.account, kind)
        owner = STRANGER if foreign_resource else view.account
        fixed = {"aws:ResourceAccount": owner, "aws:ViaAWSService": "false", "aws:PrincipalArn": _tenant_role(view)}
        open_ = [
            action
            for action in actions
            if not certainly_denied(documents, "scp", Question(action, "*", owner, someone(view.account), fixed))
        ]
        return decide(
            not open_,
            f"every one of {len(actions)} actions is denied: {what}",
            f"not denied: {', '.join(open_)}; {what}",
        )

    return check


def _tenant_role(view: View) -> str:
    return f"arn:aws:iam::{view.account}:role/{view.tenant.roles['trainer']}"


def _rcp_denies_strangers(view: View, _resource: Resource) -> Outcome:
    documents = org.effective(view, view.account, org.RCP)
    open_ = []
    for action in (
        "s3:GetObject",
        "s3:PutObject",
        "kms:Decrypt",
        "kms:CreateGrant",
        "secretsmanager:GetSecretValue",
        "sts:AssumeRole",
    ):
        for who, caller in (("another account", someone(STRANGER)), ("anyone, unsigned", anonymous())):
            if action == "sts:AssumeRole" and who != "another account":
                continue
            fixed = {"aws:PrincipalIsAWSService": "false", "aws:SecureTransport": "true", "aws:ViaAWSService": "false"}
            question = Question(action, "*", view.account, caller, fixed)
            if not certainly_denied(documents, "rcp", question):
                open_.append(f"{action} by {who}")
    return judge_problems(open_, "no principal of another account, and no unsigned request, gets past the RCPs")


def _rcp_denies_other_tenants(view: View, _resource: Resource) -> Outcome:
    documents = org.effective(view, view.account, org.RCP)
    fixed = {"aws:SecureTransport": "true", "aws:ViaAWSService": "false"}
    open_ = [
        f"{action} by tenant {name}"
        for names, account in other_tenants(view, documents)
        for action in ("s3:GetObject", "kms:Decrypt", "sts:AssumeRole")
        if not certainly_denied(documents, "rcp", Question(action, "*", view.account, someone(account), fixed))
        for name in names
    ]
    return judge_problems(open_, "no principal of any other tenant gets past the RCPs")


def _other_tenants(view: View) -> Iterator[Resource]:
    if any(other.account != view.account for other in view.scope.tenants):
        yield from the_account(view)


def _scp_rule(name: str, title: str, threat: str, actions: tuple[str, ...], severity: Severity, **more: bool) -> Rule:
    return Rule(
        id=f"perimeter.{name}",
        title=title,
        severity=severity,
        about=About.TENANT,
        threat=threat,
        blind="Whether the deployer's own role, which the policies except, is used for it. What a caller controls "
        "counts as open.",
        remediation="Attach the platform's SCPs to the unit of the tenants; deploy the organisation stack again.",
        objectives=("isolation.identity", "change.guardrails"),
        needs=org.NEEDS,
        population=the_account,
        check=_denied_by(org.SCP, actions, title[0].lower() + title[1:], **more),
    )


RULES: tuple[Rule, ...] = (
    _scp_rule(
        "scp-no-foreign-resources",
        "SCPs stop the tenant's principals from reaching resources of other accounts",
        "Code of the tenant writes data to a bucket of another account or decrypts with another account's key.",
        ("s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:Encrypt", "kms:ReEncryptTo"),
        Severity.HIGH,
        foreign_resource=True,
    ),
    _scp_rule(
        "scp-stays-in-organisation",
        "SCPs stop the account from leaving the organisation",
        "An account that leaves takes its data with it and drops every policy of the organisation.",
        ("organizations:LeaveOrganization",),
        Severity.HIGH,
    ),
    _scp_rule(
        "scp-no-network-openings",
        "SCPs stop new ways out of the tenant's network",
        "A gateway, a peering or a transit attachment opens a path to the internet or to another tenant.",
        (
            "ec2:AttachInternetGateway",
            "ec2:CreateInternetGateway",
            "ec2:CreateNatGateway",
            "ec2:CreateVpcPeeringConnection",
            "ec2:AcceptVpcPeeringConnection",
            "ec2:CreateTransitGatewayVpcAttachment",
        ),
        Severity.HIGH,
    ),
    _scp_rule(
        "scp-audit-stays-on",
        "SCPs stop the trail and the logs from being stopped or deleted",
        "Whoever attacks first blinds the record.",
        ("cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "logs:DeleteLogGroup", "ec2:DeleteFlowLogs"),
        Severity.HIGH,
    ),
    _scp_rule(
        "scp-no-sharing",
        "SCPs stop snapshots, images and RAM shares from being given to other accounts",
        "A snapshot shared with another account is a copy of the data outside every lock.",
        ("ec2:ModifySnapshotAttribute", "ec2:ModifyImageAttribute", "ram:CreateResourceShare"),
        Severity.HIGH,
    ),
    _scp_rule(
        "scp-key-policies-stay",
        "SCPs stop key and bucket policies from being changed by the tenant",
        "A changed key policy releases data keys without attestation.",
        ("kms:PutKeyPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
        Severity.HIGH,
    ),
    Rule(
        id="perimeter.rcp-no-strangers",
        title="RCPs stop every principal of another account",
        severity=Severity.CRITICAL,
        about=About.TENANT,
        threat="A resource policy with a mistake lets another account in.",
        blind="Services that RCPs do not cover; AWS services acting for others.",
        remediation="Attach the platform's RCP to the unit of the tenants; deploy the organisation stack again.",
        objectives=("isolation.resource",),
        needs=org.NEEDS,
        population=the_account,
        check=_rcp_denies_strangers,
    ),
    Rule(
        id="perimeter.rcp-no-other-tenants",
        title="RCPs stop every principal of every other tenant",
        severity=Severity.CRITICAL,
        about=About.TENANT,
        threat="Another tenant with full rights in its own account reaches data, keys or roles of this one.",
        blind="Services that RCPs do not cover.",
        remediation="Remove the exception from the RCP; no tenant's account may stand in it.",
        objectives=("isolation.resource",),
        needs=org.NEEDS,
        population=_other_tenants,
        check=_rcp_denies_other_tenants,
    ),
)
