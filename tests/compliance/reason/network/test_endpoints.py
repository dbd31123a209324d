"""VPC endpoints: gateway, interface to a provider (PrivateLink, one way), and gateway load balancer."""

from __future__ import annotations

from .rigs import Rig, allow, route, two_vpcs

NLB = "arn:aws:elasticloadbalancing:eu-west-1:222222222222:loadbalancer/net/front/0123456789abcdef"
SERVICE = "com.amazonaws.vpce.eu-west-1.vpce-svc-1"


def privatelink() -> Rig:
    """a consumes b's endpoint service by an interface endpoint; b belongs to another account."""
    rig = two_vpcs()
    for key in ("Vpcs", "Subnets"):
        next(i for i in rig.facts[key] if i["VpcId"] == "vpc-b")["OwnerId"] = "222222222222"
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-b")["OwnerId"] = "222222222222"
    rig.group("sg-e", "vpc-a", ingress=[allow("10.1.0.0/16", "tcp", (443, 443))])
    rig.host("e", "vpc-a", "subnet-a", "10.1.1.20", "sg-e", InterfaceType="vpc_endpoint", Attachment={})
    rig.add(
        "VpcEndpoints",
        VpcEndpointId="vpce-1",
        VpcEndpointType="Interface",
        VpcId="vpc-a",
        ServiceName=SERVICE,
        State="available",
        SubnetIds=["subnet-a"],
        NetworkInterfaceIds=["eni-e"],
        Groups=[{"GroupId": "sg-e"}],
    )
    balancers = {"ServiceState": "Available", "NetworkLoadBalancerArns": [NLB]}
    rig.add("ServiceConfigurations", ServiceId="vpce-svc-1", ServiceName=SERVICE, **balancers)
    rig.group("sg-n", "vpc-b")
    nlb = {"InterfaceType": "network_load_balancer", "Description": "ELB net/front/0123456789abcdef", "Attachment": {}}
    return rig.host("n", "vpc-b", "subnet-b", "10.2.1.20", "sg-n", OwnerId="222222222222", **nlb)


def test_consumer_reaches_provider() -> None:
    rig = privatelink()
    for target in ("vpc-b", "222222222222", "eni-n", "vpce-svc-1", "subnet-b"):
        assert rig.says("i-a", target, "tcp", "443") == "reachable", target
    assert rig.says("i-a", "vpc-b", "tcp", "80") == "unreachable"


def test_provider_does_not_reach_consumer() -> None:
    rig = privatelink()
    for source in ("vpc-b", "222222222222", "eni-n", "i-b"):
        assert rig.says(source, "vpc-a") == "unreachable", source


def test_instances_behind_the_load_balancer_depend_on_targets_that_no_fact_lists() -> None:
    rig = privatelink()
    answer = rig.reach("i-a", "i-b", "tcp", "443")
    assert answer.disposition == "indeterminate"
    assert "targets of the load balancer" in answer.missing[0]
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("10.9.0.0/16")]
    assert rig.says("i-a", "i-b", "tcp", "443") == "unreachable"


def test_connection_that_was_not_accepted() -> None:
    rig = privatelink()
    rig.item("VpcEndpoints")["State"] = "pendingAcceptance"
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    rig = privatelink().add("VpcEndpointConnections", VpcEndpointId="vpce-1", VpcEndpointState="rejected")
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_undescribed_service_is_missing() -> None:
    rig = privatelink()
    del rig.facts["ServiceConfigurations"]
    assert rig.says("vpc-a", "vpc-b") == "indeterminate"
    rig.item("SecurityGroups", GroupId="sg-e")["IpPermissions"] = []
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_service_whose_load_balancer_is_not_described() -> None:
    rig = privatelink()
    rig.facts["NetworkInterfaces"] = [i for i in rig.facts["NetworkInterfaces"] if i["NetworkInterfaceId"] != "eni-n"]
    assert rig.says("vpc-a", "vpc-b") == "indeterminate"
    assert rig.says("vpc-a", "222222222222") == "reachable"
    rig.add("LoadBalancers", LoadBalancerArn=NLB, VpcId="vpc-b")
    assert rig.says("vpc-a", "vpc-b") == "reachable"


