"""Ids of accounts and numbers of projects: given in the tenant file for a real cloud, derived on the local one."""

from __future__ import annotations

import hashlib
import re

ACCOUNT_ID = re.compile(r"[0-9]{12}")


def local_account_id(email: str) -> str:
    """The id that the local cloud gives to the account with this e-mail address: 12 decimal digits.

    AWS chooses account ids itself; the local cloud derives them so that stacks can be synthesised before the
    organisation exists.
    """
    return _twelve_digits(email)


def local_project_number(project_id: str) -> str:
    """The number that the local cloud gives to a Google Cloud project: 12 decimal digits, from the project's id."""
    return _twelve_digits(project_id)


def _twelve_digits(text: str) -> str:
    return str(int(hashlib.sha256(text.encode()).hexdigest(), 16))[:12]
