"""The one exception of this package."""

from __future__ import annotations


class AttestationError(Exception):
    """Input that cannot be understood: evidence, certificates, collateral, a policy or a ledger.

    A well-formed input that fails a check never raises: the failed check is part of the claims. The message names
    the file or structure, the field, the value found and what would be right.
    """
