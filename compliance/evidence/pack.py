"""Writes an evidence pack: a folder of files, a manifest of their digests, a signed statement about the manifest."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compliance.controls.load import catalogues
from compliance.evidence.dsse import Signer, envelope, key_id
from compliance.evidence.errors import EvidenceError
from compliance.evidence.redact import redactor
from compliance.evidence.tenant import tenant_bundle, tenant_judgement
from compliance.facts.bundle import FACTS, MANIFEST, SCOPE, Bundle
from compliance.facts.canonical import canonical, sha256
from compliance.facts.scope import scope_from_json
from compliance.report import csv, html, ocsf, oscal, sarif
from compliance.report.model import Report, report_of
from compliance.report.proofs import ProofMatrix, proofs_to_json
from compliance.results import Judgement

FORMAT = "bulkhead.evidence/1"
PREDICATE = "https://bulkhead.example/evidence-pack/v1"
STATEMENT = "https://in-toto.io/Statement/v1"
ENVELOPE = "envelope.json"
PACK_MANIFEST = "pack.json"
RESULTS, REPORTS, PROOFS = "results.json", "reports", "proofs.json"
VERIFIER = Path(__file__).parent / "standalone" / "verify.py"
README = """An evidence pack of Bulkhead.

  python verify.py . --key SIGNER.pub.pem

checks every digest, the chain of facts, the signature and the link to the previous pack. It needs Python 3.11 or newer
and the package `cryptography`, and nothing of Bulkhead's. Take the signer's public key from the signer, not from this
pack.
"""


@dataclass(frozen=True)
class Extras:
    """What goes into a pack beside the scan: ledger heads, reference sets, proofs, the previous pack's manifest digest.

    `ledgers` and `references` are file contents by file name.
    """

    ledgers: Mapping[str, bytes] = field(default_factory=dict)
    references: Mapping[str, bytes] = field(default_factory=dict)
    proofs: ProofMatrix | None = None
    previous: str | None = None
    sequence: int = 1
    redaction_key: bytes = b""


def write_pack(
    folder: Path, bundle: Bundle, judgement: Judgement, signer: Signer, extras: Extras, tenant: str | None = None
) -> Path:
    """Writes a pack into a new folder; with `tenant`, one that shows nothing of any other tenant.

    Raises:
        EvidenceError: the folder is not empty, or a tenant's pack is asked for without a redaction key.
    """
    if folder.exists() and any(folder.iterdir()):
        msg = f"{folder}: not empty; a pack is never written over"
        raise EvidenceError(msg)
    if tenant is None:
        (folder / "bundle").mkdir(parents=True)
        for name in (FACTS, SCOPE, MANIFEST):
            shutil.copyfile(bundle.folder / name, folder / "bundle" / name)
        report = report_of(bundle, judgement, extras.proofs)
        extra = {**_named("ledgers", extras.ledgers), **_named("references", extras.references)}
        if extras.proofs is not None:
            # The report shows it: without it nobody could write the report again and compare.
            extra[PROOFS] = canonical(proofs_to_json(extras.proofs))
    else:
        report, extra = _for_tenant(folder, bundle, judgement, extras, tenant)
    for name, content in {**rendered(report), **extra}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "signer.pub.pem").write_bytes(signer.public_pem())
    (folder / "README.txt").write_text(README, encoding="utf-8")
    shutil.copyfile(VERIFIER, folder / "verify.py")
    manifest = _manifest(folder, report, extras, tenant)
    text = canonical(manifest)
    (folder / PACK_MANIFEST).write_bytes(text)
    statement = _statement(manifest, sha256(text), signer)
    signed = envelope(canonical(statement), signer)
    (folder / ENVELOPE).write_bytes(canonical(signed))
    return folder


def _for_tenant(
    folder: Path, bundle: Bundle, judgement: Judgement, extras: Extras, tenant: str
) -> tuple[Report, dict[str, bytes]]:
    if not extras.redaction_key:
        msg = f"{tenant}: a tenant's pack needs the platform's redaction key"
        raise EvidenceError(msg)
    redact = redactor(scope_from_json(bundle.scope), tenant, extras.redaction_key)
    held = {name: content for name, content in extras.ledgers.items() if name.partition(".")[0] == tenant}
    given = {**_named("ledgers", held), **_named("references", extras.references)}
    telling = [name for name, content in given.items() if redact.touches(f"{name}\0{_said(content)}")]
    if telling:
        msg = f"{', '.join(telling)}: names another tenant, so that {tenant} may not be given it; take it out"
        raise EvidenceError(msg)
    own = tenant_bundle(bundle, tenant, redact, folder / "bundle")
    return report_of(own, tenant_judgement(judgement, own, tenant, redact)), given


def _said(content: bytes) -> str:
    """What a file says; an envelope with its payload decoded, for base64 spells short names by chance."""
    try:
        envelope = json.loads(content)
        payload = base64.b64decode(envelope.pop("payload"), validate=True).decode("utf-8", "replace")
        for signature in envelope["signatures"]:
            del signature["sig"]
        return payload + json.dumps(envelope)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return content.decode("utf-8", "replace")


def _named(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def rendered(report: Report) -> dict[str, bytes]:
    """The results and every report as files of a pack, by name. The same report gives the same bytes."""
    texts = {
        RESULTS: json.dumps(report.judgement.to_json(), sort_keys=True) + "\n",
        f"{REPORTS}/report.html": html.render(report),
        f"{REPORTS}/results.csv": csv.render(report),
        f"{REPORTS}/results.sarif": sarif.render(report),
        f"{REPORTS}/results.ocsf.jsonl": ocsf.render(report),
        **{f"{REPORTS}/oscal-{name}.json": oscal.render(report, name) for name in catalogues()},
    }
    return {name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()}


def _manifest(folder: Path, report: Report, extras: Extras, tenant: str | None) -> dict[str, Any]:
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256(path.read_bytes()), "size": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        "format": FORMAT,
        "collected": {"began": report.manifest["began"], "ended": report.manifest["ended"]},
        "endpoint": report.manifest["endpoint"],
        "local_test_double": report.double,
        "tool": report.manifest["tool"],
        "tenant": tenant,
        "summary": report.judgement.summary,
        "sequence": extras.sequence,
        "previous": extras.previous,
        "files": files,
    }


def _statement(manifest: dict[str, Any], digest: str, signer: Signer) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": [{"name": PACK_MANIFEST, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE,
        "predicate": {
            "verifier": {"id": key_id(signer.public_pem())},
            "timeCollected": manifest["collected"]["ended"],
            "endpoint": manifest["endpoint"],
            "localTestDouble": manifest["local_test_double"],
            "tenant": manifest["tenant"],
            "sequence": manifest["sequence"],
            "previous": manifest["previous"],
            "worst": manifest["summary"]["worst"],
            "rules": manifest["tool"].get("rules"),
        },
    }
