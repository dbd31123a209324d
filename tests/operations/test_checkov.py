"""checkov's verdict: nothing read is no pass, an unexcused failure stops, a stale excuse is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operations import checkov
from operations.errors import CommandError, Exit

OPEN_BUCKET = {"resource": {"aws_s3_bucket": {"data": {"bucket": "x", "acl": "public-read"}}}}


def write(folder: Path, document: object) -> Path:
    (folder / "one").mkdir()
    (folder / "one" / "cdk.tf.json").write_text(json.dumps(document))
    return folder


def test_an_unexcused_failure_stops_the_deploy(tmp_path: Path) -> None:
    scan = checkov.run(write(tmp_path, OPEN_BUCKET), [])
    assert scan.failed
    with pytest.raises(CommandError, match="CKV_AWS_") as caught:
        checkov.gate(scan)
    assert caught.value.code is Exit.FINDINGS


def test_an_empty_folder_is_indeterminate_and_not_clean(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        checkov.run(tmp_path, [])
    assert caught.value.code is Exit.INDETERMINATE


def failure(resource: str = "aws_s3_bucket.a") -> checkov.Failure:
    return checkov.Failure("CKV_AWS_18", "logging", resource, "acme-vault")


def exemption(resource: str) -> checkov.Exemption:
    return checkov.Exemption(check="CKV_AWS_18", resource=resource, reason="a reason of at least twenty letters")


def test_an_exemption_covers_its_own_check_and_resource_only() -> None:
    scan = checkov.judge(1, [failure(), failure("aws_s3_bucket.b")], [exemption("*.a"), exemption("*.c")])
    assert [found.resource for found, _ in scan.excused] == ["aws_s3_bucket.a"]
    assert [found.resource for found in scan.failed] == ["aws_s3_bucket.b"]
    assert [line.resource for line in scan.stale] == ["*.c"]


@pytest.mark.parametrize("text", ["- check: CKV_AWS_1", "- {check: x, resource: y, reason: z}", "[", "a: b"])
def test_a_broken_exceptions_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match=r"exceptions\.yaml"):
        checkov.read_exemptions(path)


def test_the_shipped_exceptions_are_readable() -> None:
    assert checkov.read_exemptions(Path(__file__).parents[2] / "checkov-exceptions.yaml")
