"""An evaluator of AWS authorisation over policy documents: concrete decisions and symbolic proofs.

    request, documents = parse_question(document)
    authorise(request, documents).allowed

`build_request`, `compile_policy` and `Labelled` serve a caller that holds its policies already, such as a gateway.
"""

from compliance.reason.iam.context import ABSENT, ANYTHING, Context, Unknown, parse_context
from compliance.reason.iam.decide import authorise
from compliance.reason.iam.decision import Decision, Reason
from compliance.reason.iam.grants import Grant, parse_grants
from compliance.reason.iam.policy import Policy, compile_policy
from compliance.reason.iam.principals import Principal, parse_arn_principal
from compliance.reason.iam.question import parse_principal, parse_question
from compliance.reason.iam.request import Documents, Labelled, Level, Request, build_request
from compliance.reason.iam.symbolic import Possibility, open_request, possible

__all__ = [
    "ABSENT",
    "ANYTHING",
    "Context",
    "Decision",
    "Documents",
    "Grant",
    "Labelled",
    "Level",
    "Policy",
    "Possibility",
    "Principal",
    "Reason",
    "Request",
    "Unknown",
    "authorise",
    "build_request",
    "compile_policy",
    "open_request",
    "parse_arn_principal",
    "parse_context",
    "parse_grants",
    "parse_principal",
    "parse_question",
    "possible",
]
