"""Attempts on a tenant on Google Cloud, and from one cloud to the other. Each would be a breach if it were answered."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from operations.attacks.model import Attacker, Attempt, Outcome, Path
from operations.gcp_local import GcpCloud
from operations.gcp_training import place
from tenancy.fleet import Fleet
from tenancy.names import KeyPurpose, RoleName
from tenancy.tenant import Tenant

if TYPE_CHECKING:
    from operations.local import LocalCloud

AWS_TOKEN = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 - a type of token
_CONTEXT = {"tenant": "?", "purpose": "training"}


@dataclass(frozen=True)
class GoogleStage:
    """What the attempts may use: both clouds, the victim on Google Cloud, and the attacker's tenant on AWS."""

    cloud: GcpCloud
    aws: LocalCloud
    fleet: Fleet
    victim: Tenant
    attacker: str

    def account(self, role: RoleName) -> str:
        """Address of one of the victim's service accounts."""
        return self.fleet.gcp_names(self.victim).account_email(role)

    def key(self, purpose: KeyPurpose) -> str:
        """Resource name of one of the victim's keys."""
        return self.fleet.gcp_names(self.victim).key(self.victim.region, purpose)

    def objects(self, who: str | None, *, inside: bool, ledger: bool = False) -> Any:
        """The victim's bucket as somebody sees it: a service account's address, or nobody's."""
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - heavy, and only this needs it
        from google.oauth2.credentials import Credentials  # noqa: PLC0415

        from trainer.store.gcs import GcsStore, storage_client  # noqa: PLC0415

        made: Any = Credentials
        nobody: Any = AnonymousCredentials
        credentials = nobody() if who is None else made(token=self.cloud.account(who))
        endpoints = self.cloud.endpoints(self.victim.id if inside else None)
        names = self.fleet.gcp_names(self.victim)
        bucket = names.ledger_bucket if ledger else names.bucket("data")
        return GcsStore(f"gs://{bucket}", storage_client(credentials, endpoints.storage))

    def keys(self, token: str, *, inside: bool = True) -> Any:
        """Cloud KMS with an access token."""
        from google.oauth2.credentials import Credentials  # noqa: PLC0415

        from trainer.keys.gcp_kms import GcpKeyService  # noqa: PLC0415

        made: Any = Credentials
        return GcpKeyService(made(token=token), self.cloud.endpoints(self.victim.id if inside else None).kms)

    def attested(self, **otherwise: Any) -> Any:
        """Cloud KMS as a machine of the victim's project, started otherwise than deployed."""
        from trainer.google.credentials import attested_credentials  # noqa: PLC0415
        from trainer.keys.gcp_kms import GcpKeyService  # noqa: PLC0415

        machine = self.cloud.machine(self.fleet.gcp_names(self.victim).project, **otherwise)
        endpoints = self.cloud.endpoints(self.victim.id)
        provider = place(self.fleet, self.victim, local=True)["provider"]
        with _socket(machine["launcher"]):
            return GcpKeyService(attested_credentials(provider, endpoints), endpoints.kms)

    def exchange(self, token: str, kind: str) -> bytes:
        """Exchanges a token of another issuer with the victim's provider."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": f"//iam.googleapis.com/{place(self.fleet, self.victim, local=True)['provider']}",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": token,
            "subject_token_type": kind,
        }
        address = f"{self.cloud.network(self.victim.id)['endpoint']}/v1/token"
        return _fetch(address, urllib.parse.urlencode(form).encode())

    def aws_signature(self) -> str:
        """The attacker's AWS identity as a workload identity provider for AWS would take it."""
        credentials = self.aws.administrator(self.attacker)
        headers = [{"key": "x-amz-security-token", "value": credentials["AWS_ACCESS_KEY_ID"]}]
        return urllib.parse.quote(
            json.dumps({"url": "https://sts.amazonaws.com", "method": "POST", "headers": headers})
        )

    def attestation_token(self) -> str:
        """A genuine attestation token of the victim's machine, as code on it could carry it away."""
        from trainer.google.launcher import LauncherTokens  # noqa: PLC0415

        machine = self.cloud.machine(self.fleet.gcp_names(self.victim).project)
        return LauncherTokens(File(machine["launcher"])).get_subject_token(None, None)


@contextmanager
def _socket(path: str) -> Iterator[None]:
    before = os.environ.get("BULKHEAD_LAUNCHER_SOCKET")
    os.environ["BULKHEAD_LAUNCHER_SOCKET"] = path
    try:
        yield
    finally:
        if before is None:
            del os.environ["BULKHEAD_LAUNCHER_SOCKET"]
        else:
            os.environ["BULKHEAD_LAUNCHER_SOCKET"] = before


def _fetch(address: str, body: bytes) -> bytes:
    request = urllib.request.Request(address, body)  # noqa: S310 - loopback: the local cloud
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        content: bytes = reply.read()
    return content


def _web_identity(stage: GoogleStage) -> Any:
    """The victim's attestation token at AWS, for the attacker's own role."""
    from operations.local import session_from  # noqa: PLC0415 - heavy, and only this needs it

    account = stage.aws.status["accounts"][stage.attacker]["id"]
    session = session_from(stage.aws.administrator(stage.attacker))
    return session.client("sts", endpoint_url=stage.aws.endpoint).assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{account}:role/{stage.fleet.platform.name}-{stage.attacker}-trainer",
        RoleSessionName="attack",
        WebIdentityToken=stage.attestation_token(),
    )


def _remove_record(stage: GoogleStage) -> None:
    ledger = stage.objects(stage.account("trainer"), inside=True, ledger=True)
    ledger.delete(ledger.names("")[0])


