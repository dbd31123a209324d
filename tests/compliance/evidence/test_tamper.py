"""Every part of a pack is tampered with in turn, and the verifier names the part. The verifier is run as a stranger
would: the copy in the pack, by a Python that sees nothing of ours."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compliance.evidence.dsse import envelope, local_signer
from compliance.facts.canonical import canonical, sha256


def run(made: Path, pack: Path, *more: str) -> tuple[int, list[dict]]:
    """Exit code and lines of the verifier that lies in the untouched pack."""
    verifier = made / "first" / "verify.py"
    command = [sys.executable, "-I", str(verifier), str(pack), "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=300, check=False)
    assert done.returncode != 2, done.stderr
    return done.returncode, json.loads(done.stdout)["checks"]


def trusted(made: Path) -> tuple[str, str]:
    return ("--key", str(made / "signer.pub.pem"))


def named(lines: list[dict]) -> set[str]:
    return {line["part"] for line in lines if line["status"] == "changed"}


def test_untouched_pack_verifies(made, pack):
    code, lines = run(made, pack, *trusted(made))
    assert (code, named(lines)) == (0, set())
    assert {"envelope.json", "pack.json", "files", "bundle/facts.jsonl", "results.json", "chain"} == {
        line["part"] for line in lines
    }


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


PARTS = [
    "README.txt",
    "bundle/facts.jsonl",
    "bundle/manifest.json",
    "bundle/scope.json",
    "ledgers/acme.json",
    "references/trainer.json",
    "reports/report.html",
    "reports/results.csv",
    "reports/results.sarif",
    "reports/results.ocsf.jsonl",
    "reports/oscal-nist-800-53.json",
    "results.json",
    "signer.pub.pem",
    "verify.py",
]


def test_the_table_covers_every_kind_of_file(pack):
    listed = {name for name in files(pack) if not name.startswith("reports/oscal")} - {"pack.json", "envelope.json"}
    assert listed - {"ledgers/globex.json"} == {name for name in PARTS if not name.startswith("reports/oscal")}


@pytest.mark.parametrize("name", PARTS)
def test_changed_byte_is_named(made, pack, name):
    path = pack / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    code, lines = run(made, pack, *trusted(made))
    assert code == 1
    assert name in named(lines)


@pytest.mark.parametrize("name", PARTS)
def test_missing_file_is_named(made, pack, name):
    (pack / name).unlink()
    code, lines = run(made, pack, *trusted(made))
    assert code == 1
    assert name in named(lines)


def test_added_file_is_named(made, pack):
    (pack / "reports" / "nice.txt").write_text("all is well")
    code, lines = run(made, pack, *trusted(made))
    assert (code, named(lines)) == (1, {"reports/nice.txt"})


def test_link_out_of_the_pack_is_named(made, pack):
    (pack / "README.txt").unlink()
    (pack / "README.txt").symlink_to("/etc/hostname")
    code, lines = run(made, pack, *trusted(made))
    assert (code, "README.txt" in named(lines)) == (1, True)


def reseal_manifest(pack: Path) -> None:
    """What an attacker without the key can do: make the manifest agree with the files again."""
    manifest = json.loads((pack / "pack.json").read_bytes())
    for name, entry in manifest["files"].items():
        content = (pack / name).read_bytes()
        entry.update(sha256=sha256(content), size=len(content))
    (pack / "pack.json").write_bytes(canonical(manifest))


def test_manifest_made_to_agree_is_not_the_one_that_was_signed(made, pack):
    (pack / "results.json").write_text((pack / "results.json").read_text().replace('"fail"', '"pass"'))
    reseal_manifest(pack)
    code, lines = run(made, pack, *trusted(made))
    assert code == 1
    assert "pack.json" in named(lines)


def test_signing_again_with_another_key_is_seen(made, pack, tmp_path):
    reseal_manifest(pack)
    held = json.loads((pack / "envelope.json").read_bytes())
    thief = local_signer(tmp_path / "thief.pem")
    (pack / "signer.pub.pem").write_bytes(thief.public_pem())
    reseal_manifest(pack)
    statement = json.loads(base64.b64decode(held["payload"]))
    statement["subject"][0]["digest"]["sha256"] = sha256((pack / "pack.json").read_bytes()).removeprefix("sha256:")
    (pack / "envelope.json").write_bytes(canonical(envelope(canonical(statement), thief)))
    code, lines = run(made, pack, *trusted(made))
    assert (code, named(lines)) == (1, {"envelope.json"})
    assert run(made, pack)[0] == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update(payload=base64.b64encode(b"{}").decode()),
        lambda held: held.update(payloadType="text/plain"),
        lambda held: held.update(signatures=[]),
        lambda held: held["signatures"][0].update(sig=base64.b64encode(bytes(64)).decode()),
        lambda held: held["signatures"][0].update(sig="%%%"),
        lambda held: held.pop("payload"),
    ],
)
def test_changed_envelope_is_named(made, pack, change):
    held = json.loads((pack / "envelope.json").read_bytes())
    change(held)
    (pack / "envelope.json").write_bytes(canonical(held))
    code, lines = run(made, pack, *trusted(made))
    assert (code, named(lines)) == (1, {"envelope.json"})


@pytest.mark.parametrize(("member", "value"), [("sequence", 7), ("tenant", "globex"), ("endpoint", "https://aws")])
def test_changed_statement_about_the_pack_is_named(made, pack, member, value):
    manifest = json.loads((pack / "pack.json").read_bytes())
    manifest[member] = value
    (pack / "pack.json").write_bytes(canonical(manifest))
    assert "pack.json" in named(run(made, pack, *trusted(made))[1])


def test_without_a_key_only_consistency_is_claimed(made, pack):
    code, lines = run(made, pack)
    assert code == 3
    assert [line["status"] for line in lines if line["part"] == "envelope.json"] == ["unknown"]


def test_chain(made):
    key = trusted(made)
    assert run(made, made / "second", *key, "--previous", str(made / "first"))[0] == 0
    code, lines = run(made, made / "first", *key, "--previous", str(made / "second"))
    assert (code, named(lines)) == (1, {"chain"})
    code, lines = run(made, made / "second", *key, "--previous", str(made / "acme"))
    assert (code, named(lines)) == (1, {"chain"})


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "no json"])
def test_what_is_no_pack_is_said_to_be_none(made, pack, text):
    if text is None:
        (pack / "pack.json").unlink()
    else:
        (pack / "pack.json").write_text(text)
    command = [sys.executable, "-I", str(made / "first" / "verify.py"), str(pack)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "pack.json" in done.stderr


HOSTILE = {
    "nested": b"[" * 100_000,
    "members of another kind": b'{"format": "bulkhead.evidence/1", "files": {"results.json": 1}}',
    "a name with a NUL": b'{"format": "bulkhead.evidence/1", "files": {"a\\u0000b": {}}}',
    "not UTF-8": b'{"format": "\xff"}',
    "numbers": b'{"format": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("name", ["pack.json", "envelope.json"])
def test_hostile_document_is_refused_with_words(made, pack, name, text):
    if name == "envelope.json" and b"files" in text:
        text = text.replace(b'"files"', b'"signatures"')
    (pack / name).write_bytes(text)
    command = [sys.executable, "-I", str(made / "first" / "verify.py"), str(pack), *trusted(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert name in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["results.json", "bundle/facts.jsonl", "bundle/manifest.json", "signer.pub.pem"])
def test_pipe_in_place_of_a_file_is_named_and_nobody_waits_for_it(made, pack, name):
    (pack / name).unlink()
    os.mkfifo(pack / name)
    code, lines = run(made, pack, *trusted(made))
    assert (code, name in named(lines)) == (1, True)


@pytest.mark.parametrize("name", ["pack.json", "envelope.json", "timestamp.tsr"])
def test_pipe_in_place_of_what_is_signed_is_refused(made, pack, name):
    (pack / name).unlink(missing_ok=True)
    os.mkfifo(pack / name)
    command = [sys.executable, "-I", str(made / "first" / "verify.py"), str(pack), *trusted(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in {1, 2}
    assert f"{name}: " in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_renamed_file_is_named_twice(made, pack):
    (pack / "results.json").rename(pack / "result.json")
    code, lines = run(made, pack, *trusted(made))
    assert code == 1
    assert {"results.json", "result.json"} <= named(lines)


def test_needs_nothing_but_cryptography(made):
    """The modules that the verifier loads, besides Python's own, are those of `cryptography`."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['verify.py', {str(made / 'first')!r}, '--key', {str(made / 'signer.pub.pem')!r}]\n"
        "try:\n runpy.run_path("
        f"{str(made / 'first' / 'verify.py')!r}, run_name='__main__')\n"
        "except SystemExit as end:\n assert end.code == 0, end.code\n"
        "top = {name.partition('.')[0] for name in sys.modules}\n"
        "print(' '.join(sorted(top - set(sys.stdlib_module_names) - set(sys.builtin_module_names))))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=300, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    # `cryptography` itself loads these where they are installed.
    its_own = {"_cffi_backend", "_openssl", "bcrypt", "typing_extensions"}
    loaded = {name for name in loaded if not name.startswith("__editable__")}  # how a checkout is installed
    # Debian's Python loads the second of these whatever it runs.
    assert loaded - {"_distutils_hack", "sitecustomize", "__main__"} <= {"cryptography", *its_own}
    assert "cryptography" in loaded
