"""Services whose resources follow from parameters alone: operation to ARN templates.

Source: Service Authorization Reference, the "Resource types" and "Actions" tables of each service. What a table does
not list acts on `*`.
"""

from __future__ import annotations

from collections.abc import Mapping

Table = Mapping[str, tuple[str, ...]]


def _same(names: str, *templates: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names.split(), templates)


_GROUP = "arn:aws:logs:{region}:{account}:log-group:{logGroupName}:log-stream:"
_GROUP_ID = "arn:aws:logs:{region}:{account}:log-group:{logGroupIdentifier}:log-stream:"
_STREAM = "arn:aws:logs:{region}:{account}:log-group:{logGroupName}:log-stream:{logStreamName}"
LOGS: Table = {
    **_same(
        "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy PutMetricFilter DeleteMetricFilter "
        "DescribeMetricFilters PutSubscriptionFilter DeleteSubscriptionFilter DescribeSubscriptionFilters "
        "DescribeLogStreams FilterLogEvents StartQuery GetLogGroupFields TagLogGroup UntagLogGroup ListTagsLogGroup "
        "AssociateKmsKey DisassociateKmsKey CreateExportTask PutDataProtectionPolicy GetDataProtectionPolicy "
        "DeleteDataProtectionPolicy StartLiveTail",
        _GROUP,
        _GROUP_ID,
        "arn:aws:logs:{region}:{account}:log-group:{logGroupNames}:log-stream:",
        "arn:aws:logs:{region}:{account}:log-group:{logGroupIdentifiers}:log-stream:",
    ),
    **_same("PutLogEvents GetLogEvents DeleteLogStream", _STREAM),
    **_same("TagResource UntagResource ListTagsForResource", "{resourceArn}"),
    "CreateLogStream": (_STREAM,),
    "DescribeLogGroups": ("arn:aws:logs:{region}:{account}:log-group::log-stream:",),
    **_same(
        "PutDestination DeleteDestination PutDestinationPolicy",
        "arn:aws:logs:{region}:{account}:destination:{destinationName}",
    ),
}
_TRAIL = "arn:aws:cloudtrail:{region}:{account}:trail/{Name}"
CLOUDTRAIL: Table = {
    **_same("CreateTrail DeleteTrail GetTrail GetTrailStatus StartLogging StopLogging UpdateTrail", _TRAIL),
    **_same(
        "PutEventSelectors GetEventSelectors PutInsightSelectors GetInsightSelectors",
        "arn:aws:cloudtrail:{region}:{account}:trail/{TrailName}",
    ),
    **_same("AddTags RemoveTags", "{ResourceId}"),
    "ListTags": ("{ResourceIdList}",),
}
_TOPIC = "{TopicArn}"
SNS: Table = {
    "CreateTopic": ("arn:aws:sns:{region}:{account}:{Name}",),
    **_same(
        "DeleteTopic GetTopicAttributes SetTopicAttributes Subscribe ConfirmSubscription ListSubscriptionsByTopic "
        "AddPermission RemovePermission PublishBatch",
        _TOPIC,
    ),
    "Publish": (_TOPIC, "{TargetArn}"),
    **_same(
        "TagResource UntagResource ListTagsForResource GetDataProtectionPolicy PutDataProtectionPolicy", "{ResourceArn}"
    ),
}
ECR: Table = {
    **_same(
        "CreateRepository DeleteRepository SetRepositoryPolicy GetRepositoryPolicy DeleteRepositoryPolicy PutImage "
        "BatchGetImage BatchDeleteImage BatchCheckLayerAvailability DescribeImages ListImages GetDownloadUrlForLayer "
        "InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutLifecyclePolicy GetLifecyclePolicy "
        "DeleteLifecyclePolicy PutImageScanningConfiguration PutImageTagMutability StartImageScan "
        "DescribeImageScanFindings",
        "arn:aws:ecr:{region}:{account}:repository/{repositoryName}",
    ),
    "DescribeRepositories": ("arn:aws:ecr:{region}:{account}:repository/{repositoryNames}",),
    **_same("TagResource UntagResource ListTagsForResource", "{resourceArn}"),
}
_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{FunctionName}"
LAMBDA: Table = {
    **_same(
        "CreateFunction DeleteFunction GetFunction GetFunctionConfiguration UpdateFunctionCode "
        "UpdateFunctionConfiguration Invoke AddPermission RemovePermission GetPolicy CreateAlias DeleteAlias "
        "GetAlias ListAliases UpdateAlias PublishVersion ListVersionsByFunction PutFunctionConcurrency "
        "DeleteFunctionConcurrency GetFunctionConcurrency CreateFunctionUrlConfig GetFunctionUrlConfig "
        "UpdateFunctionUrlConfig DeleteFunctionUrlConfig GetFunctionCodeSigningConfig PutFunctionEventInvokeConfig",
        _FUNCTION,
    ),
    **_same("TagResource UntagResource ListTags", "{Resource}"),
}
_BUS = "arn:aws:events:{region}:{account}:event-bus/{EventBusName}"
EVENTS: Table = {
    "PutEvents": ("arn:aws:events:{region}:{account}:event-bus/{Entries.EventBusName}",),
    **_same("PutPermission RemovePermission", _BUS),
    **_same("CreateEventBus DeleteEventBus DescribeEventBus", "arn:aws:events:{region}:{account}:event-bus/{Name}"),
    **_same("PutRule DeleteRule DescribeRule EnableRule DisableRule", "arn:aws:events:{region}:{account}:rule/{Name}"),
    **_same("PutTargets RemoveTargets ListTargetsByRule", "arn:aws:events:{region}:{account}:rule/{Rule}"),
    **_same("TagResource UntagResource ListTagsForResource", "{ResourceARN}"),
}
_PARAMETER = "arn:aws:ssm:{region}:{account}:parameter/{Name}"
SSM: Table = {
    **_same("PutParameter GetParameter DeleteParameter GetParameterHistory LabelParameterVersion", _PARAMETER),
    **_same("GetParameters DeleteParameters", "arn:aws:ssm:{region}:{account}:parameter/{Names}"),
    "GetParametersByPath": ("arn:aws:ssm:{region}:{account}:parameter/{Path}",),
    "StartSession": ("arn:aws:ec2:{region}:{account}:instance/{Target}",),
    "SendCommand": (
        "arn:aws:ec2:{region}:{account}:instance/{InstanceIds}",
        "arn:aws:ssm:{region}:{account}:document/{DocumentName}",
    ),
    **_same(
        "CreateDocument DeleteDocument GetDocument UpdateDocument DescribeDocument",
        "arn:aws:ssm:{region}:{account}:document/{Name}",
    ),
}
_ASG = "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{AutoScalingGroupName}"
AUTOSCALING: Table = {
    **_same(
        "CreateAutoScalingGroup UpdateAutoScalingGroup DeleteAutoScalingGroup SetDesiredCapacity AttachInstances "
        "DetachInstances SuspendProcesses ResumeProcesses PutScalingPolicy DeletePolicy PutLifecycleHook "
        "DeleteLifecycleHook EnterStandby ExitStandby PutNotificationConfiguration EnableMetricsCollection "
        "DisableMetricsCollection StartInstanceRefresh PutScheduledUpdateGroupAction DeleteScheduledAction",
        _ASG,
    ),
    **_same(
        "CreateOrUpdateTags DeleteTags",
        "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{Tags.ResourceId}",
    ),
}
CLOUDWATCH: Table = {
    "PutMetricAlarm": ("arn:aws:cloudwatch:{region}:{account}:alarm:{AlarmName}",),
    **_same(
        "DeleteAlarms DisableAlarmActions EnableAlarmActions",
        "arn:aws:cloudwatch:{region}:{account}:alarm:{AlarmNames}",
    ),
    **_same("PutDashboard GetDashboard", "arn:aws:cloudwatch::{account}:dashboard/{DashboardName}"),
    "DeleteDashboards": ("arn:aws:cloudwatch::{account}:dashboard/{DashboardNames}",),
    **_same("TagResource UntagResource ListTagsForResource", "{ResourceARN}"),
}
BUDGETS: Table = {
    **_same(
        "CreateBudget UpdateBudget", "arn:aws:budgets::{account}:budget/{Budget.BudgetName}",
        "arn:aws:budgets::{account}:budget/{NewBudget.BudgetName}",
    ),
    **_same(
        "DeleteBudget DescribeBudget CreateNotification DeleteNotification DescribeNotificationsForBudget "
        "DescribeSubscribersForNotification CreateSubscriber DeleteSubscriber CreateBudgetAction",
        "arn:aws:budgets::{account}:budget/{BudgetName}",
    ),
    **_same("TagResource UntagResource ListTagsForResource", "{ResourceARN}"),
}  # fmt: skip
DYNAMODB: Table = {
    **_same(
        "CreateTable DeleteTable DescribeTable UpdateTable GetItem PutItem DeleteItem UpdateItem Query Scan "
        "DescribeTimeToLive UpdateTimeToLive DescribeContinuousBackups UpdateContinuousBackups",
        "arn:aws:dynamodb:{region}:{account}:table/{TableName}",
    ),
    **_same("TagResource UntagResource ListTagsOfResource PutResourcePolicy GetResourcePolicy", "{ResourceArn}"),
}
RAM: Table = {
    **_same(
        "UpdateResourceShare DeleteResourceShare AssociateResourceShare DisassociateResourceShare TagResource "
        "UntagResource",
        "{resourceShareArn}",
    ),
    **_same("AcceptResourceShareInvitation RejectResourceShareInvitation", "{resourceShareInvitationArn}"),
}
GUARDDUTY: Table = {
    **_same(
        "DeleteDetector GetDetector UpdateDetector CreateFilter GetFilter DeleteFilter",
        "arn:aws:guardduty:{region}:{account}:detector/{DetectorId}",
    ),
}
TABLES: Mapping[str, Table] = {
    "logs": LOGS,
    "cloudtrail": CLOUDTRAIL,
    "sns": SNS,
    "ecr": ECR,
    "lambda": LAMBDA,
    "events": EVENTS,
    "ssm": SSM,
    "autoscaling": AUTOSCALING,
    "cloudwatch": CLOUDWATCH,
    "budgets": BUDGETS,
    "dynamodb": DYNAMODB,
    "ram": RAM,
    "guardduty": GUARDDUTY,
}
# Operations whose IAM action has another name than the operation.
ACTIONS: Mapping[str, str] = {
    # S3 Control: the operation that works on the whole account has a permission of its own.
    "s3:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "s3:DeletePublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "budgets:CreateNotification": "budgets:ModifyBudget",
    "budgets:DeleteNotification": "budgets:ModifyBudget",
    "budgets:CreateSubscriber": "budgets:ModifyBudget",
    "budgets:DeleteSubscriber": "budgets:ModifyBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    "sns:PublishBatch": "sns:Publish",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
