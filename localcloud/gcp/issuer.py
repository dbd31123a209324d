"""In the role of Google Cloud Attestation: signs what a machine was launched with as a Confidential Space token.

Google Cloud "Confidential Space: attestation token claims". Nothing here measures a machine: where Google's verifier
appraises a vTPM quote, this one repeats the launch that was registered. Its key is its own, made at the first start.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from attestation.kinds.gcp_token import GOOGLE_ISSUER

LIFETIME = 3600
KEY_ID = "local-test-double"


@dataclass(frozen=True)
class Launch:
    """What a machine was started with, as Compute Engine and the Confidential Space launcher know it."""

    instance_id: str
    instance_name: str
    project_id: str
    project_number: str
    zone: str
    service_account: str
    image_digest: str
    image_reference: str
    hwmodel: str = "GCP_INTEL_TDX"
    debug: bool = False
    gpu: str | None = None
    """`cc_mode` of its GPU; None without one."""
    env_override: tuple[tuple[str, str], ...] = ()
    cmd_override: tuple[str, ...] = ()
    support: tuple[str, ...] = field(default=("LATEST", "STABLE", "USABLE"))


def claims(launch: Launch, audience: str, nonces: tuple[str, ...], now: int) -> dict[str, Any]:
    """The claims of a launch. Overrides are left out where there are none, as Google's tokens do."""
    container: dict[str, Any] = {
        "image_reference": launch.image_reference,
        "image_digest": launch.image_digest,
        "image_id": launch.image_digest,
        "restart_policy": "Never",
        "args": ["python", "-m", "trainer.agent"],
    }
    if launch.env_override:
        container["env_override"] = dict(launch.env_override)
    if launch.cmd_override:
        container["cmd_override"] = list(launch.cmd_override)
    submods: dict[str, Any] = {
        "confidential_space": {
            "support_attributes": [] if launch.debug else list(launch.support),
            "monitoring_enabled": {"memory": False},
        },
        "container": container,
        "gce": {
            "instance_id": launch.instance_id,
            "instance_name": launch.instance_name,
            "project_id": launch.project_id,
            "project_number": launch.project_number,
            "zone": launch.zone,
        },
    }
    if launch.gpu is not None:
        submods["nvidia_gpu"] = {"cc_mode": launch.gpu, "gpus": [{"hwmodel": "GCP_NVIDIA_H100"}]}
    return {
        "iss": GOOGLE_ISSUER,
        "aud": audience,
        "sub": f"https://www.googleapis.com/compute/v1/projects/{launch.project_id}/zones/{launch.zone}"
        f"/instances/{launch.instance_name}",
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "eat_nonce": list(nonces) if len(nonces) != 1 else nonces[0],
        "secboot": True,
        "oemid": 11129,
        "hwmodel": launch.hwmodel,
        "swname": "CONFIDENTIAL_SPACE",
        "swversion": ["250300"],
        "dbgstat": "enabled" if launch.debug else "disabled-since-boot",
        "google_service_accounts": [launch.service_account],
        "submods": submods,
    }


class Issuer:
    """The signing key, its JWKS, and tokens."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            path.touch(mode=0o600)
            path.write_bytes(pem)
        loaded = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)  # written above
        self._key = loaded

    @property
    def jwks(self) -> bytes:
        """The public key as Google publishes its own (`/.well-known/openid-configuration`, `jwks_uri`)."""
        document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        document |= {"kid": KEY_ID, "use": "sig", "alg": "RS256"}
        return json.dumps({"keys": [document]}).encode()

    def token(self, launch: Launch, audience: str, nonces: tuple[str, ...] = (), now: float | None = None) -> str:
        """A signed token for a launch."""
        moment = int(time.time() if now is None else now)
        return jwt.encode(
            claims(launch, audience, nonces, moment), self._key, algorithm="RS256", headers={"kid": KEY_ID}
        )
