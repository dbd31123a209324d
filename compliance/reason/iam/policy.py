"""Policy documents, validated and compiled.

Source of the grammar: IAM User Guide, "Grammar of the IAM JSON policy language". What IAM would refuse to save is an
error that names the place; nothing is skipped silently.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from compliance.errors import ComplianceError
from compliance.json_text import parse_json
from compliance.reason.iam.conditions import Condition, parse_conditions
from compliance.reason.iam.globs import string_regex
from compliance.reason.iam.principals import PrincipalElement, is_pattern, parse_principal_element
from compliance.reason.iam.variables import Template, parse_template

PolicyKind = Literal["identity", "boundary", "session", "resource", "trust", "key", "bucket", "scp", "rcp", "endpoint"]

_TOP: Final = frozenset({"Version", "Id", "Statement"})
_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_WITHOUT_PRINCIPAL: Final = frozenset({"identity", "boundary", "session", "scp"})
_WITHOUT_RESOURCE: Final = frozenset({"resource", "trust", "key"})

QUOTAS: Final[dict[str, int]] = {
    "identity": 32768,
    "boundary": 6144,
    "session": 6144,
    "trust": 8192,
    "scp": 5120,
    "rcp": 5120,
    "endpoint": 20480,
    "key": 32768,
    "bucket": 20480,
}
"""Characters that AWS accepts at most, white space outside strings not counted.

