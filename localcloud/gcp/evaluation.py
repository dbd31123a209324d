"""The authoriser: the proof engine's own evaluator of Google Cloud's policies over the deployed inventory.

What is deployed does not change while it is loaded, so the policies that apply to an asset are read once. A policy that
cannot be read, or a verdict that is not certain, refuses.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from compliance.errors import ComplianceError
from compliance.reason.gcp import Documents, authorise, parse_documents, parse_request
from compliance.reason.gcp.question import parse_target
from localcloud.gcp.access import Access, Caller, Decision, Origin
from localcloud.gcp.computed import project_number
from localcloud.gcp.inventory import Asset, Inventory, resource_name

_CRM = "//cloudresourcemanager.googleapis.com/"


class Evaluator:
    """Decides against an inventory; see `access.Authoriser`."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._documents: dict[str, Documents] = {}

    def decide(self, caller: Caller, origin: Origin, access: Access, now: datetime) -> Decision:
        """Whether the caller may do this from there, and by which statement of which policy."""
        asset = self._inventory.assets.get(access.fallback or access.resource)
        if asset is None:
            return Decision(False, f"{access.resource}: is not deployed, so no policy allows anything on it")
        try:
            target = self._target(access.resource, asset)
            request = parse_request(
                {
                    "permission": access.permission,
                    "method": access.method,
                    "resource": target,
                    "principal": self._principal(caller),
                    "source": {"project": origin.project, "network": origin.network} if origin.project else {},
                    "also": list(access.also),
                    "context": {"request.time": now.strftime("%Y-%m-%dT%H:%M:%SZ"), **dict(access.attributes)},
                },
                "request",
            )
            verdict = authorise(request, self._applying(asset, target))
        except ComplianceError as error:
            return Decision(False, f"cannot be evaluated: {error}")
        reason = verdict.decided_by
        words = f"{reason.statement} of {reason.policy}" if reason.statement else f"{reason.policy}: {reason.text}"
        return Decision(
            verdict.decision == "allowed", words if verdict.decision != "indeterminate" else f"not certain: {words}"
        )

    def _target(self, resource: str, asset: Asset) -> dict[str, Any]:
        ancestors = self._inventory.ancestors(asset.name)
        found: dict[str, Any] = {"name": resource, "ancestors": ancestors}
        project = self._inventory.assets.get(f"{_CRM}{ancestors[0]}") if ancestors else None
        if project is not None and "projectId" in project.data:
            found["projectId"] = project.data["projectId"]
        return found

    def _principal(self, caller: Caller) -> dict[str, Any]:
        if caller.kind == "anonymous":
            return {"type": "anonymous"}
        found: dict[str, Any] = {"member": caller.member}
        if caller.kind == "user":
            found["groups"] = list(caller.groups)
        if caller.kind == "serviceAccount":
            found["groups"] = []
            found["ancestors"] = self._ancestors(caller.id.partition("@")[2].removesuffix(".iam.gserviceaccount.com"))
        if caller.kind == "federated":
            found["attributes"] = dict(caller.attributes)
            found["ancestors"] = self._ancestors(caller.pool.split("/")[1])
        return {key: value for key, value in found.items() if key != "ancestors" or value}

    def _ancestors(self, project: str) -> list[str]:
        name = f"{_CRM}projects/{project_number(project)}"
        return self._inventory.ancestors(name) if name in self._inventory.assets else []

    def _applying(self, asset: Asset, target: dict[str, Any]) -> Documents:
        if asset.name not in self._documents:
            levels = []
            at: Asset | None = asset
            while at is not None:
                if at.iam.get("bindings"):
                    levels.append({"level": at.name, "policy": {"bindings": at.iam["bindings"]}})
                at = self._inventory.assets.get(at.parent)
            document = {
                "allowPolicies": levels,
                "denyPolicies": self._of_levels(self._inventory.deny_policies, target["ancestors"]),
                "organizationPolicies": self._constraints(target["ancestors"]),
                **self._everywhere,
            }
            self._documents[asset.name] = parse_documents(document, "deployed", parse_target(target, "target"))
        return self._documents[asset.name]

    def _of_levels(self, policies: dict[str, list[dict[str, Any]]], ancestors: list[str]) -> list[dict[str, Any]]:
        return [{"level": node, "policies": policies[node]} for node in reversed(ancestors) if node in policies]

    def _constraints(self, ancestors: list[str]) -> list[dict[str, Any]]:
        named = [(node, self._inventory.org_policies.get(resource_name(node))) for node in reversed(ancestors)]
        return [{"level": node, "policies": policies} for node, policies in named if policies]

    @cached_property
    def _everywhere(self) -> dict[str, Any]:
        """What applies wherever the resource is: perimeters, levels, boundaries of principals, custom roles."""
        inventory = self._inventory
        bound = {policy["name"]: policy for policy in inventory.boundaries}
        boundaries = [
            {"policy": bound[binding["policy"]], "binding": binding}
            for binding in inventory.bindings
            if binding["policy"] in bound
        ]
        return {
            "principalAccessBoundaries": boundaries,
            "servicePerimeters": inventory.perimeters,
            "accessLevels": inventory.access_levels,
            "roles": [role.data for role in inventory.of_type("iam.googleapis.com/Role")],
        }
