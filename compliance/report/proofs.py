"""The proof matrix as the report shows it: one verdict per ordered pair of tenants and path.

The proof engine writes it (`bulkhead prove --json`); the report only shows it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATHS = ("data", "key", "network", "snapshot", "image", "log", "role")
VERDICTS = ("violated", "indeterminate", "undecided", "proved")
"""Worst first."""


class ProofError(Exception):
    """The file is not what `bulkhead prove --json` writes; the message names the file and the place."""


@dataclass(frozen=True)
class Proof:
    """One proof obligation: can `source` reach `target` over `path`? With a witness if it can."""

    source: str
    target: str
    path: str
    verdict: str
    resource: str = ""
    witness: Any = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProofMatrix:
    """All obligations, and the engine's own statement of what it covered."""

    pairs: tuple[Proof, ...]
    coverage: Any = field(default_factory=dict)

    def verdict(self, source: str, target: str, path: str) -> str:
        """The worst verdict among the obligations of a cell; empty if there is none."""
        found = {one.verdict for one in self.pairs if (one.source, one.target, one.path) == (source, target, path)}
        return next((verdict for verdict in VERDICTS if verdict in found), "")

    def worst(self, source: str, target: str) -> str:
        """The worst verdict of a pair over all paths."""
        found = {one.verdict for one in self.pairs if (one.source, one.target) == (source, target)}
        return next((verdict for verdict in VERDICTS if verdict in found), "")

    @property
    def tenants(self) -> tuple[str, ...]:
        """Every tenant that stands in a pair."""
        return tuple(sorted({name for one in self.pairs for name in (one.source, one.target)}))

    @property
    def overall(self) -> str:
        """The worst verdict of all; `indeterminate` if nothing was stated."""
        found = {one.verdict for one in self.pairs}
        return next((verdict for verdict in VERDICTS if verdict in found), "indeterminate")

    @property
    def open(self) -> tuple[Proof, ...]:
        """The obligations that are not proved, worst first."""
        left = [one for one in self.pairs if one.verdict != "proved"]
        return tuple(sorted(left, key=lambda one: (VERDICTS.index(one.verdict), one.source, one.target, one.path)))


def parse_proofs(value: Any, place: str) -> ProofMatrix:
    """The matrix in a document of `bulkhead prove --json`.

    Raises:
        ProofError: naming `place`, if a member is missing or a path or verdict is unknown.
    """
    try:
        pairs = tuple(_proof(item) for item in value["pairs"])
        coverage = value["coverage"]
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{place}: not a document of `bulkhead prove --json` ({error!r}); write it again"
        raise ProofError(msg) from error
    return ProofMatrix(pairs, coverage)


def proofs_to_json(matrix: ProofMatrix) -> dict[str, Any]:
    """The matrix as a document that `parse_proofs` reads: what the report shows, and nothing else."""
    return {
        "pairs": [
            {
                "from": one.source,
                "to": one.target,
                "path": one.path,
                "verdict": one.verdict,
                "resource": one.resource,
                "witness": one.witness,
                "reasons": list(one.reasons),
            }
            for one in matrix.pairs
        ],
        "coverage": matrix.coverage,
    }


def read_proofs(path: Path) -> ProofMatrix:
    """The matrix in a file. Raises `ProofError`."""
    try:
        return parse_proofs(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path}: cannot be read ({error}); write it with `bulkhead prove --json`"
        raise ProofError(msg) from error


def _proof(item: Any) -> Proof:
    proof = Proof(
        source=str(item["from"]),
        target=str(item["to"]),
        path=str(item["path"]),
        verdict=str(item["verdict"]),
        resource=str(item.get("resource") or ""),
        witness=item.get("witness"),
        reasons=tuple(str(reason) for reason in item.get("reasons") or ()),
    )
    if proof.path not in PATHS or proof.verdict not in VERDICTS:
        msg = f"unknown path or verdict: {proof.path}, {proof.verdict}"
        raise ValueError(msg)
    return proof
