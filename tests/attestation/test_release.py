"""One release policy, three forms: they agree, on a corpus and on machines that nobody thought of."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attestation.errors import AttestationError
from attestation.policy import AppraisalPolicy
from attestation.release import aws, gcp
from attestation.release.offline import decide
from attestation.release.policy import load_release_policy
from attestation.release.upgrade import introduce, promote, retire
from attestation.result import Claims, passed
from tests.attestation.makers import NOW
from tests.attestation.release_fixtures import (
    ADMIN,
    CANARY,
    OWNER,
    STRANGER,
    TRAINER,
    Machine,
    aws_allows,
    cel_allows,
    image,
    policy,
    verdicts,
)

RELEASE = policy(
    [
        image(1),
        image(2),
        image(3, stage="canary"),
        image(4, stage="retired", reason="CVE-2026-1 in it"),
        image(5, expires=NOW + timedelta(days=1)),
    ]
)
CORPUS = [
    (Machine(1), True),
    (Machine(2), True),
    (Machine(5), True),
    (Machine(3), False),
    (Machine(3, requester=CANARY), True),
    (Machine(1, requester=CANARY), True),
    (Machine(4), False),
    (Machine(9), False),
    (Machine(5, at=NOW + timedelta(days=2)), False),
    (Machine(1, attested=False), False),
    (Machine(1, debug=True), False),
    (Machine(1, command_line=b"\1" * 48), False),
    (Machine(1, keys=b"\x78" * 48), False),
    (Machine(1, requester=STRANGER), False),
    (Machine(1, requester=ADMIN), False),
    (Machine(1, requester=OWNER), False),
]


@pytest.mark.parametrize(("machine", "expected"), CORPUS, ids=lambda value: str(value)[:70])
def test_the_corpus_gets_one_answer(machine, expected):
    assert verdicts(RELEASE, machine) == dict.fromkeys(verdicts(RELEASE, machine), expected)


MACHINES = st.builds(
    Machine,
    number=st.integers(1, 6),
    requester=st.sampled_from([TRAINER, CANARY, OWNER, ADMIN, STRANGER]),
    command_line=st.sampled_from([bytes(48), b"\1" * 48]),
    keys=st.sampled_from([b"\x77" * 48, b"\x78" * 48]),
    attested=st.booleans(),
    debug=st.booleans(),
    at=st.sampled_from([NOW, NOW + timedelta(days=2)]),
)
STAGES = st.lists(st.sampled_from(["active", "canary", "retired"]), min_size=1, max_size=4)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STAGES, MACHINES, st.integers(1, 3))
def test_any_machine_under_any_policy_gets_one_answer(stages, machine, minimum):
    images = [image(i + 1, stage=stage, reason="withdrawn for a test") for i, stage in enumerate(stages)]
    release = policy(images, minimum_image_version=minimum)
    if not release.usable(canary=True):
        with pytest.raises(AttestationError, match="no image is accepted"):
            aws.key_policy(release)
        return
    answers = verdicts(release, machine)
    assert len(set(answers.values())) == 1, answers


def test_registers_of_two_images_do_not_mix():
    other = image(2)
    pcrs = {**other["reference"].pcrs["sha384"], 12: ("aa" * 48,), 7: ("99" * 48,)}
    other["reference"] = other["reference"].model_copy(update={"pcrs": {"sha384": pcrs}})
    release = policy([image(1), other])
    document = aws.key_policy(release)
    for boot in (1, 2):
        for keys in (b"\x77", b"\x99"):
            for line in (b"\0", b"\xaa"):
                machine = Machine(boot, keys=keys * 48, command_line=line * 48)
                whole = (boot, keys, line) in {(1, b"\x77", b"\0"), (2, b"\x99", b"\xaa")}
                assert aws_allows(document, machine) is whole
                assert aws_allows(denials_only(release), machine) is whole


def denials_only(release):
    """A policy that hands every action to the trainer: only the denials are left to stop it."""
    allow = {"Sid": "All", "Effect": "Allow", "Principal": {"AWS": TRAINER}, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [allow, *aws.release_denials(release)]}


@pytest.mark.parametrize("action", aws.ATTESTABLE)
def test_the_denials_alone_suffice(action):
    assert aws_allows(denials_only(RELEASE), Machine(1), action)
    for machine in (Machine(1, attested=False), Machine(9), Machine(4), Machine(1, command_line=b"\1" * 48)):
        assert not aws_allows(denials_only(RELEASE), machine, action)


@pytest.mark.parametrize("action", [*aws.UNATTESTABLE, "kms:CreateGrant", "kms:ReplicateKey"])
def test_what_cannot_be_attested_is_denied_even_to_an_accepted_machine(action):
    assert not aws_allows(denials_only(RELEASE), Machine(1), action)


def test_each_denial_counts():
    """Without a statement some request goes through that must not: no statement is there for show."""
    document = denials_only(RELEASE)
    probes = [
        (Machine(1, attested=False), "kms:Decrypt"),
        (Machine(9), "kms:Decrypt"),
        (Machine(1), "kms:CreateGrant"),
        (Machine(1), "kms:Sign"),
        (Machine(1), "kms:ReEncryptFrom"),
        (Machine(1, requester=OWNER), "kms:ReEncryptFrom"),
        (Machine(5, at=NOW + timedelta(days=2)), "kms:Decrypt"),
        (Machine(1, requester=STRANGER), "kms:Decrypt"),
        (Machine(1, requester=ADMIN), "kms:Encrypt"),
    ]
    everyone = {"Sid": "All", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    document["Statement"][0] = everyone
    for machine, action in probes:
        assert not aws_allows(document, machine, action)
    flips = 0
    groups = (
        "DenyOther",
        "DenyWithout",
        "DenyGrants",
        "DenyUseThat",
        "DenyRewrapping",
        "DenyRewrappingUnderOtherKeys",
        "OnceExpired",
        "DenyUseByOthers",
    )
    for prefix in groups:
        kept = [s for s in document["Statement"] if prefix not in s["Sid"]]
        if prefix in {"DenyOther", "DenyWithout"}:
            kept = [s for s in document["Statement"] if not s["Sid"].startswith(("DenyOther", "DenyWithout"))]
        flips += any(aws_allows({**document, "Statement": kept}, machine, action) for machine, action in probes)
    assert flips == len(groups)


def test_keys_are_wrapped_anew_by_sealers_and_under_the_same_key_only():
    document = aws.key_policy(RELEASE)
    owner = Machine(1, requester=OWNER, attested=False)
    for action in aws.REWRAPPING:
        assert aws_allows(document, owner, action, more={"kms:ReEncryptOnSameKey": ["true"]})
        assert not aws_allows(document, owner, action, more={"kms:ReEncryptOnSameKey": ["false"]})
        assert not aws_allows(document, owner, action)
        assert not aws_allows(document, Machine(1), action, more={"kms:ReEncryptOnSameKey": ["true"]})


def test_openers_open_without_a_document_and_make_nothing():
    release = policy([image(1)], purpose="export")
    release = release.model_copy(update={"aws": release.aws.model_copy(update={"sealers": (), "openers": (OWNER,)})})
    document = aws.key_policy(release)
    owner = Machine(1, requester=OWNER, attested=False)
    assert aws_allows(document, owner, "kms:Decrypt")
    for action in ("kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:DeriveSharedSecret"):
        assert not aws_allows(document, owner, action, more={"kms:ReEncryptOnSameKey": ["true"]})
    for requester in (TRAINER, ADMIN, STRANGER):
        assert not aws_allows(document, Machine(1, requester=requester, attested=False), "kms:Decrypt")
    assert aws_allows(document, Machine(1), "kms:Decrypt")


def locked(sealers):
    target = RELEASE.aws.model_copy(update={"sealers": sealers})
    everyone = {"Sid": "All", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [everyone, *aws.locked_denials(target)]}


def test_without_an_accepted_image_a_key_can_be_sealed_with_and_opens_for_nobody():
    for requester in (TRAINER, CANARY, ADMIN, STRANGER, OWNER):
        for attested in (True, False):
            machine = Machine(1, requester=requester, attested=attested)
            assert not aws_allows(locked((OWNER,)), machine, "kms:Decrypt")
            assert aws_allows(locked((OWNER,)), machine, "kms:GenerateDataKey") is (requester == OWNER)
            assert not aws_allows(locked(()), machine, "kms:GenerateDataKey")


def test_an_image_on_trial_is_nobodys_without_canaries():
    release = policy([image(1), image(2, stage="canary")])
    release = release.model_copy(update={"aws": release.aws.model_copy(update={"canary_users": ()})})
    document = aws.key_policy(release)
    assert "[]" not in json.dumps(document)
    assert aws_allows(document, Machine(1))
    for requester in (TRAINER, CANARY):
        assert not aws_allows(document, Machine(2, requester=requester))


def test_identity_policies_of_administrators_open_nothing():
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    document = aws.key_policy(RELEASE)
    for requester in (ADMIN, STRANGER):
        assert not aws_allows(document, Machine(1, requester=requester), identity=[everything])
    assert aws_allows(document, Machine(1, requester=ADMIN), "kms:PutKeyPolicy")
    assert not aws_allows(document, Machine(1), "kms:PutKeyPolicy", identity=[everything])


def test_whoever_seals_makes_keys_and_opens_none():
    document = aws.key_policy(RELEASE)
    owner = Machine(1, requester=OWNER, attested=False)
    assert aws_allows(document, owner, "kms:GenerateDataKey")
    assert aws_allows(document, owner, "kms:Encrypt")
    assert not aws_allows(document, owner, "kms:Decrypt")
    assert not aws_allows(document, Machine(1, requester=OWNER), "kms:Decrypt")
    assert not aws_allows(document, Machine(1, attested=False), "kms:GenerateDataKey")


def test_aws_form_needs_the_gpu_waived_in_words():
    with pytest.raises(AttestationError, match="no confidential GPU"):
        aws.key_policy(policy([image(1)], confidential_gpu="required"))


def test_gcp_form_requires_confidential_mode_on():
    release = policy([image(1)], confidential_gpu="required", aws=None)
    condition = gcp.attribute_condition(release)
    for mode, allowed in (("ON", True), ("OFF", False), ("DEVTOOLS", False)):
        claims = Machine(1).claims()
        claims["submods"]["nvidia_gpu"]["cc_mode"] = mode
        claims |= {"swname": "CONFIDENTIAL_SPACE", "hwmodel": "GCP_INTEL_TDX"}
        assert cel_allows(condition, claims) is allowed


@pytest.mark.parametrize(
    "change",
    [
        {"swname": "GCE"},
        {"hwmodel": "GCP_AMD_SEV"},
        {"dbgstat": "enable"},
        {"google_service_accounts": []},
    ],
)
def test_tokens_that_both_forms_refuse(change):
    answers = verdicts(policy([image(1)]), Machine(1, token=change))
    assert answers == {"aws": True, "gcp": False, "offline on NitroTPM": True, "offline on tokens": False}


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("gce", {"zone": "europe-west4-c"}),
        ("gce", {"project_number": "999999"}),
        ("container", {"env_override": {"LD_PRELOAD": "x"}}),
        ("container", {"cmd_override": ["sh"]}),
        ("confidential_space", {"support_attributes": ["LATEST"]}),
    ],
)
def test_submods_that_both_forms_refuse(part, change):
    submods = Machine(1).claims()["submods"]
    submods[part] |= change
    answers = verdicts(policy([image(1)]), Machine(1, token={"submods": submods}))
    assert (answers["gcp"], answers["offline on tokens"]) == (False, False)


@pytest.mark.parametrize(("mode", "allowed"), [("ON", True), ("OFF", True), (None, True), ("DEVTOOLS", False)])
def test_a_waived_gpu_is_never_in_developer_mode(mode, allowed):
    submods = Machine(1).claims()["submods"]
    submods["nvidia_gpu"] = {} if mode is None else {"cc_mode": mode}
    answers = verdicts(policy([image(1)]), Machine(1, token={"submods": submods}))
    assert (answers["gcp"], answers["offline on tokens"]) == (allowed, allowed)


def test_kms_binding_names_tenant_and_image():
    members = [binding["member"] for binding in gcp.kms_bindings(policy([image(1), image(2, stage="canary")]))]
    assert members == [
        "principalSet://iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/acme-pool/"
        f"attribute.release/acme/data/sha256:{byte * 32}"
        for byte in ("01", "02")
    ]
    assert gcp.attribute_mapping(policy([image(1)]))["attribute.tenant"] == '"acme"'


def test_two_phase_upgrade_cuts_off_the_old_image():
    start = policy([image(1)])
    first = introduce(start, image(2)["reference"])
    second = promote(first, "image", 2)
    third = retire(second, "image", 1, "replaced by version 2")
    steps = [
        (p, verdicts(p, Machine(1)), verdicts(p, Machine(2)), verdicts(p, Machine(2, requester=CANARY)))
        for p in (start, first, second, third)
    ]
    expected = [(True, False, False), (True, False, True), (True, True, True), (False, True, True)]
    for (release, *answers), wanted in zip(steps, expected, strict=True):
        assert [set(a.values()) for a in answers] == [{w} for w in wanted], release.version
    assert [p.version for p, *_ in steps] == [1, 2, 3, 4]
    with pytest.raises(AttestationError, match="not above"):
        introduce(third, image(9, version=1)["reference"])
    with pytest.raises(AttestationError, match="no active image"):
        retire(start, "image", 1, "there is nothing else")
    with pytest.raises(AttestationError, match="canary image"):
        promote(third, "image", 1)


def test_the_policy_stays_within_the_quota():
    document = aws.key_policy(policy([image(i) for i in range(1, 5)]))
    assert len(json.dumps(document)) < aws.MAX_POLICY
    with pytest.raises(AttestationError, match="retire old"):
        aws.key_policy(policy([varied(i) for i in range(1, 9)]))


def varied(number):
    made = image(number)
    pcrs = {4: (f"{number:02x}" * 48,), 7: (f"{number + 16:02x}" * 48,), 12: (f"{number + 32:02x}" * 48,)}
    return {**made, "reference": made["reference"].model_copy(update={"pcrs": {"sha384": pcrs}})}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"aws": {"registers": [4, 7]}}, "registers"),
        ({"aws": {"administrators": [TRAINER]}}, "separation of duties"),
        ({"images": [{"stage": "retired"}]}, "reason"),
        ({"purpose": "other"}, "purpose"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_policies_name_the_field(change, match):
    document = json.loads(policy([image(1)]).model_dump_json())
    for name, value in change.items():
        if name == "aws":
            document["aws"] |= value
        elif name == "images":
            document["images"][0] |= value[0]
        else:
            document[name] = value
    with pytest.raises(AttestationError, match=match):
        load_release_policy(json.dumps(document), "policy.yaml")


def test_a_policy_survives_its_text():
    release = policy([image(1, expires=NOW)])
    assert load_release_policy(release.model_dump_json(), "x").sha256() == release.sha256()


def test_claims_of_an_enclave_or_another_kind_release_nothing():
    claims = Claims(
        "nitro",
        {
            "shape": "enclave",
            "debug": False,
            "timestamp": NOW.isoformat(),
            "pcrs": {str(k): v.hex() for k, v in Machine(1).pcrs().items()},
        },
        (passed("x"),),
    )
    assert not decide(RELEASE, claims, TRAINER, now=NOW).allowed
    genuine = Claims("nitro", {**claims.values, "shape": "nitrotpm"}, (passed("x"),))
    assert decide(RELEASE, genuine, TRAINER, now=NOW).allowed
    unanchored = Claims("nitro", genuine.values, (passed("x"),), anchored=False)
    assert not decide(RELEASE, unanchored, TRAINER, now=NOW).allowed
    assert not decide(RELEASE, genuine, TRAINER, now=NOW + timedelta(hours=1)).allowed
    assert AppraisalPolicy().sha256() != AppraisalPolicy(require_nonce=True).sha256()
