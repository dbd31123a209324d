"""An evaluator of Google Cloud authorisation over policy documents: concrete decisions and symbolic proofs.

request, documents = parse_question(document)
authorise(request, documents).allowed
"""

from compliance.reason.gcp.decide import Documents, authorise
from compliance.reason.gcp.outcome import Decision
from compliance.reason.gcp.principals import Directory, Principal
from compliance.reason.gcp.question import parse_documents, parse_principal, parse_question, parse_request
from compliance.reason.gcp.request import Request, Source, Target
from compliance.reason.gcp.symbolic import Possibility, open_request, possible

__all__ = [
    "Decision",
    "Directory",
    "Documents",
    "Possibility",
    "Principal",
    "Request",
    "Source",
    "Target",
    "authorise",
    "open_request",
    "parse_documents",
    "parse_principal",
    "parse_question",
    "parse_request",
    "possible",
]