def _impersonate(stage: GoogleStage) -> bytes:
    token = stage.cloud.user(
        f"mallory@{stage.fleet.google.domain}", [f"{stage.attacker}-data-owners@elsewhere.example"]
    )
    address = stage.cloud.endpoints(stage.victim.id).impersonation_url(stage.account("data-owner"))
    body = json.dumps({"scope": ["https://www.googleapis.com/auth/cloud-platform"]}).encode()
    request = urllib.request.Request(address, body, {"authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        content: bytes = reply.read()
    return content


_Try = tuple[str, Path, Attacker, str, Callable[[GoogleStage], Any]]
_OTHER = "sha256:" + "0d" * 32

ATTEMPTS: tuple[_Try, ...] = (
    ("gcp-01", "role", "administrator", "exchange AWS credentials for an identity of the victim on Google Cloud",
     lambda s: s.exchange(s.aws_signature(), AWS_TOKEN)),
    ("gcp-02", "role", "administrator", "exchange a forged token for an identity of the victim",
     lambda s: s.exchange("e30.e30.e30", "urn:ietf:params:oauth:token-type:jwt")),
    ("gcp-03", "role", "stolen", "take the victim's attestation token to AWS", _web_identity),
    ("gcp-04", "key", "administrator", "use an AWS key as a token at Cloud KMS",
     lambda s: s.keys(s.aws.administrator(s.attacker)["AWS_ACCESS_KEY_ID"]).generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-05", "data", "anonymous", "list the victim's data", lambda s: s.objects(None, inside=True).names("")),
    ("gcp-06", "data", "anonymous", "list the victim's data from the internet",
     lambda s: s.objects(None, inside=False).names("")),
    ("gcp-07", "data", "stolen", "list the data with the trainer's account from the internet",
     lambda s: s.objects(s.account("trainer"), inside=False).names("")),
    ("gcp-08", "data", "platform", "list the victim's data as the deployer",
     lambda s: s.objects(s.fleet.google.deployer, inside=True).names("")),
    ("gcp-09", "key", "platform", "use the checkpoint key as the deployer",
     lambda s: s.keys(s.cloud.account(s.fleet.google.deployer)).generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-10", "key", "insider", "use the checkpoint key as the trainer's account, without attestation",
     lambda s: s.keys(s.cloud.account(s.account("trainer"))).generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-11", "key", "tampered", "get the keys with another image",
     lambda s: s.attested(image_digest=_OTHER).generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-12", "key", "tampered", "get the keys with debugging on",
     lambda s: s.attested(debug=True).generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-13", "key", "tampered", "get the keys with an environment variable changed",
     lambda s: s.attested(env_override={"BULKHEAD_GCP_KMS": "elsewhere:443"}).generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-14", "key", "tampered", "get the keys on a machine without memory encryption of the right kind",
     lambda s: s.attested(hwmodel="GCP_SHIELDED_VM").generate(s.key("checkpoint"), _CONTEXT)),
    ("gcp-15", "log", "insider", "remove a record of the ledger as the trainer",
     _remove_record),
    ("gcp-16", "role", "administrator", "act as the victim's data owner without being one", _impersonate),
)  # fmt: skip


def run(stage: GoogleStage, decisions: File, progress: Callable[[str], None]) -> list[Outcome]:
    """Makes every attempt; `decisions` is the decision log of the local Google Cloud."""
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(stage.cloud.status["authority"])
    outcomes = []
    for id_, path, who, title, call in ATTEMPTS:
        progress(title)
        before = decisions.stat().st_size if decisions.exists() else 0
        outcomes.append(_one(Attempt(id_, path, who, title, lambda _stage: None), stage, call, decisions, before))
    return outcomes


_REFUSED = (
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "attribute condition",
    "403",
    "401",
    "does not fit",
    "not acceptable",
    "AccessDenied",
    "InvalidIdentityToken",
    # The local cloud takes no unsigned call of STS, because it can verify no web identity; AWS would say that the
    # account has no such provider.
    "MissingAuthenticationToken",
)
"""Words by which either cloud says that the caller may not. Anything else is no refusal, and is shown as such."""


def _one(
    attempt: Attempt, stage: GoogleStage, call: Callable[[GoogleStage], Any], decisions: File, before: int
) -> Outcome:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy, and only this needs it

    from trainer.errors import TrainerError  # noqa: PLC0415

    try:
        call(stage)
    except TrainerError as error:
        code, said = error.reason.value, str(error)
    except ClientError as error:
        code, said = str(error.response["Error"]["Code"]), str(error)
    except urllib.error.HTTPError as error:
        code, said = str(error.code), _described(error.read())
    except urllib.error.URLError as error:
        return Outcome(attempt, "failed otherwise", type(error).__name__, str(error), "")
    else:
        return Outcome(attempt, "SUCCEEDED", "", "", "")
    refused = any(word in said or word in code for word in _REFUSED)
    return Outcome(
        attempt, "refused" if refused else "failed otherwise", code, said, _by(decisions, before) or said[:160]
    )


def _described(body: bytes) -> str:
    """The words of a token endpoint's refusal, or the whole answer."""
    try:
        return str(json.loads(body)["error_description"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


def _by(decisions: File, before: int) -> str:
    """What refused last, from the decision log; empty where the call did not get so far."""
    if not decisions.exists():
        return ""
    with decisions.open("rb") as log:
        log.seek(before)
        lines: Sequence[dict[str, Any]] = [json.loads(line) for line in log.read().splitlines() if line.strip()]
    denied = [line for line in lines if line.get("decision") == "denied"]
    return str(denied[-1]["decidedBy"]) if denied else ""
