"""`iam:PassRole`: operations that hand a role to a service.

Source: Service Authorization Reference, the "dependent actions" column; IAM User Guide, "Grant a user permissions to
pass a role to an AWS service".
"""

from __future__ import annotations

from localcloud.access import Access
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources.template import account_in, values

_PASSES: dict[str, tuple[str, str]] = {
    "ec2:CreateFlowLogs": ("DeliverLogsPermissionArn", "vpc-flow-logs.amazonaws.com"),
    "lambda:CreateFunction": ("Role", "lambda.amazonaws.com"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda.amazonaws.com"),
    "cloudtrail:CreateTrail": ("CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    "cloudtrail:UpdateTrail": ("CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    "events:PutTargets": ("Targets.RoleArn", "events.amazonaws.com"),
    "events:PutRule": ("RoleArn", "events.amazonaws.com"),
    "logs:PutSubscriptionFilter": ("roleArn", "logs.amazonaws.com"),
    "logs:PutDestination": ("roleArn", "logs.amazonaws.com"),
    "states:CreateStateMachine": ("roleArn", "states.amazonaws.com"),
    "budgets:CreateBudgetAction": ("ExecutionRoleArn", "budgets.amazonaws.com"),
    "ecs:RegisterTaskDefinition": ("taskRoleArn", "ecs-tasks.amazonaws.com"),
    "sagemaker:CreateTrainingJob": ("RoleArn", "sagemaker.amazonaws.com"),
    "sagemaker:CreateNotebookInstance": ("RoleArn", "sagemaker.amazonaws.com"),
    "cloudformation:CreateStack": ("RoleARN", "cloudformation.amazonaws.com"),
    "glue:CreateJob": ("Role", "glue.amazonaws.com"),
}


def accesses(operation: Operation, caller: Caller) -> tuple[Access, ...]:
    """`iam:PassRole` on each role that the operation hands over."""
    passes = _PASSES.get(f"{operation.service.prefix}:{operation.name}")
    if passes is None:
        return ()
    parameter, service = passes
    return tuple(passing(arn, service, caller) for arn in values(operation.params, parameter))


def passing(role_arn: str, service: str, caller: Caller) -> Access:
    """`iam:PassRole` on one role."""
    arn = role_arn if role_arn.startswith("arn:") else f"arn:aws:iam::{caller.account}:role/{role_arn}"
    return Access("iam:PassRole", arn, account_in(arn, caller.account), {"iam:PassedToService": service})
