"""Reading a plain reference set, which no one has signed."""

from __future__ import annotations

from pydantic import ValidationError

from attestation.documents import load_yaml
from attestation.errors import AttestationError
from attestation.policy import ReferenceSet


def load_set(text: str | bytes, source: str) -> ReferenceSet:
    """A reference set from YAML or JSON.

    Raises:
        AttestationError: every problem with its place, at once.
    """
    document = load_yaml(text, source)
    try:
        return ReferenceSet.model_validate(document)
    except ValidationError as error:
        problems = (f"{'.'.join(str(p) for p in e['loc']) or 'set'}: {e['msg']}" for e in error.errors())
        raise AttestationError(f"{source}: {'; '.join(problems)}") from error
