"""Breaks of the network, of nodes and of images."""

from __future__ import annotations

from compliance.rules.node_evidence import of_machine as named
from tests.compliance.rules.breaks.common import Break, add, entry, instance, put, template
from tests.compliance.world import ACME, GLOBEX

WORLD_WIDE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
PEERING = {
    "VpcPeeringConnectionId": "pcx-1",
    "Status": {"Code": "active"},
    "AccepterVpcInfo": {"OwnerId": GLOBEX},
    "RequesterVpcInfo": {"OwnerId": ACME},
}


def _gateway(operation: str, member: str, identifier: str, **state: str) -> Break:
    return add(f"ec2:{operation}", member, {identifier: "one", **state})


def _group(number: int, member: str, value: object) -> Break:
    return entry("ec2:DescribeSecurityGroups", "SecurityGroups", {member: [value]}, number)


def _image(**changes: object) -> Break:
    return entry("ec2:DescribeImages", "Images", changes, Owners=["self"])


def _asg(**changes: object) -> Break:
    return entry("autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups", changes)


OPEN_ACL = [{"RuleNumber": 1, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0", "Egress": False}]
ROUTE_OUT = [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]
V1 = {"MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1}}
TWO_HOPS = {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}}
PLAIN = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": False}}]

BREAKS: dict[str, Break] = {
    "network.one-network": add(
        "ec2:DescribeVpcs", "Vpcs", {"VpcId": "vpc-2", "CidrBlock": "172.31.0.0/16", "IsDefault": True}
    ),
    "network.ranges-disjoint": entry(
        "ec2:DescribeVpcs", "Vpcs", {"CidrBlockAssociationSet": [{"CidrBlock": "10.30.4.0/24"}]}
    ),
    "network.no-internet-gateway": _gateway("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"),
    "network.no-egress-only-gateway": _gateway(
        "DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId"
    ),
    "network.no-nat-gateway": _gateway("DescribeNatGateways", "NatGateways", "NatGatewayId", State="available"),
    "network.no-carrier-gateway": _gateway("DescribeCarrierGateways", "CarrierGateways", "CarrierGatewayId"),
    "network.no-peering": add("ec2:DescribeVpcPeeringConnections", "VpcPeeringConnections", PEERING),
    "network.no-transit-gateway": _gateway(
        "DescribeTransitGatewayAttachments",
        "TransitGatewayAttachments",
        "TransitGatewayAttachmentId",
        State="available",
    ),
    "network.no-vpn-gateway": _gateway("DescribeVpnGateways", "VpnGateways", "VpnGatewayId", State="available"),
    "network.no-vpn-connection": _gateway("DescribeVpnConnections", "VpnConnections", "VpnConnectionId"),
    "network.no-client-vpn": _gateway("DescribeClientVpnEndpoints", "ClientVpnEndpoints", "ClientVpnEndpointId"),
    "network.no-connect-endpoint": _gateway(
        "DescribeInstanceConnectEndpoints", "InstanceConnectEndpoints", "InstanceConnectEndpointId"
    ),
    "network.no-traffic-mirror": _gateway(
        "DescribeTrafficMirrorSessions", "TrafficMirrorSessions", "TrafficMirrorSessionId"
    ),
    "network.no-public-addresses": _gateway("DescribeAddresses", "Addresses", "AllocationId"),
    "network.subnets-private": entry("ec2:DescribeSubnets", "Subnets", {"MapPublicIpOnLaunch": True}),
    "network.routes-stay-inside": entry("ec2:DescribeRouteTables", "RouteTables", {"Routes": ROUTE_OUT}),
    "network.inbound-closed": _group(1, "IpPermissions", WORLD_WIDE),
    "network.outbound-closed": _group(1, "IpPermissionsEgress", WORLD_WIDE),
    "network.default-group-empty": _group(0, "IpPermissionsEgress", WORLD_WIDE),
    "network.acls-closed": entry("ec2:DescribeNetworkAcls", "NetworkAcls", {"Entries": OPEN_ACL}, 1),
    "network.flow-logs": put("ec2:DescribeFlowLogs", {"FlowLogs": []}),
    "network.labelled": entry("ec2:DescribeVpcs", "Vpcs", {"Tags": []}),
    "node.template-imds": template(V1),
    "node.instance-imds": instance(TWO_HOPS),
    "node.evidence-fresh": put("cloudtrail:LookupEvents", {"Events": []}, LookupAttributes=named("i-acme")),
    "node.template-no-key-pair": template({"KeyName": "admin"}),
    "node.instance-no-key-pair": instance({"KeyName": "admin"}),
    "node.template-approved-image": template({"ImageId": "ami-99999999999999999"}),
    "node.instance-approved-image": instance({"ImageId": "ami-99999999999999999"}),
    "node.template-known-shape": template({"InstanceType": "t2.nano"}),
    "node.template-no-public-address": template({"NetworkInterfaces": [{"AssociatePublicIpAddress": True}]}),
    "node.instance-no-public-address": instance({"PublicIpAddress": "198.51.100.7"}),
    "node.template-dedicated": template({"Placement": {"Tenancy": "default"}}),
    "node.instance-dedicated": instance({"Placement": {"Tenancy": "default"}}),
    "node.template-disks-encrypted": template({"BlockDeviceMappings": PLAIN}),
    "node.template-profile": template({"IamInstanceProfile": {"Name": "admin"}}),
    "node.volumes-encrypted": entry("ec2:DescribeVolumes", "Volumes", {"Encrypted": False}),
    "node.encryption-by-default": put("ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": False}),
    "node.default-disk-key": put("ec2:GetEbsDefaultKmsKeyId", {"KmsKeyId": "alias/aws/ebs"}),
    "node.no-serial-console": put("ec2:GetSerialConsoleAccessStatus", {"SerialConsoleAccessEnabled": True}),
    "node.no-public-snapshots": put("ec2:GetSnapshotBlockPublicAccessState", {"State": "unblocked"}),
    "node.no-public-images": put("ec2:GetImageBlockPublicAccessState", {"ImageBlockPublicAccessState": "unblocked"}),
    "node.capacity-limited": _asg(MaxSize=50),
    "node.groups-from-templates": _asg(LaunchTemplate=None),
    "node.no-hand-started": instance({"InstanceId": "i-stray"}),
    "node.image-trusted-boot": _image(TpmSupport=None),
    "node.image-encrypted": _image(BlockDeviceMappings=PLAIN),
    "node.template-monitored": template({"Monitoring": {"Enabled": False}}),
    "data.machines-labelled": template({"TagSpecifications": []}),
}
