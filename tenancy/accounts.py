"""Account ids: given in the tenant file for a real cloud, derived from the e-mail address on the local one."""

from __future__ import annotations

import hashlib
import re

ACCOUNT_ID = re.compile(r"[0-9]{12}")


def local_account_id(email: str) -> str:
    """The id that the local cloud gives to the account with this e-mail address: 12 decimal digits.

    AWS chooses account ids itself; the local cloud derives them so that stacks can be synthesised before the
    organisation exists.
    """
    number = int(hashlib.sha256(email.encode()).hexdigest(), 16)
    return str(number)[:12]