An identity policy may be the inline policy of a permission set, a session policy one that is managed. Sources: IAM, IAM
Identity Center, Organizations, KMS, S3 and VPC quotas.
"""
_VARIABLES: Final = re.compile(r"\$\{[^}]*\}")
_COLONS_OF_ARN: Final = 5


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        index: position in the policy, from 0.
        actions: patterns of `Action`, or of `NotAction` when `not_action`.
        resources: patterns of `Resource` or `NotResource`; None when left out (the policy's own resource).
        principals: entries of `Principal` or `NotPrincipal`; None when the element is left out.
    """

    index: int
    sid: str
    allow: bool
    actions: re.Pattern[str]
    not_action: bool
    resources: tuple[Template, ...] | None
    not_resource: bool
    principals: tuple[PrincipalElement, ...] | None
    not_principal: bool
    conditions: tuple[Condition, ...]

    @property
    def label(self) -> str:
        """The Sid, or the position when there is none."""
        return self.sid or f"Statement[{self.index}]"


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy document: its statements by effect, and, per action met so far, those that speak of it."""

    kind: PolicyKind
    statements: tuple[Statement, ...]
    _by_action: dict[str, tuple[tuple[Statement, ...], tuple[Statement, ...]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def about(self, action: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """The Allow statements and the Deny statements whose action element covers an action."""
        found = self._by_action.get(action)
        if found is None:
            covering = [s for s in self.statements if (s.actions.fullmatch(action) is not None) != s.not_action]
            found = (tuple(s for s in covering if s.allow), tuple(s for s in covering if not s.allow))
            if len(self._by_action) < 4096:
                self._by_action[action] = found
        return found


_compiled: dict[tuple[str, str], Policy] = {}
_MAX_COMPILED: Final = 20_000


def compile_policy(document: Any, kind: PolicyKind, place: str) -> Policy:
    """The policy of a document; equal documents are compiled once.

    Raises:
        ComplianceError: with the place, if AWS would not accept the document as a policy of this kind.
    """
    if isinstance(document, str):
        document = parse_json(document, place)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    policy = _compiled.get((kind, text))
    if policy is None:
        quota = QUOTAS.get(kind)
        if quota is not None and len(text) > quota:
            raise ComplianceError(place, f"{len(text)} characters; AWS accepts {quota} for this kind of policy")
        policy = _parse(document, kind, place)
        if len(_compiled) >= _MAX_COMPILED:
            _compiled.clear()
        _compiled[kind, text] = policy
    return policy


def _parse(document: Any, kind: PolicyKind, place: str) -> Policy:
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected a policy document (an object)")
    _no_others(document, _TOP, place)
    version = document.get("Version", "2008-10-17")
    if version not in ("2008-10-17", "2012-10-17"):
        raise ComplianceError(f"{place}.Version", f"{version!r} is not a policy version; use 2012-10-17")
    if not isinstance(document.get("Id", ""), str):
        raise ComplianceError(f"{place}.Id", "expected a string")
    if "Statement" not in document:
        raise ComplianceError(place, "Statement is missing")
    body = document["Statement"]
    items = body if isinstance(body, list) else [body]
    if not items and kind not in ("scp", "rcp"):
        raise ComplianceError(f"{place}.Statement", "a policy needs at least one statement")
    statements: list[Statement] = []
    sids: set[str] = set()
    for index, item in enumerate(items):
        where = f"{place}.Statement[{index}]" if isinstance(body, list) else f"{place}.Statement"
        statement = _statement(item, index, kind, where, with_variables=version == "2012-10-17")
        if statement.sid and statement.sid in sids:
            raise ComplianceError(f"{where}.Sid", f"{statement.sid!r} is used twice; a Sid is unique in its policy")
        sids.add(statement.sid)
        statements.append(statement)
    return Policy(kind, tuple(statements))


def _statement(item: Any, index: int, kind: PolicyKind, place: str, *, with_variables: bool) -> Statement:
    if not isinstance(item, dict):
        raise ComplianceError(place, "expected a statement (an object)")
    _no_others(item, _ELEMENTS, place)
    sid = item.get("Sid", "")
    if not isinstance(sid, str):
        raise ComplianceError(f"{place}.Sid", "expected a string")
    if item.get("Effect") not in ("Allow", "Deny"):
        raise ComplianceError(f"{place}.Effect", 'expected "Allow" or "Deny", in exactly this case')
    not_action, actions = _one_of(item, "Action", place)
    if actions is None:
        raise ComplianceError(place, "Action or NotAction is missing")
    not_resource, resources = _one_of(item, "Resource", place)
    if resources is None and kind not in _WITHOUT_RESOURCE:
        raise ComplianceError(place, "Resource or NotResource is missing")
    not_principal, principals = _principals(item, kind, place)
    conditions = item.get("Condition", {})
    return Statement(
        index=index,
        sid=sid,
        allow=item["Effect"] == "Allow",
        actions=_actions(actions, f"{place}.{'NotAction' if not_action else 'Action'}"),
        not_action=not_action,
        resources=None
        if resources is None
        else tuple(_resource(r, f"{place}.Resource", with_variables=with_variables) for r in resources),
        not_resource=not_resource,
        principals=principals,
        not_principal=not_principal,
        conditions=parse_conditions(conditions, f"{place}.Condition", with_variables=with_variables),
    )


def _no_others(document: dict[str, Any], known: frozenset[str], place: str) -> None:
    for name in document:
        if name not in known:
            raise ComplianceError(f"{place}.{name}", f"unknown element; known are {', '.join(sorted(known))}")


def _one_of(item: dict[str, Any], name: str, place: str) -> tuple[bool, list[str] | None]:
    """Whether the `Not` form is used, and the strings of whichever of the two forms is there."""
    if name in item and f"Not{name}" in item:
        raise ComplianceError(place, f"{name} and Not{name} exclude each other")
    negated = f"Not{name}" in item
    used = f"Not{name}" if negated else name
    if used not in item:
        return False, None
    values = item[used] if isinstance(item[used], list) else [item[used]]
    if not values or not all(isinstance(value, str) for value in values):
        raise ComplianceError(f"{place}.{used}", "expected a string or a non-empty list of strings")
    return negated, values


def _actions(patterns: list[str], place: str) -> re.Pattern[str]:
    for pattern in patterns:
        if ":" not in pattern and pattern.strip("*"):
            raise ComplianceError(place, f"{pattern!r} lacks its service prefix, as in s3:GetObject")
    if len(patterns) == 1:
        return string_regex((("glob", patterns[0]),), ignore_case=True)
    alternatives = "|".join(f"(?:{string_regex((('glob', p),)).pattern})" for p in patterns)
    return re.compile(alternatives, re.DOTALL | re.IGNORECASE)


def _resource(text: str, place: str, *, with_variables: bool) -> Template:
    if not text.startswith(("arn:", "*", "?", "${")):
        raise ComplianceError(place, f'{text!r} is neither an ARN nor "*"')
    missing = _COLONS_OF_ARN - _VARIABLES.sub("", text).count(":")
    if text.startswith("arn:") and missing > 0:
        # "AWS automatically completes the ARN by adding wildcard characters (*) to all missing fields" (IAM User Guide,
        # "JSON policy elements: Resource").
        text += ":*" * missing
    return parse_template(text, with_variables=with_variables)


def _principals(item: dict[str, Any], kind: PolicyKind, place: str) -> tuple[bool, tuple[PrincipalElement, ...] | None]:
    if "Principal" in item and "NotPrincipal" in item:
        raise ComplianceError(place, "Principal and NotPrincipal exclude each other")
    negated = "NotPrincipal" in item
    used = "NotPrincipal" if negated else "Principal"
    if used not in item:
        if kind in _WITHOUT_PRINCIPAL or kind == "endpoint":
            return False, None
        raise ComplianceError(
            place, "Principal or NotPrincipal is missing; a policy of a resource says whom it is about"
        )
    if kind in _WITHOUT_PRINCIPAL:
        raise ComplianceError(f"{place}.{used}", "not allowed here; the principal is the one the policy is attached to")
    elements = parse_principal_element(item[used], f"{place}.{used}")
    if negated and any(is_pattern(element) for element in elements):
        raise ComplianceError(f"{place}.{used}", "no wildcard within a principal; use aws:PrincipalArn")
    if kind == "rcp" and (negated or any(element.text != "*" for element in elements)):
        raise ComplianceError(f"{place}.{used}", 'a resource control policy takes only "Principal": "*"')
    return negated, elements
