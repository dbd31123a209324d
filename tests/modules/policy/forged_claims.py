"""Claims of a genuine machine of the tenant on Google Cloud, and the ways in which someone might forge them.

The genuine claims have the structure of a token that Google issued to a Confidential Space machine in 2023 and that its
owner published (salrashid123/confidential_space, README; `tests/fixtures/confidential-space-claims.json`), with the
GPU's claims as Google documents them. No token of a GPU machine has been published.
"""

# ruff: noqa: E501 -- a case of a table reads best on one line

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Claims = dict[str, Any]


@dataclass(frozen=True)
class Forgery:
    """What is forged and why it matters; `change` makes it of genuine claims, in place."""

    what: str
    why: str
    change: Callable[[Claims], object]


def container(claims: Claims) -> dict[str, Any]:
    found: dict[str, Any] = claims["submods"]["container"]
    return found


def gce(claims: Claims) -> dict[str, Any]:
    found: dict[str, Any] = claims["submods"]["gce"]
    return found


def gpu(claims: Claims) -> dict[str, Any]:
    found: dict[str, Any] = claims["submods"]["nvidia_gpu"]
    return found


def attributes(claims: Claims) -> list[str]:
    found: list[str] = claims["submods"]["confidential_space"]["support_attributes"]
    return found


def genuine(like: Claims, *, digest: str, project: str, number: str, zone: str, account: str) -> Claims:
    """The claims of a GPU machine of the tenant, after a real token's claims `like`."""
    claims = copy.deepcopy(like)
    claims |= {"hwmodel": "GCP_INTEL_TDX", "google_service_accounts": [account]}
    container(claims).update(image_digest=digest, image_reference=f"us-docker.pkg.dev/bh-images/trainer/gpu@{digest}")
    container(claims)["cmd_override"] = None
    gce(claims).update(project_id=project, project_number=number, zone=zone)
    claims["submods"]["nvidia_gpu"] = {"cc_mode": "ON", "cc_feature": "SPT", "gpus": [{"hwmodel": "GCP_NVIDIA_H100"}]}
    return claims


FORGERIES = [
    Forgery("another image digest", "an image that nobody measured", lambda c: container(c).update(image_digest="sha256:" + "66" * 32)),
    Forgery("no image digest", "a claim left out", lambda c: container(c).pop("image_digest")),
    Forgery("the digest in upper case", "a second spelling of an accepted image", lambda c: container(c).update(image_digest=container(c)["image_digest"].upper())),
    Forgery("`dbgstat` enabled", "a debug image: the operator can log in", lambda c: c.update(dbgstat="enabled")),
    Forgery("`dbgstat` disabled, but not since boot", "it was open for a while", lambda c: c.update(dbgstat="disabled")),
    Forgery("no `dbgstat`", "a claim left out", lambda c: c.pop("dbgstat")),
    Forgery("`swname` GCE", "an ordinary confidential machine without Confidential Space", lambda c: c.update(swname="GCE")),
    Forgery("another tenant's project number", "an accepted image in the wrong hands", lambda c: gce(c).update(project_number="222222201")),
    Forgery("the project number as a number", "a type that was not asked for", lambda c: gce(c).update(project_number=int(gce(c)["project_number"]))),
    Forgery("no `submods.gce`", "a machine from nowhere", lambda c: c["submods"].pop("gce")),
    Forgery("another zone", "outside the tenant's place", lambda c: gce(c).update(zone="us-central1-b")),
    Forgery("another tenant's service account", "a machine of another tenant", lambda c: c.update(google_service_accounts=["umbra-trainer@bh-umbra.iam.gserviceaccount.com"])),
    Forgery("a service account with ours inside its name", "a look-alike", lambda c: c.update(google_service_accounts=["x" + c["google_service_accounts"][0]])),
    Forgery("no service account", "nobody in particular", lambda c: c.update(google_service_accounts=[])),
    Forgery("`hwmodel` GCP_AMD_SEV", "other hardware than the shape has", lambda c: c.update(hwmodel="GCP_AMD_SEV")),
    Forgery("`hwmodel` GCP_SHIELDED_VM", "memory in the clear", lambda c: c.update(hwmodel="GCP_SHIELDED_VM")),
    Forgery("`cc_mode` OFF", "a genuine GPU whose memory is in the clear", lambda c: gpu(c).update(cc_mode="OFF")),
    Forgery("`cc_mode` DEVTOOLS", "confidential in name, open to a debugger", lambda c: gpu(c).update(cc_mode="DEVTOOLS")),
    Forgery("`cc_mode` on, in lower case", "a value that Google does not write", lambda c: gpu(c).update(cc_mode="on")),
    Forgery("no `nvidia_gpu`", "a machine without a GPU, or one that says nothing", lambda c: c["submods"].pop("nvidia_gpu")),
    Forgery("`cmd_override` given", "the accepted image with other arguments", lambda c: container(c).update(cmd_override=["--keep-plaintext"])),
    Forgery("`env_override` given", "the accepted image with other settings", lambda c: container(c).update(env_override={"LD_PRELOAD": "/tmp/x.so"})),
    Forgery("support attributes without STABLE", "an image that Google no longer supports", lambda c: attributes(c).remove("STABLE")),
    Forgery("no support attributes", "a debug image has none", lambda c: attributes(c).clear()),
]  # fmt: skip


def table() -> str:
    """The forgeries as docs/clouds.md shows them."""
    rows = [f"| {forgery.what} | {forgery.why} | refused |" for forgery in FORGERIES]
    return "\n".join(["| forged | why it matters | verdict |", "| --- | --- | --- |", *rows])
