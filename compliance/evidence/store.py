"""Puts a pack into a bucket under Object Lock, so that whoever wrote it cannot take it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from compliance.evidence.errors import EvidenceError


def put_under_lock(pack: Path, bucket: str, days: int) -> list[str]:
    """Uploads every file of a pack, retained in COMPLIANCE mode for `days`; returns the object keys.

    Raises:
        EvidenceError: the bucket has no Object Lock, or refuses.
    """
    import boto3  # noqa: PLC0415 -- slow to import

    client = boto3.client("s3")
    until = datetime.now(UTC) + timedelta(days=days)
    stored = []
    try:
        lock = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        if lock.get("ObjectLockEnabled") != "Enabled":
            msg = f"{bucket}: Object Lock is off; a pack belongs under a lock"
            raise EvidenceError(msg)
        for path in sorted(one for one in pack.rglob("*") if one.is_file()):
            key = f"evidence/{pack.parent.name}/{pack.name}/{path.relative_to(pack).as_posix()}"
            client.put_object(
                Bucket=bucket,
                Key=key,
                Body=path.read_bytes(),
                ChecksumAlgorithm="SHA256",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=until,
            )
            stored.append(key)
    except (ClientError, BotoCoreError) as error:
        msg = f"{bucket}: the pack could not be stored ({error}); it lies whole in {pack}"
        raise EvidenceError(msg) from error
    return stored
