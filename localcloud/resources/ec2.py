"""Amazon EC2: ids in parameters to ARNs, creation of tagged resources, sharing.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".
"""

from __future__ import annotations

from typing import Any

from localcloud.access import Access, ContextValue
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources import passed_roles
from localcloud.resources.template import request_tags, values

# An id's prefix says what it is.
_TYPES = {
    "ami": "image", "snap": "snapshot", "vol": "volume", "i": "instance", "vpc": "vpc", "subnet": "subnet",
    "sg": "security-group", "rtb": "route-table", "acl": "network-acl", "igw": "internet-gateway", "nat": "natgateway",
    "vpce": "vpc-endpoint", "pcx": "vpc-peering-connection", "tgw": "transit-gateway",
    "tgw-attach": "transit-gateway-attachment", "tgw-rtb": "transit-gateway-route-table", "lt": "launch-template",
    "eni": "network-interface", "eipalloc": "elastic-ip", "fl": "vpc-flow-log", "dopt": "dhcp-options",
    "pl": "prefix-list", "sgr": "security-group-rule", "eigw": "egress-only-internet-gateway",
    "cr": "capacity-reservation", "h": "dedicated-host",
    "vpce-svc": "vpc-endpoint-service", "vgw": "vpn-gateway", "key": "key-pair",
}  # fmt: skip
# What a creation makes.
_CREATES = {
    "CreateVpc": "vpc", "CreateSubnet": "subnet", "CreateSecurityGroup": "security-group", "CreateVolume": "volume",
    "CreateSnapshot": "snapshot", "CreateSnapshots": "snapshot", "CopySnapshot": "snapshot", "CreateImage": "image",
    "CopyImage": "image", "RegisterImage": "image", "CreateRouteTable": "route-table",
    "CreateNetworkAcl": "network-acl",
    "CreateInternetGateway": "internet-gateway", "CreateNatGateway": "natgateway", "CreateVpcEndpoint": "vpc-endpoint",
    "CreateVpcPeeringConnection": "vpc-peering-connection", "CreateTransitGateway": "transit-gateway",
    "CreateTransitGatewayVpcAttachment": "transit-gateway-attachment", "CreateLaunchTemplate": "launch-template",
    "CreateNetworkInterface": "network-interface", "AllocateAddress": "elastic-ip", "CreateFlowLogs": "vpc-flow-log",
    "CreateDhcpOptions": "dhcp-options", "CreateKeyPair": "key-pair", "ImportKeyPair": "key-pair",
    "RunInstances": "instance", "CreateVpcEndpointServiceConfiguration": "vpc-endpoint-service",
    "CreateEgressOnlyInternetGateway": "egress-only-internet-gateway", "CreateManagedPrefixList": "prefix-list",
}  # fmt: skip
_OWNERLESS = frozenset({"image", "snapshot"})


