"""Members of policies (`user:…`, `principalSet://…`, `allUsers`, …), read from either of IAM's spellings.

Source: IAM, "Principal identifiers" (the v1 form of allow policies, the v2 form of deny policies).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from compliance.errors import ComplianceError

Kind = Literal[
    "everyone", "authenticated", "user", "serviceAccount", "group", "domain", "customer", "projectRole", "subject",
    "pool", "hierarchy", "deleted",
]  # fmt: skip
_EMAIL_KINDS: Final[dict[str, Kind]] = {"user": "user", "serviceAccount": "serviceAccount", "group": "group"}
_ROLES: Final = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
_IAM: Final = "iam.googleapis.com/"
_POOL: Final = re.compile(
    r"(?P<pool>projects/[^/]+/locations/global/workloadIdentityPools/[^/]+|locations/global/workforcePools/[^/]+)/(?P<rest>.+)"
)
_HIERARCHY: Final = re.compile(r"(?P<node>(?:projects|folders|organizations)/[^/]+)(?:/type/(?P<type>\w+))?")
_KUBERNETES: Final = re.compile(
    r"(?P<project>[^\[\]]+)\.svc\.id\.goog\[(?P<namespace>[^/\[\]]+)/(?P<account>[^/\[\]]+)\]"
)


@dataclass(frozen=True, slots=True)
class Member:
    """One member.

    Attributes:
        value: the e-mail address, domain, customer, project or hierarchy node; for `subject` and `pool` the pool.
        selector: `subject` for one identity of a pool, else `*`, `group` or `attribute.<name>`; for `hierarchy` the
            type of principals, if limited; for `projectRole` the basic role.
        selected: the subject, group or value that the selector names.
    """

    kind: Kind
    text: str
    value: str = ""
    selector: str = ""
    selected: str = ""


@lru_cache(maxsize=65536)
def parse_member(text: str, place: str) -> Member:
    """The member that a text names.

    Raises:
        ComplianceError: naming `place`, if IAM has no such form.
    """
    if text in ("allUsers", "principalSet://goog/public:all"):
        return Member("everyone", text)
    if text in ("allAuthenticatedUsers", "principalSet://goog/public:allAuthenticatedUsers"):
        return Member("authenticated", text)
    if text.startswith("deleted:"):
        return Member("deleted", text)
    if text.startswith(("principal://", "principalSet://")):
        return _identifier(text, place)
    kind, colon, value = text.partition(":")
    if not colon or not value:
        raise ComplianceError(place, f"{text!r} is no principal; expected for example user:ada@example.com")
    if kind in _ROLES:
        return Member("projectRole", text, value, _ROLES[kind])
    if kind == "domain":
        return Member("domain", text, value.lower())
    if kind not in _EMAIL_KINDS:
        raise ComplianceError(place, f"unknown type of principal {kind!r} in {text!r}")
    found = _KUBERNETES.fullmatch(value) if kind == "serviceAccount" else None
    if found is not None:
        subject = f"ns/{found['namespace']}/sa/{found['account']}"
        return Member("subject", text, f"kubernetes/{found['project']}", "subject", subject)
    if "@" not in value:
        raise ComplianceError(place, f"{text!r} names no e-mail address")
    return Member(_EMAIL_KINDS[kind], text, value.lower())


def _identifier(text: str, place: str) -> Member:
    scheme, _, rest = text.partition("://")
    if rest.startswith("goog/"):
        return _google(scheme, rest.removeprefix("goog/"), text, place)
    if rest.startswith("cloudresourcemanager.googleapis.com/"):
        found = _HIERARCHY.fullmatch(rest.removeprefix("cloudresourcemanager.googleapis.com/"))
        if found is not None and scheme == "principalSet":
            return Member("hierarchy", text, found["node"], found["type"] or "")
    if rest.startswith(f"{_IAM}projects/-/serviceAccounts/") and scheme == "principal":
        return Member("serviceAccount", text, rest.rsplit("/", 1)[1].lower())
    found = _POOL.fullmatch(rest.removeprefix(_IAM)) if rest.startswith(_IAM) else None
    if found is None:
        raise ComplianceError(place, f"{text!r} is no principal identifier of IAM")
    pool, what = found["pool"], found["rest"]
    selector, _, selected = what.partition("/")
    if scheme == "principal" and selector == "subject" and selected:
        return Member("subject", text, pool, "subject", selected)
    if scheme == "principalSet" and (what == "*" or selected):
        return Member("pool", text, pool, selector, selected)
    raise ComplianceError(place, f"{text!r}: expected subject/…, group/…, attribute.<name>/… or *")


def _google(scheme: str, rest: str, text: str, place: str) -> Member:
    what, _, value = rest.partition("/")
    if scheme == "principal" and what == "subject" and "@" in value:
        kind: Kind = "serviceAccount" if value.endswith(".gserviceaccount.com") else "user"
        return Member(kind, text, value.lower())
    if scheme == "principalSet" and what == "group" and "@" in value:
        return Member("group", text, value.lower())
    if scheme == "principalSet" and what == "cloudIdentityCustomerId" and value:
        return Member("customer", text, value)
    raise ComplianceError(place, f"{text!r} is no principal identifier of IAM")


_OWN: Final = re.compile(r"[^@]+@(?P<project>[^.]+(?:\.[^.]+)?)\.iam\.gserviceaccount\.com")
_DEFAULT: Final = re.compile(
    r"(?P<project>\d+)-compute@developer\.gserviceaccount\.com|(?P<app>[^@]+)@appspot\.gserviceaccount\.com|(?P<apis>\d+)@cloudservices\.gserviceaccount\.com"
)
_AGENT: Final = re.compile(
    r"service-(?:(?P<kind>org|folder)-)?(?P<number>\d+)@(?P<service>[\w-]+)\.iam\.gserviceaccount\.com"
)


@lru_cache(maxsize=65536)
def project_of_email(email: str) -> str:
    """Id or number of the project that a service account's address names; empty if it names none.

    A service agent (`service-<number>@…`) belongs to the project it works for; one of a whole folder or organisation is
    answered with that.
    """
    email = email.lower()
    agent = _AGENT.fullmatch(email)
    if agent is not None:
        levels = {"org": "organizations", "folder": "folders"}
        return f"{levels[agent['kind']]}/{agent['number']}" if agent["kind"] else str(agent["number"])
    found = _DEFAULT.fullmatch(email)
    if found is not None:
        return found["project"] or found["app"] or found["apis"]
    own = _OWN.fullmatch(email)
    if own is None:
        return ""
    name, _, domain = own["project"].partition(".")
    return f"{domain}:{name}" if domain else name


def is_service_agent(email: str) -> bool:
    """Whether an address is that of a Google-managed service agent."""
    return _AGENT.fullmatch(email.lower()) is not None or email.lower().endswith("@cloudservices.gserviceaccount.com")
