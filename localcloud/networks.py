"""Which VPC endpoint a request came through: the door decides, and the endpoints deployed in that VPC."""

from __future__ import annotations

from localcloud.access import Endpoint
from localcloud.errors import ApiError
from localcloud.message import Door, Listener
from localcloud.services import Service

# Signing names whose endpoint service has another last part.
_ENDPOINT_NAMES = {"cloudwatch": ("monitoring",), "ecr": ("ecr.api",), "s3": ("s3",), "states": ("states",)}


class Networks:
    """Looks endpoints up in moto's EC2 state."""

    def endpoint_for(self, listener: Listener, service: Service, region: str) -> Endpoint | None:
        """The endpoint that a request for `service` came through; None where it did not come from a VPC.

        Raises:
            ApiError: the VPC has no endpoint for the service, so the packet has no route.
        """
        if listener.door is not Door.NETWORK or listener.vpc is None:
            return None
        for endpoint in endpoints_of(listener.vpc, region):
            if endpoint.service_name in _service_names(service, region):
                return endpoint
        raise ApiError(
            "NoRoute", f"{listener.vpc} has no endpoint for {service.signing_name} in {region}: no route", 503
        )


def _service_names(service: Service, region: str) -> frozenset[str]:
    names = {service.signing_name, *_ENDPOINT_NAMES.get(service.prefix, ())}
    return frozenset(f"com.amazonaws.{region}.{name}" for name in names)


def endpoints_of(vpc: str, region: str) -> list[Endpoint]:
    """The endpoints of a VPC, gateway endpoints last: an interface endpoint's private name is resolved first."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    found = []
    for account, regions in list(ec2_backends.items()):
        if region not in dict.keys(regions):
            continue
        for record in regions[region].vpc_end_points.values():
            if record.vpc_id == vpc and record.state != "deleted":
                policy = record.policy_document or ""
                found.append(
                    (
                        record.vpc_endpoint_type == "Gateway",
                        Endpoint(record.id, vpc, account, record.service_name, policy),
                    )
                )
    return [endpoint for _, endpoint in sorted(found, key=lambda item: (item[0], item[1].id))]


def tenant_networks() -> dict[str, str]:
    """Tenant to VPC, for every VPC in any account and region that carries a `tenant` tag."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    found = {}
    for regions in list(ec2_backends.values()):
        for backend in list(regions.values()):
            for vpc in list(backend.vpcs.values()):
                tags = {tag["key"]: tag["value"] for tag in vpc.get_tags()}
                if tags.get("tenant"):
                    found[str(tags["tenant"])] = str(vpc.id)
    return dict(sorted(found.items()))


def owner_of(vpc: str) -> tuple[str, str] | None:
    """Account and region of a VPC, or None where there is no such VPC."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    for account, regions in list(ec2_backends.items()):
        for region in list(dict.keys(regions)):
            if vpc in regions[region].vpcs:
                return str(account), str(region)
    return None