def accesses(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    """The accesses of an EC2 operation."""
    name = operation.name
    action = f"ec2:{name}"
    tags = request_tags(operation)
    context: dict[str, ContextValue] = {**tags, "ec2:Region": region, **_sharing(operation)}
    if name.startswith(("Describe", "Get", "Search")) and name not in {"GetConsoleOutput", "GetPasswordData"}:
        return (Access(action, "*", caller.account, context),)
    found: dict[str, Access] = {}
    created = _CREATES.get(name)
    if created is not None:
        owner = "" if created in _OWNERLESS else caller.account
        arn = f"arn:aws:ec2:{region}:{owner}:{created}/*"
        found[arn] = Access(action, arn, caller.account, {**context, **_launch(operation)})
    for identifier in _ids(operation.params):
        arn, owner = _arn(identifier, caller, region, operation)
        if arn:
            found[arn] = Access(
                action, arn, owner, {**_without_tags(context, created), **_of_resource(identifier, owner, region)}
            )
    if operation.text("KeyName") and created != "key-pair":
        arn = f"arn:aws:ec2:{region}:{caller.account}:key-pair/{operation.text('KeyName')}"
        found[arn] = Access(action, arn, caller.account, context)
    if not found:
        found["*"] = Access(action, "*", caller.account, context)
    more: list[Access] = list(passed_roles.accesses(operation, caller))
    if created is not None and tags:
        arn = f"arn:aws:ec2:{region}:{'' if created in _OWNERLESS else caller.account}:{created}/*"
        more.append(Access("ec2:CreateTags", arn, caller.account, {**context, "ec2:CreateAction": name}))
    if name == "RunInstances":
        more += _profile(operation, caller)
    return (*found.values(), *more)


def _without_tags(context: dict[str, ContextValue], created: str | None) -> dict[str, ContextValue]:
    """Tags of a creation are the new resource's; tags of a tagging operation are every named resource's."""
    if created is None:
        return context
    return {key: value for key, value in context.items() if not key.startswith(("aws:RequestTag/", "aws:TagKeys"))}


def _ids(params: Any) -> list[str]:
    """Every EC2 id among the parameters, in order."""
    found: list[str] = []
    if isinstance(params, str):
        prefix = params.rpartition("-")[0]
        return [params] if prefix in _TYPES and params[len(prefix) + 1 :].isalnum() else []
    if isinstance(params, dict):
        for key, value in params.items():
            # Free text and documents are not identifiers.
            if key not in {"Description", "PolicyDocument", "UserData", "Tags", "TagSpecifications", "ClientToken"}:
                found += _ids(value)
    elif isinstance(params, (list, tuple)):
        for value in params:
            found += _ids(value)
    return list(dict.fromkeys(found))


def _arn(identifier: str, caller: Caller, region: str, operation: Operation) -> tuple[str, str]:
    kind = _TYPES[identifier.rpartition("-")[0]]
    owner = owner_of(identifier, kind, region) or caller.account
    if operation.text("PeerVpcId") == identifier and operation.text("PeerOwnerId"):
        owner = operation.text("PeerOwnerId")
    where = "" if kind in _OWNERLESS else owner
    return f"arn:aws:ec2:{region}:{where}:{kind}/{identifier}", owner


def owner_of(identifier: str, kind: str, region: str) -> str:
    """The account that has a resource with this id; empty where none has."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    attribute = _STORES.get(kind)
    if attribute is None:
        return ""
    for account, regions in list(ec2_backends.items()):
        if region in dict.keys(regions):
            store = getattr(regions[region], attribute, {})
            if identifier in store:
                return str(account)
    return ""


_STORES = {
    "image": "amis", "snapshot": "snapshots", "volume": "volumes", "vpc": "vpcs", "vpc-endpoint": "vpc_end_points",
    "route-table": "route_tables", "network-acl": "network_acls", "vpc-peering-connection": "vpc_pcxs",
    "transit-gateway": "transit_gateways", "network-interface": "enis", "internet-gateway": "internet_gateways",
    "launch-template": "launch_templates",
}  # fmt: skip


def _of_resource(identifier: str, owner: str, _region: str) -> dict[str, ContextValue]:
    kind = _TYPES[identifier.rpartition("-")[0]]
    found: dict[str, ContextValue] = {}
    if kind in _OWNERLESS:
        found["ec2:Owner"] = owner
    return found


def _launch(operation: Operation) -> dict[str, ContextValue]:
    """Condition keys of what `RunInstances` and `CreateLaunchTemplate` ask for."""
    params = operation.params
    found: dict[str, ContextValue] = {}
    for path, key in (
        ("InstanceType", "ec2:InstanceType"),
        ("ImageId", "ec2:ImageID"),
        ("MetadataOptions.HttpTokens", "ec2:MetadataHttpTokens"),
        ("MetadataOptions.HttpPutResponseHopLimit", "ec2:MetadataHttpPutResponseHopLimit"),
        ("MetadataOptions.HttpEndpoint", "ec2:MetadataHttpEndpoint"),
        ("Placement.Tenancy", "ec2:Tenancy"),
        ("Encrypted", "ec2:Encrypted"),
        ("PeerVpcId", "ec2:AccepterVpc"),
        ("VpcEndpointType", "ec2:VpceServiceType"),
        ("ServiceName", "ec2:VpceServiceName"),
    ):
        given = values(params, path)
        if given:
            found[key] = given[0].lower() if key == "ec2:Encrypted" else given[0]
    return found


def _sharing(operation: Operation) -> dict[str, ContextValue]:
    """Condition keys of `ModifyImageAttribute` and `ModifySnapshotAttribute`."""
    found: dict[str, ContextValue] = {}
    for change, key in (("Add", "ec2:Add"), ("Remove", "ec2:Remove")):
        for permission in ("LaunchPermission", "CreateVolumePermission"):
            users = values(operation.params, f"{permission}.{change}.UserId")
            groups = values(operation.params, f"{permission}.{change}.Group")
            if users:
                found[f"{key}/userId"] = users
            if groups:
                found[f"{key}/group"] = groups
    if operation.params.get("OperationType") in {"add", "remove"}:
        key = "ec2:Add" if operation.params["OperationType"] == "add" else "ec2:Remove"
        users = values(operation.params, "UserIds")
        groups = (*values(operation.params, "GroupNames"), *values(operation.params, "UserGroups"))
        if users:
            found[f"{key}/userId"] = users
        if groups:
            found[f"{key}/group"] = groups
    if operation.text("Attribute"):
        found["ec2:Attribute"] = operation.text("Attribute")
    return found


def _profile(operation: Operation, caller: Caller) -> list[Access]:
    """Launching with an instance profile passes the profile's roles."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    wanted = {*values(operation.params, "IamInstanceProfile.Arn"), *values(operation.params, "IamInstanceProfile.Name")}
    profiles = iam_backends[caller.account]["aws"].instance_profiles.values()
    roles = [role for profile in profiles if wanted & {profile.arn, profile.name} for role in profile.roles]
    return [passed_roles.passing(role.arn, "ec2.amazonaws.com", caller) for role in roles]
