"""What a tenant's buckets still hold: `destroy` takes away infrastructure, never data."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from operations import deployer
from operations.errors import CommandError, Exit
from tenancy.names import BUCKET_PURPOSES, Names


def held_in(environment: Mapping[str, str], names: Names, account: str, region: str) -> list[str]:
    """The tenant's buckets that hold an object or an old version of one.

    Raises `CommandError` (indeterminate) where that cannot be found out: what cannot be read is not taken for empty.
    """
    full = []
    try:
        s3 = deployer.client(deployer.session(environment, account, region), "s3", environment)
        present = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        for purpose in BUCKET_PURPOSES:
            name = names.bucket(purpose)
            if name not in present:
                continue
            found = s3.list_object_versions(Bucket=name, MaxKeys=1)
            if found.get("Versions") or found.get("DeleteMarkers"):
                full.append(name)
    except (ClientError, BotoCoreError) as error:
        msg = f"{names.tenant}: what its buckets hold could not be read, so nothing was destroyed: {error}"
        raise CommandError(msg, Exit.INDETERMINATE) from error
    return full
