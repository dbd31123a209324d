"""Attachments, associations, propagations and routes of transit gateways, joined from all documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from compliance.reason.network import parse_transit
from compliance.reason.network.addresses import Blocks, ranges_text
from compliance.reason.network.attribute import subject_of
from compliance.reason.network.documents import FactDocument
from compliance.reason.network.fields import Record, records
from compliance.reason.network.model import TransitAttachment, TransitRoute, Vpc
from compliance.reason.network.shelf import join_attachments


@dataclass
class TransitFacts:
    """What has been read so far of transit gateways.

    `tables` maps each known route table to its gateway (None if not told); `routes` holds only tables whose routes
    were given, so that an unread table is not an empty one.
    """

    attachments: dict[tuple[str, str], TransitAttachment] = field(default_factory=dict)
    tables: dict[str, str | None] = field(default_factory=dict)
    routes: dict[str, tuple[TransitRoute, ...]] = field(default_factory=dict)
    unattributed: dict[str, str] = field(default_factory=dict)

    def add(self, document: FactDocument) -> None:
        """Reads tables and attachments."""
        for record in records(document, "TransitGatewayRouteTables"):
            if record.text("State") not in ("deleting", "deleted"):
                self.tables[record.required("TransitGatewayRouteTableId")] = record.text("TransitGatewayId")
        for record in records(document, "TransitGatewayVpcAttachments"):
            self._attach(parse_transit.parse_vpc_attachment(record))
        for record in records(document, "TransitGatewayAttachments"):
            self._attach(parse_transit.parse_attachment(record))
        for record in records(document, "TransitGatewayPeeringAttachments"):
            for attachment in parse_transit.parse_peering_attachment(record):
                self._attach(attachment)

    def _attach(self, attachment: TransitAttachment) -> None:
        key = (attachment.id, attachment.gateway)
        old = self.attachments.get(key)
        self.attachments[key] = attachment if old is None else join_attachments(old, attachment)
        if attachment.table:
            self.tables.setdefault(attachment.table, attachment.gateway)

    def finish(
        self, documents: Iterable[FactDocument], vpcs: Mapping[str, Vpc], prefix_lists: Mapping[str, Blocks]
    ) -> None:
        """Reads the responses that belong to one route table each."""
        collected: dict[str, dict[TransitRoute, None]] = {}
        propagated: dict[str, dict[TransitRoute, None]] = {}
        cut_short: set[str] = set()
        for document in documents:
            if "Routes" in document.content and (table := self._table(document, "Routes")):
                routes = (parse_transit.parse_transit_route(record) for record in records(document, "Routes"))
                collected.setdefault(table, {}).update(dict.fromkeys(route for route in routes if route))
                if document.content.get("AdditionalRoutesAvailable") is True:
                    cut_short.add(table)
            if "Associations" in document.content and (table := self._table(document, "Associations")):
                for record in records(document, "Associations"):
                    self._associate(record, table)
            key = "TransitGatewayRouteTablePropagations"
            if key in document.content and (table := self._table(document, key)):
                for record in records(document, key):
                    propagated.setdefault(table, {}).update(dict.fromkeys(_propagated(record, vpcs)))
            for record in records(document, "TransitGatewayPrefixListReferences"):
                table = record.required("TransitGatewayRouteTableId")
                collected.setdefault(table, {}).update(dict.fromkeys(_referenced(record, prefix_lists)))
        for table, routes_of in collected.items():
            if table in cut_short:
                continue
            routes_of.update(propagated.get(table, {}))
            self.routes[table] = tuple(routes_of)

    def _table(self, document: FactDocument, key: str) -> str | None:
        table = subject_of(document, "TransitGatewayRouteTableId", "tgw-rtb-", self.tables)
        if table is None:
            self.unattributed[document.source] = (
                f"{key} of a transit gateway route table, but not of which one: put TransitGatewayRouteTableId beside "
                f"{key}, or the id into the file name; they were not used"
            )
            return None
        self.tables.setdefault(table, None)
        return table

    def _associate(self, record: Record, table: str) -> None:
        if record.text("State") in ("disassociating", "disassociated"):
            return
        attachment = record.required("TransitGatewayAttachmentId")
        gateway = self.tables.get(table)
        for key, known in self.attachments.items():
            # a peering attachment has one id on both gateways and an association on each
            if key[0] == attachment and (known.kind != "peering" or gateway in (None, known.gateway)):
                self.attachments[key] = replace(known, table=table)
                if gateway is None and known.kind != "peering":
                    self.tables[table] = known.gateway


def _propagated(record: Record, vpcs: Mapping[str, Vpc]) -> Iterable[TransitRoute]:
    """The routes that a VPC's propagation installs; those of VPN and Connect are learned by BGP and only searched."""
    if record.text("State") not in (None, "enabled") or record.text("ResourceType") != "vpc":
        return
    attachment = record.required("TransitGatewayAttachmentId")
    vpc = vpcs.get(record.text("ResourceId") or "")
    for block, length in vpc.blocks if vpc else ():
        yield TransitRoute(block, length, ranges_text((block,)), static=False, active=True, attachments=(attachment,))


def _referenced(record: Record, prefix_lists: Mapping[str, Blocks]) -> Iterable[TransitRoute]:
    """The routes of a prefix list reference; `search-transit-gateway-routes` shows them too."""
    if record.text("State") in ("deleting",):
        return
    attachment = record.child("TransitGatewayAttachment").text("TransitGatewayAttachmentId")
    name = record.required("PrefixListId")
    for block, length in prefix_lists.get(name, ()):
        targets = (attachment,) if attachment else ()
        active = bool(targets) and not record.flag("Blackhole")
        yield TransitRoute(block, length, name, static=True, active=active, attachments=targets)
