"""The Google Cloud part of the estate, from the assets of Cloud Asset Inventory and a few direct reads.

What only restricts (deny policies, boundaries, organisation policies, perimeters) and could not be read counts as not
there; what grants and could not be read is a gap.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from compliance.errors import ComplianceError
from compliance.estate.google_handovers import handovers_of
from compliance.estate.google_kinds import KINDS, NETWORKS, above, access_lists, entries, node_of, normal_name
from compliance.estate.google_model import GoogleEstate, GoogleResource, Provider, ServiceAccount
from compliance.estate.google_owners import GoogleOwners, google_owners_of
from compliance.estate.google_restrictions import Restrictions
from compliance.estate.model import PATHS, PLATFORM, Estate, Gap, Handover, Path
from compliance.estate.times import times
from compliance.facts.fact import Fact, Status
from compliance.facts.google_scope import GoogleScope
from compliance.facts.scope import Scope
from compliance.reason.gcp.acl import Acl, parse_acl
from compliance.reason.gcp.allow import AllowPolicy, parse_allow_policy
from compliance.reason.gcp.roles import CustomRole, parse_roles

ASSETS = "cloudasset:ListAssets"
_BUCKET_LISTS = {"storage:ListBucketAccessControls": "bucket", "storage:ListDefaultObjectAccessControls": "object"}
_CONTENTS = ("RESOURCE", "IAM_POLICY")
_GROUPS = ("cloudidentity:LookupGroup", "cloudidentity:ListMemberships")
_GRANTING = {ASSETS, "storage:ListObjectAcls", "storage:ListObjectAccessControls", *_BUCKET_LISTS, *_GROUPS}


@dataclass
class GoogleParts:
    """What was read of Google Cloud, and what was not."""

    estate: GoogleEstate
    gaps: list[Gap] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)


def google_estate_of(facts: Iterable[Fact], scope: GoogleScope) -> GoogleParts:
    """The Google Cloud part of an estate. Facts of other clouds are passed over."""
    reader = _Reader(scope)
    for fact in facts:
        reader.take(fact)
    return reader.finish()


def with_google(estate: Estate, facts: Iterable[Fact], scope: Scope) -> Estate:
    """An estate with its Google Cloud part beside what was read of AWS; unchanged if there are no such tenants."""
    if scope.google is None:
        return estate
    parts = google_estate_of(facts, scope.google)
    return replace(
        estate,
        tenants=tuple(dict.fromkeys((*estate.tenants, *parts.estate.tenants))),
        google=parts.estate,
        gaps=(*estate.gaps, *parts.gaps),
        handovers=(*estate.handovers, *parts.handovers),
        read={**estate.read, **{f"gcp {kind}": number for kind, number in sorted(parts.read.items())}},
        unknown=(*estate.unknown, *parts.unknown),
    )


def _assets(response: Any) -> Iterator[Mapping[str, Any]]:
    pages = response if isinstance(response, list) else [response]
    for page in pages:
        if isinstance(page, Mapping):
            yield from (asset for asset in page.get("assets") or () if isinstance(asset, Mapping))


class _Reader:
    """Collects assets by name while facts are taken, and makes the estate of them at the end."""

    def __init__(self, scope: GoogleScope) -> None:
        self.scope = scope
        self.whose: GoogleOwners = google_owners_of(scope)
        self.data: dict[str, tuple[str, Mapping[str, Any], tuple[str, ...]]] = {}
        self.policies: dict[str, tuple[Any, tuple[str, ...]]] = {}
        self.restrictions = Restrictions(self.whose)
        self.groups: dict[str, tuple[str, ...]] = {}
        self.object_lists: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.lists: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.gaps: list[Gap] = []
        self.times: list[datetime] = []

    def take(self, fact: Fact) -> None:
        """Reads one fact."""
        if fact.status is not Status.OK:
            if fact.status is not Status.ABSENT and fact.api in _GRANTING:
                self._unread(fact)
            return
        self.times += times(fact.started)
        if fact.api == ASSETS:
            self._listing(fact)
        elif fact.api in ("storage:ListObjectAcls", "storage:ListObjectAccessControls"):
            bucket = str(fact.params.get("bucket", ""))
            self.object_lists[bucket] += entries(fact.response.get("items") or fact.response.get("acl"))
        elif fact.api in _BUCKET_LISTS:
            listed = self.lists.setdefault(str(fact.params.get("bucket", "")), {"bucket": [], "object": []})
            listed[_BUCKET_LISTS[fact.api]] += entries(fact.response.get("items"))
        elif fact.api == "cloudidentity:ListMemberships":
            self._members(fact)
        else:
            self.restrictions.take(fact)

    def gap(self, owners: Iterable[str], paths: tuple[Path, ...], what: str, why: str, where: str = "") -> None:
        """Notes what could not be read."""
        self.gaps.append(Gap(where or self.scope.organisation, tuple(owners), paths, what, why))

    def _unread(self, fact: Fact) -> None:
        # A group lies in no project: what is open is whatever names it in the project for which it was asked.
        parent = fact.account if fact.api in _GROUPS else str(fact.params.get("parent", fact.account))
        owner = self.whose.of_project(parent)
        owners = [owner] if owner not in ("", PLATFORM) else [tenant.id for tenant in self.scope.tenants]
        paths: tuple[Path, ...] = ("data",) if fact.api.startswith("storage:") else PATHS
        if fact.api == ASSETS and fact.params.get("contentType") not in (*_CONTENTS, None):
            return
        why = fact.error["code"] if fact.error else str(fact.status)
        what = f"{fact.api} {fact.params.get('contentType', '')} of {parent}"
        if fact.api in _GROUPS:
            what = f"members of {fact.params.get('group')} ({fact.api}; it needs the role Groups Reader)"
        self.gap(owners, paths, what, why, parent)

    def _listing(self, fact: Fact) -> None:
        """A page of assets. Only a listing of every type says that there is nothing else."""
        content = str(fact.params.get("contentType", ""))
        whole = not fact.params.get("assetTypes")
        for asset in _assets(fact.response):
            self._asset(asset)
            if whole:
                project = next((node for node in asset.get("ancestors") or () if node.startswith("projects/")), "")
                self.seen[project].add(content)
        parent = str(fact.params.get("parent", ""))
        if whole and content == "IAM_POLICY":
            # Without a single policy of its own a project is in no page; every resource, though, is in some page.
            own = [parent] if parent.startswith("projects/") else [f"projects/{n}" for n in self.whose.numbers]
            for node in own:
                self.seen[self.whose.node(node)].add(content)

    def _asset(self, asset: Mapping[str, Any]) -> None:
        name, kind = str(asset.get("name", "")), str(asset.get("assetType", ""))
        ancestors = tuple(asset.get("ancestors") or ())
        name = normal_name(name, kind)
        resource = asset.get("resource")
        if isinstance(resource, Mapping) and isinstance(resource.get("data"), Mapping):
            self.data[name] = (kind, resource["data"], ancestors)
        if isinstance(asset.get("iamPolicy"), Mapping):
            self.policies[name] = (asset["iamPolicy"], ancestors)
        self.restrictions.asset(asset, name, kind)

    def _members(self, fact: Fact) -> None:
        group = str(fact.params.get("group", "")).lower()
        found = []
        for item in fact.response.get("memberships") or ():
            email = str((item.get("preferredMemberKey") or {}).get("id", "")).lower()
            kind = {"SERVICE_ACCOUNT": "serviceAccount", "GROUP": "group"}.get(str(item.get("type", "USER")), "user")
            if "@" in email:
                found.append(f"{kind}:{email}")
        # A group has several pages where it has many members.
        self.groups[group] = tuple(dict.fromkeys((*self.groups.get(group, ()), *found)))

    def finish(self) -> GoogleParts:
        """The estate, with a gap for every tenant's project of which something is missing."""
        for tenant in self.scope.tenants:
            for number, project in tenant.projects.items():
                for content in _CONTENTS:
                    if content not in self.seen.get(f"projects/{number}", set()):
                        what = f"assets ({content}) of project {project}"
                        self.gap((tenant.id,), PATHS, what, "none were listed", f"projects/{number}")
        read: Counter[str] = Counter()
        accounts, providers = self._accounts(), tuple(self._providers())
        resources = tuple(self._resources(read))
        owners = {node: self.whose.of_project(node) for node in {r.project for r in resources} if node}
        estate = GoogleEstate(
            tenants=tuple(tenant.id for tenant in self.scope.tenants),
            aliases={self.whose.node(name): f"projects/{name}" for name in self.whose.numbers if not name.isdigit()},
            owners=owners,
            allow=self._allow(),
            whose=self.whose,
            deny=self.restrictions.deny(),
            constraints=self.restrictions.constraints(),
            boundaries=self.restrictions.boundaries(),
            borders=self.restrictions.borders(),
            roles=self._roles(),
            groups=self.groups,
            resources=resources,
            accounts=accounts,
            providers=providers,
            networks=tuple(
                {"name": n, "type": kind, "data": data, "ancestors": up}
                for n, (kind, data, up) in self.data.items()
                if kind in NETWORKS
            ),
            read_at=min(self.times, default=None),
        )
        read["service account"] = len(accounts)
        buckets = {
            n.rsplit("/", 1)[1]: self._owner(up)
            for n, (k, _, up) in self.data.items()
            if KINDS.get(k, ("",))[0] == "bucket"
        }
        found = [
            h for n, (kind, data, up) in self.data.items() for h in handovers_of(n, kind, data, up, self.whose, buckets)
        ]
        return GoogleParts(estate, self.gaps, found, read, self._unknown())

    def _unknown(self) -> list[str]:
        groups = sorted(
            {m.value for p in self._allow().values() for b in p.bindings for m in b.members if m.kind == "group"}
        )
        trusted = [group for group in groups if group not in self.groups and self.whose.of_group(group)]
        said = [f"members of {', '.join(trusted)} were not read: they count as the group's owner"] if trusted else []
        return said + self.restrictions.problems

    def _owner(self, ancestors: tuple[str, ...]) -> str:
        project = next((node for node in ancestors if node.startswith("projects/")), "")
        return self.whose.of_project(project) or PLATFORM

    def _allow(self) -> dict[str, AllowPolicy]:
        found: dict[str, AllowPolicy] = {}
        for name, (document, ancestors) in self.policies.items():
            level = node_of(name) or name
            if level.startswith("projects/"):
                level = self.whose.node(level)
            try:
                found[level] = parse_allow_policy(document, level, level)
            except ComplianceError as error:
                owner = self._owner(ancestors)
                owners = [owner] if owner != PLATFORM else [tenant.id for tenant in self.scope.tenants]
                gap = Gap(name, tuple(owners), PATHS, f"allow policy of {name}", str(error))
                if gap not in self.gaps:
                    self.gaps.append(gap)
        return found

    def _roles(self) -> dict[str, CustomRole]:
        found: dict[str, CustomRole] = {}
        for name, (kind, data, _) in self.data.items():
            if kind == "iam.googleapis.com/Role":
                try:
                    found |= parse_roles(
                        [{"name": data.get("name") or name.partition("googleapis.com/")[2], **data}], name
                    )
                except ComplianceError as error:
                    self.restrictions.problems.append(str(error))
        return found

    def _accounts(self) -> dict[str, ServiceAccount]:
        found: dict[str, ServiceAccount] = {}
        for kind, data, ancestors in self.data.values():
            email = str(data.get("email", "")).lower()
            if kind == "iam.googleapis.com/ServiceAccount" and email:
                project = next((n for n in ancestors if n.startswith("projects/")), "")
                unique = str(data.get("uniqueId", ""))
                found[email] = ServiceAccount(email, project, self._owner(ancestors), ancestors, unique)
        return found

    def _providers(self) -> Iterator[Provider]:
        for name, (kind, data, ancestors) in self.data.items():
            if kind != "iam.googleapis.com/WorkloadIdentityPoolProvider" or data.get("disabled"):
                continue
            pool = name.removeprefix("//iam.googleapis.com/").partition("/providers/")[0].split("/")
            pool[1] = self.whose.node(pool[1]).removeprefix("projects/")
            mapping = tuple((str(k), str(v)) for k, v in (data.get("attributeMapping") or {}).items())
            yield Provider(
                name, "/".join(pool), self._owner(ancestors), ancestors,
                str((data.get("oidc") or {}).get("issuerUri", "")), str((data.get("aws") or {}).get("accountId", "")),
                str(data.get("attributeCondition") or ""), mapping,
            )  # fmt: skip

    def _resources(self, read: Counter[str]) -> Iterator[GoogleResource]:
        for name, (type_, data, ancestors) in self.data.items():
            if type_ not in KINDS:
                continue
            kind, path = KINDS[type_]
            read[kind] += 1
            owner = self._owner(ancestors)
            acl = self._acl(name, data, owner) if kind == "bucket" else None
            yield GoogleResource(name, type_, owner, kind, path, ancestors, above(name, type_), acl)

    def _acl(self, name: str, data: Mapping[str, Any], owner: str) -> Acl | None:
        bucket = name.rsplit("/", 1)[1]
        document = access_lists(data)
        document["object"] += self.object_lists.get(bucket, [])
        for kind, found in self.lists.get(bucket, {}).items():
            document[kind] += [entry for entry in found if entry not in document[kind]]
        if not document["uniformBucketLevelAccess"] and bucket not in self.object_lists:
            self.gap((owner,), ("data",), f"access control lists of the objects in {bucket}", "were not read", name)
        try:
            return parse_acl(document, name)
        except ComplianceError as error:
            self.gap((owner,), ("data",), f"access control list of {bucket}", str(error), name)
            return None
