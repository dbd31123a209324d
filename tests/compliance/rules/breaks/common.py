"""Ways to break a world: each break is a function of the world, and names what it broke."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.compliance.world import ACME, GLOBEX, MANAGEMENT, World, key_id

Break = Callable[[World], None]
DATA = "bh-acme-data"
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
GUEST = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{GLOBEX}:root"}, "Action": "*", "Resource": "*"}


def put(api: str, response: Any, account: str = ACME, **params: Any) -> Break:
    """Another answer."""
    return lambda world: world.put(account, api, response, **params)


def entry(api: str, member: str, changes: dict[str, Any], number: int = 0, account: str = ACME, **params: Any) -> Break:
    """Changes members of one entry of a listing."""
    return lambda world: world.get(account, api, **params)[member][number].update(changes)


def member(api: str, changes: dict[str, Any], account: str = ACME, **params: Any) -> Break:
    """Changes members of an answer."""
    return lambda world: world.get(account, api, **params).update(changes)


def add(api: str, name: str, item: Any, account: str = ACME, **params: Any) -> Break:
    """One more entry in a listing."""
    return lambda world: world.get(account, api, **params)[name].append(deepcopy(item))


def bucket(operation: str, response: Any, name: str = DATA, account: str = ACME) -> Break:
    """Another setting of a bucket."""
    return put(f"s3:{operation}", response, account, Bucket=name)


def edited(text: str, change: Callable[[list[dict[str, Any]]], Any]) -> str:
    """A policy whose statements were changed."""
    document = json.loads(text)
    changed = change(document["Statement"])
    document["Statement"] = document["Statement"] if changed is None else changed
    return json.dumps(document)


def bucket_policy(change: Callable[[list[dict[str, Any]]], Any], name: str = DATA, account: str = ACME) -> Break:
    """A bucket policy whose statements were changed."""

    def apply(world: World) -> None:
        held = world.get(account, "s3:GetBucketPolicy", Bucket=name)
        held["Policy"] = edited(held["Policy"], change)

    return apply


def key_policy(purpose: str, change: Callable[[list[dict[str, Any]]], Any]) -> Break:
    """A key policy whose statements were changed."""

    def apply(world: World) -> None:
        held = world.get(ACME, "kms:GetKeyPolicy", KeyId=key_id(ACME, purpose), PolicyName="default")
        held["Policy"] = edited(held["Policy"], change)

    return apply


def role(changes: dict[str, Any], number: int = 0) -> Break:
    """Changes a role of acme: 0 trainer, 1 data owner, 2 auditor, 3 deployer."""
    return lambda world: world.get(ACME, "iam:GetAccountAuthorizationDetails")["RoleDetailList"][number].update(changes)


def template(changes: dict[str, Any]) -> Break:
    """Changes acme's launch template."""

    def apply(world: World) -> None:
        answer = world.get(ACME, "ec2:DescribeLaunchTemplateVersions", LaunchTemplateId="lt-acme")
        answer["LaunchTemplateVersions"][0]["LaunchTemplateData"].update(changes)

    return apply


def instance(changes: dict[str, Any]) -> Break:
    """Changes acme's instance."""
    return lambda world: world.get(ACME, "ec2:DescribeInstances")["Reservations"][0]["Instances"][0].update(changes)


def organisation_policy(kind: str, content: str) -> Break:
    """Another text of the SCP or RCP."""

    def apply(world: World) -> None:
        world.get(MANAGEMENT, "organizations:DescribePolicy", PolicyId=f"p-{kind}")["Policy"]["Content"] = content

    return apply


def tenant(**changes: Any) -> Break:
    """Another value in acme's file."""

    def apply(world: World) -> None:
        first, *others = world.scope.tenants
        world.scope = replace(world.scope, tenants=(replace(first, **changes), *others))

    return apply


def label(entries: list[dict[str, str]], **labels: str) -> list[dict[str, str]]:
    """Tags with some replaced."""
    kept = [tag for tag in entries if tag["Key"] not in labels]
    return kept + [{"Key": name, "Value": value} for name, value in labels.items() if value]
