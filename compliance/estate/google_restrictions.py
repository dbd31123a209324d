"""What only restricts on Google Cloud: deny policies, boundaries, organisation policies, perimeters, access levels.

Each that is malformed is left out and said: it then restricts nothing, which can raise an alarm but hide no leak.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from compliance.errors import ComplianceError
from compliance.estate.google_kinds import node_of
from compliance.estate.google_owners import GoogleOwners
from compliance.facts.fact import Fact
from compliance.reason.gcp.access_levels import AccessLevel, parse_access_level
from compliance.reason.gcp.boundary import Boundary, parse_boundary
from compliance.reason.gcp.deny import DenyPolicy, parse_deny_policy
from compliance.reason.gcp.organisation_policy import ConstraintPolicy, parse_constraint_policy
from compliance.reason.gcp.perimeter import Borders
from compliance.reason.gcp.perimeter_documents import Perimeter, parse_perimeter

_ORG_POLICY = "orgpolicy.googleapis.com/Policy"


class Restrictions:
    """Restricting documents by the node they hold for."""

    def __init__(self, whose: GoogleOwners) -> None:
        """Starts empty."""
        self.whose = whose
        self.problems: list[str] = []
        self._deny: dict[str, dict[str, DenyPolicy]] = defaultdict(dict)
        self._constraints: dict[str, dict[str, ConstraintPolicy]] = defaultdict(dict)
        self._perimeters: dict[str, Perimeter] = {}
        self._levels: dict[str, AccessLevel] = {}
        self._boundary_policies: dict[str, Mapping[str, Any]] = {}
        self._bindings: list[Mapping[str, Any]] = []

    def take(self, fact: Fact) -> None:
        """Reads a fact of IAM v2 or v3."""
        response = fact.response if isinstance(fact.response, Mapping) else {}
        if fact.api in ("iam:ListDenyPolicies", "iam:GetDenyPolicy", "iam:ListPolicies", "iam:GetPolicy"):
            for policy in response.get("policies") or ([response] if "rules" in response else []):
                self._deny_policy(policy)
        for policy in response.get("principalAccessBoundaryPolicies") or ():
            self._boundary_policies[str(policy.get("name", ""))] = policy
            self._boundary_policies[str(policy.get("uid", ""))] = policy
        self._bindings += [b for b in response.get("policyBindings") or () if isinstance(b, Mapping)]

    def asset(self, asset: Mapping[str, Any], name: str, kind: str) -> None:
        """Reads what an asset says of organisation and access policies."""
        node = self._node(node_of(name))
        for policy in asset.get("orgPolicy") or ():
            self._constraint(policy, node, name)
        data = (asset.get("resource") or {}).get("data") or {}
        if kind == _ORG_POLICY:
            at = self._node(str(data.get("name", "")).partition("/policies/")[0])
            self._constraint(data, at, name)
        perimeter = asset.get("servicePerimeter") or (data if kind.endswith("/ServicePerimeter") else None)
        if isinstance(perimeter, Mapping):
            self._perimeter(perimeter)
        level = asset.get("accessLevel") or (data if kind.endswith("/AccessLevel") else None)
        if isinstance(level, Mapping):
            try:
                found = parse_access_level(level, str(level.get("name", name)))
                self._levels[found.name] = found
            except ComplianceError as error:
                self.problems.append(str(error))

    def _node(self, node: str) -> str:
        return self.whose.node(node) if node.startswith("projects/") else node

    def _deny_policy(self, policy: Any) -> None:
        name = unquote(str(policy.get("name", ""))) if isinstance(policy, Mapping) else ""
        node = self._node(name.partition("cloudresourcemanager.googleapis.com/")[2].partition("/denypolicies")[0])
        try:
            self._deny[node][name] = parse_deny_policy(policy, node, name or "deny policy")
        except ComplianceError as error:
            self.problems.append(str(error))

    def _constraint(self, policy: Any, node: str, place: str) -> None:
        try:
            found = parse_constraint_policy(policy, node, place)
            self._constraints[node][found.constraint] = found
        except ComplianceError as error:
            self.problems.append(str(error))

    def _perimeter(self, document: Mapping[str, Any]) -> None:
        name = str(document.get("name", ""))
        try:
            self._perimeters[name] = parse_perimeter(document, name)
        except ComplianceError as error:
            self.problems.append(str(error))

    def deny(self) -> dict[str, tuple[DenyPolicy, ...]]:
        """Deny policies by node."""
        return {node: tuple(found.values()) for node, found in self._deny.items()}

    def constraints(self) -> dict[str, tuple[ConstraintPolicy, ...]]:
        """Organisation policies by node."""
        return {node: tuple(found.values()) for node, found in self._constraints.items()}

    def borders(self) -> Borders:
        """Perimeters with their access levels."""
        return Borders(tuple(self._perimeters.values()), self._levels)

    def boundaries(self) -> tuple[Boundary, ...]:
        """Principal access boundary policies as far as they are bound."""
        found: list[Boundary] = []
        for binding in self._bindings:
            key = str(binding.get("policy") or binding.get("policyUid") or "")
            policy = self._boundary_policies.get(key) or self._boundary_policies.get(str(binding.get("policyUid", "")))
            if policy is None:
                continue
            place = str(binding.get("name") or key)
            try:
                found.append(parse_boundary({"policy": policy, "binding": binding}, place))
            except ComplianceError as error:
                self.problems.append(str(error))
        return tuple(found)