def test_endpoint_of_an_aws_service_leads_to_no_tenant() -> None:
    rig = privatelink()
    rig.item("VpcEndpoints")["ServiceName"] = "com.amazonaws.eu-west-1.kms"
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    assert rig.says("i-a", "vpce-1", "tcp", "443") == "reachable"
    assert rig.says("i-a", "vpce-1", "tcp", "80") == "unreachable"


def test_endpoints_send_nothing() -> None:
    answer = privatelink().reach("vpce-1", "i-a")
    assert answer.disposition == "unreachable"


def with_gateway_endpoint() -> Rig:
    rig = two_vpcs()
    rig.add(
        "VpcEndpoints",
        VpcEndpointId="vpce-s3",
        VpcEndpointType="Gateway",
        VpcId="vpc-a",
        ServiceName="com.amazonaws.eu-west-1.s3",
        State="available",
        RouteTableIds=["rtb-a"],
    )
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("pl-s3", "vpce-s3"))
    return rig


def test_gateway_endpoint_is_reached_by_its_prefix_list() -> None:
    rig = with_gateway_endpoint()
    rig.add("PrefixLists", PrefixListId="pl-s3", PrefixListName="com.amazonaws.eu-west-1.s3", Cidrs=["52.218.0.0/17"])
    assert rig.says("i-a", "vpce-s3", "tcp", "443") == "reachable"
    assert rig.says("i-a", "52.218.1.1", "tcp", "443") == "reachable"
    assert rig.says("i-a", "internet") == "unreachable"
    assert rig.says("i-a", "vpc-b") == "unreachable"
    assert rig.says("i-b", "vpce-s3") == "unreachable"


def test_gateway_endpoint_without_its_prefix_list_keeps_other_answers_definite() -> None:
    rig = with_gateway_endpoint()
    assert rig.says("i-a", "vpc-b") == "unreachable"
    assert rig.says("i-a", "vpce-s3") == "indeterminate"


def inspection() -> Rig:
    """a's packets to the other subnet of its VPC pass a gateway load balancer endpoint in a third."""
    rig = two_vpcs()
    rig.subnet("subnet-a2", "vpc-a", "10.1.2.0/24").subnet("subnet-g", "vpc-a", "10.1.3.0/24")
    rig.host("a2", "vpc-a", "subnet-a2", "10.1.2.10", "sg-a")
    rig.table("rtb-g", "vpc-a", route("10.1.0.0/16", "local"), subnets=("subnet-g",))
    rig.table("rtb-i", "vpc-a", route("10.1.0.0/16", "local"), route("10.1.2.0/24", "vpce-g"), subnets=("subnet-a",))
    return rig.add(
        "VpcEndpoints",
        VpcEndpointId="vpce-g",
        VpcEndpointType="GatewayLoadBalancer",
        VpcId="vpc-a",
        ServiceName="com.amazonaws.vpce.eu-west-1.vpce-svc-g",
        State="available",
        SubnetIds=["subnet-g"],
    )


def test_gateway_load_balancer_endpoint_passes_on() -> None:
    answer = inspection().reach("i-a", "i-a2")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert "vpce-g" in [hop.id for hop, _ in answer.witness.hops]
    assert any("vpce-g" in words for words in answer.assumed)
    rig = inspection()
    rig.item("VpcEndpoints")["State"] = "failed"
    assert rig.says("i-a", "i-a2") == "unreachable"


def test_inspected_packets_arrive_at_the_provider_of_the_appliances() -> None:
    rig = inspection()
    rig.item("Vpcs", VpcId="vpc-b")["OwnerId"] = "222222222222"
    assert rig.says("i-a", "222222222222") == "indeterminate"
    arn = "arn:aws:elasticloadbalancing:eu-west-1:222222222222:loadbalancer/gwy/inspect/0123456789abcdef"
    rig.add("ServiceConfigurations", ServiceId="vpce-svc-g", GatewayLoadBalancerArns=[arn])
    assert rig.says("i-a", "222222222222") == "reachable"
