"""A release policy, machines that ask under it, and the two clouds' evaluators."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import celpy
import jwt

from attestation.certificates import Roots
from attestation.kinds import gcp_token, nitro
from attestation.nitro_issuer import issue, make_root
from attestation.policy import ReferenceSet
from attestation.release.aws import condition_key, key_policy
from attestation.release.gcp import attribute_condition
from attestation.release.offline import decide
from attestation.release.policy import ReleasePolicy
from compliance.reason.iam import authorise, parse_question
from tests.attestation.makers import NOW, TokenIssuer

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
TRAINER, CANARY, OWNER, ADMIN, STRANGER = (
    ROLE + name for name in ("bh-acme-trainer", "bh-acme-canary", "bh-acme-data-owner", "Deployer", "other")
)
SERVICE = {
    TRAINER: "trainer@acme.iam.gserviceaccount.com",
    CANARY: "canary@acme.iam.gserviceaccount.com",
    OWNER: "owner@acme.iam.gserviceaccount.com",
    ADMIN: "admin@acme.iam.gserviceaccount.com",
    STRANGER: "other@evil.iam.gserviceaccount.com",
}
ROOT = make_root("test", NOW)
TOKENS = TokenIssuer()


def image(number, version=None, *, name="image", stage="active", expires=None, reason=""):
    byte = f"{number:02x}"
    reference = ReferenceSet(
        name=name,
        version=version or number,
        expires=expires,
        pcrs={"sha384": {4: (byte * 48,), 7: ("77" * 48,), 11: (byte * 48,), 12: ("00" * 48,)}},
        image_digests=("sha256:" + byte * 32,),
    )
    return {"reference": reference, "stage": stage, "reason": reason}


def policy(images, **changes):
    return ReleasePolicy.model_validate(
        {
            "tenant": "acme",
            "purpose": "data",
            "version": 1,
            "images": images,
            "confidential_gpu": "AWS offers none; Nitro isolation is relied on",
            "aws": {
                "account_id": ACCOUNT,
                "region": "eu-west-1",
                "users": [TRAINER],
                "canary_users": [CANARY],
                "sealers": [OWNER],
                "administrators": [ADMIN],
            },
            "gcp": {
                "project_number": "123456789",
                "pool": "acme-pool",
                "service_accounts": [SERVICE[TRAINER]],
                "canary_service_accounts": [SERVICE[CANARY]],
                "workload_projects": ["123456"],
                "zones": ["us-central1-a"],
            },
            **changes,
        }
    )


@dataclass(frozen=True)
class Machine:
    """What is true of a machine, whatever the cloud; each cloud's evidence is made from it."""

    number: int = 1
    requester: str = TRAINER
    command_line: bytes = bytes(48)
    keys: bytes = b"\x77" * 48
    attested: bool = True
    debug: bool = False
    at: datetime = NOW
    token: dict = field(default_factory=dict)

    def pcrs(self):
        boot = b"\xdb" * 48 if self.debug else bytes([self.number]) * 48
        return {4: boot, 7: self.keys, 11: boot, 12: self.command_line}

    def claims(self):
        """The GCP token's payload: a changed command line or key set shows there as another image."""
        changed = self.command_line != bytes(48) or self.keys != b"\x77" * 48
        digest = "sha256:" + ("ee" if changed else f"{self.number:02x}") * 32
        submods = {
            "container": {"image_digest": digest},
            "confidential_space": {"support_attributes": [] if self.debug else ["STABLE"]},
            "gce": {"project_number": "123456", "zone": "us-central1-a", "instance_id": "1"},
            "nvidia_gpu": {"cc_mode": "ON"},
        }
        return {
            "dbgstat": "enabled" if self.debug else "disabled-since-boot",
            "google_service_accounts": [SERVICE[self.requester]],
            "submods": submods,
            "iat": int(self.at.timestamp()),
            "nbf": int(self.at.timestamp()),
            "exp": int((self.at + timedelta(hours=1)).timestamp()),
            **self.token,
        }


def aws_allows(document, machine, action="kms:Decrypt", identity=(), more=None):
    context = {"aws:CurrentTime": [machine.at.strftime("%Y-%m-%dT%H:%M:%SZ")], **(more or {})}
    if machine.attested:
        context |= {condition_key(index): [value.hex()] for index, value in machine.pcrs().items()}
    question = {
        "request": {
            "action": action,
            "resource": {"arn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234", "account": ACCOUNT},
            "principal": {"arn": machine.requester, "account": ACCOUNT},
            "context": context,
        },
        "resourcePolicy": json.loads(json.dumps(document)),
        "identityPolicies": list(identity),
    }
    return authorise(*parse_question(question)).decision == "allowed"


def cel_allows(condition, payload):
    environment = celpy.Environment()
    program = environment.program(environment.compile(condition))
    try:
        return bool(program.evaluate({"assertion": celpy.json_to_cel(payload)}))
    except celpy.CELEvalError:
        return False


def offline_nitro(release, machine):
    if not machine.attested:
        return False
    document = issue(ROOT, module_id="i-1-tpm1", pcrs=machine.pcrs(), now=machine.at)
    claims = nitro.verify(document, roots=Roots(certificates=(ROOT.certificate,)), now=machine.at)
    return decide(release, claims, machine.requester, now=machine.at).allowed


def offline_token(release, machine):
    if not machine.attested:
        return False
    claims = gcp_token.verify(TOKENS.token(**machine.claims()), keys=TOKENS.jwks(), now=machine.at)
    return decide(release, claims, SERVICE[machine.requester], now=machine.at).allowed


def verdicts(release, machine):
    """What each of the evaluators says of the machine; equal answers are the point."""
    payload = jwt.decode(TOKENS.token(**machine.claims()), options={"verify_signature": False})
    return {
        "aws": aws_allows(key_policy(release), machine),
        "gcp": machine.attested and cel_allows(attribute_condition(release), payload),
        "offline on NitroTPM": offline_nitro(release, machine),
        "offline on tokens": offline_token(release, machine),
    }
