"""Keys follow measurements in the policies that are deployed, through every stage of an image's life."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.policy import ReferenceSet
from attestation.release.policy import AcceptedImage
from modules.policy import keys
from modules.policy.release import RELEASED, release_policy
from modules.policy.scope import TenantScope
from tenancy.names import DEPLOYER_ROLE, Names
from tests.modules.policy.test_each_statement_matters import INSIDE, KEY, allowed, question, role

ACME = "111111111111"


def image(number: int, stage: str = "active") -> AcceptedImage:
    values = {4: (f"{number:02x}" * 48,), 7: ("77" * 48,), 12: ("00" * 48,)}
    reference = ReferenceSet(name="node", version=number, pcrs={"sha384": values})
    return AcceptedImage.model_validate({"reference": reference, "stage": stage, "reason": "withdrawn for a test"})


def scope(*images: AcceptedImage, canary: bool = False) -> TenantScope:
    return TenantScope(Names("bh", "acme"), ACME, "us-east-1", "3" * 12, "4" * 12, images, canary)


def opens(where: TenantScope, number: int | None, purpose: str = "checkpoint", who: str = "bh-acme-trainer") -> bool:
    """Whether a machine that booted image `number` (None: one that cannot attest) gets keys of `purpose`."""
    context: dict[str, Any] = INSIDE | {"kms:EncryptionContext:tenant": "acme"}
    if number is not None:
        booted = image(number).reference.pcrs["sha384"]
        context |= {f"kms:RecipientAttestation:NitroTPMPCR{index}": value[0] for index, value in booted.items()}
    policy = keys.key_policy(where, purpose)  # type: ignore[arg-type]
    return allowed(question("kms:Decrypt", KEY, role(who), context=context, resourcePolicy=policy))


@pytest.mark.parametrize("purpose", RELEASED)
def test_only_the_accepted_image_opens_a_key(purpose: str) -> None:
    assert opens(scope(image(1)), 1, purpose)
    assert not opens(scope(image(1)), 2, purpose)
    assert not opens(scope(image(1)), None, purpose)


@pytest.mark.parametrize("purpose", RELEASED)
@pytest.mark.parametrize("who", [DEPLOYER_ROLE, "administrator", "bh-acme-auditor"])
@pytest.mark.parametrize("number", [None, 1])
def test_no_administrator_opens_a_key(purpose: str, who: str, number: int | None) -> None:
    assert not opens(scope(image(1)), number, purpose, who)


def test_the_data_owner_opens_what_is_exported_and_nothing_else() -> None:
    opened = [p for p in RELEASED if opens(scope(image(1)), None, p, "bh-acme-data-owner")]
    assert opened == ["export"]


@pytest.mark.parametrize("images", [(), (image(1, "retired"),), (image(1, "canary"),)])
def test_without_an_accepted_image_nothing_opens(images: tuple[AcceptedImage, ...]) -> None:
    where = scope(*images)
    assert release_policy(where, "data") is None
    assert not any(opens(where, number, purpose) for number in (None, 1) for purpose in RELEASED)


def test_an_upgrade_goes_by_way_of_a_canary_and_cuts_the_old_image_off() -> None:
    """Image 1 serves; 2 is tried by a canary tenant, then serves beside 1, then 1 is withdrawn."""
    stages = [
        ((image(1),), {1: True, 2: False}, {1: True, 2: False}),
        ((image(1), image(2, "canary")), {1: True, 2: False}, {1: True, 2: True}),
        ((image(1), image(2)), {1: True, 2: True}, {1: True, 2: True}),
        ((image(1, "retired"), image(2)), {1: False, 2: True}, {1: False, 2: True}),
        ((image(2),), {1: False, 2: True}, {1: False, 2: True}),
    ]
    for images, ordinary, canary in stages:
        assert {number: opens(scope(*images), number) for number in (1, 2)} == ordinary
        assert {number: opens(scope(*images, canary=True), number) for number in (1, 2)} == canary


def test_five_images_beside_each_other_fit_into_a_key_policy() -> None:
    from modules.policy.quotas import rendered

    for purpose in RELEASED:
        rendered("key", purpose, keys.key_policy(scope(*map(image, range(1, 6)), canary=True), purpose))
