"""Network interfaces out of `describe-network-interfaces` and `describe-instances`."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.reason.network.addresses import V6_BASE, Ranges, ranges_of, union
from compliance.reason.network.fields import Record
from compliance.reason.network.model import Interface


def parse_interface(record: Record) -> Interface:
    """One item of `NetworkInterfaces`, or of an instance's `NetworkInterfaces`: primary, secondary and prefixes."""
    addresses, public = _addresses(record)
    attachment = record.child("Attachment")
    return Interface(
        id=record.required("NetworkInterfaceId"),
        vpc=record.text("VpcId") or "",
        subnet=record.text("SubnetId") or "",
        owner=record.owner("OwnerId"),
        kind=record.text("InterfaceType") or "interface",
        addresses=addresses,
        groups=tuple(sorted({item.required("GroupId") for item in record.children("Groups")})),
        public=public,
        checks_address=record.flag("SourceDestCheck", default=True),
        instance=attachment.text("InstanceId"),
        description=record.text("Description") or "",
    )


def parse_reservation(record: Record) -> Iterator[Interface]:
    """The interfaces of the instances of one item of `Reservations`; terminated instances have none.

    An instance that lists no interface but a subnet gets one under its own id.
    """
    owner = record.owner("OwnerId")
    for instance in record.children("Instances"):
        yield from _instance_interfaces(instance, owner)


def _instance_interfaces(instance: Record, owner: str | None) -> Iterator[Interface]:
    if instance.child("State").text("Name") in ("terminated", "shutting-down"):
        return
    instance_id = instance.required("InstanceId")
    check = instance.flag("SourceDestCheck", default=True)
    nested = [*instance.children("NetworkInterfaces")]
    for item in nested:
        found = parse_interface(item)
        yield Interface(
            id=found.id,
            vpc=found.vpc or instance.text("VpcId") or "",
            subnet=found.subnet or instance.text("SubnetId") or "",
            owner=item.text("OwnerId") or owner,
            kind=found.kind,
            addresses=found.addresses,
            groups=found.groups or _instance_groups(instance, only_one=len(nested) == 1),
            public=found.public,
            checks_address=item.flag("SourceDestCheck", default=check),
            instance=instance_id,
            description=found.description,
        )
    subnet = instance.text("SubnetId")
    if not nested and subnet:
        private = instance.addresses("PrivateIpAddress")
        public = instance.addresses("PublicIpAddress")
        yield Interface(
            id=instance_id,
            vpc=instance.text("VpcId") or "",
            subnet=subnet,
            owner=owner,
            kind="interface",
            addresses=union(private, instance.addresses("Ipv6Address")),
            groups=_instance_groups(instance, only_one=True),
            public=((private, public),) if private and public else (),
            checks_address=check,
            instance=instance_id,
        )


def _instance_groups(instance: Record, *, only_one: bool) -> tuple[str, ...]:
    if not only_one:
        return ()
    return tuple(sorted({item.required("GroupId") for item in instance.children("SecurityGroups")}))


def _addresses(record: Record) -> tuple[Ranges, tuple[tuple[Ranges, Ranges], ...]]:
    own = [record.addresses("PrivateIpAddress", "Ipv6Address")]
    pairs: dict[tuple[Ranges, Ranges], None] = {}
    for item in record.children("PrivateIpAddresses"):
        private = item.addresses("PrivateIpAddress")
        own.append(private)
        for public in _public(item):
            pairs[(private, public)] = None
    for public in _public(record):
        private = record.addresses("PrivateIpAddress")
        if private and not any(public == known for _, known in pairs):
            pairs[(private, public)] = None
    own += [item.addresses("Ipv6Address") for item in record.children("Ipv6Addresses")]
    own += [item.addresses("Ipv4Prefix") for item in record.children("Ipv4Prefixes")]
    own += [item.addresses("Ipv6Prefix") for item in record.children("Ipv6Prefixes")]
    return union(*own), tuple(sorted(pairs))


def _public(record: Record) -> Iterator[Ranges]:
    association = record.child("Association")
    for name in ("PublicIp", "CarrierIp"):
        if value := association.text(name):
            yield ranges_of([value], association.place)


def elastic_address(record: Record) -> tuple[str, Ranges, Ranges] | None:
    """One item of `Addresses` as (interface id, private, public); None while it is associated with no interface."""
    interface = record.text("NetworkInterfaceId")
    private = record.addresses("PrivateIpAddress")
    public = record.addresses("PublicIp") or record.addresses("CarrierIp")
    if interface is None or not private or not public or private[0][0] >= V6_BASE:
        return None
    return interface, private, public
