"""Pagination from botocore's own models: where the token of the next page stands, and under which name it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader

_LOADER = Loader()
_PAIRS = (("NextToken", "NextToken"), ("nextToken", "nextToken"), ("Marker", "NextMarker"), ("Marker", "Marker"))


class PageError(Exception):
    """A page says that more follow and does not say how to ask for them, or repeats itself."""


@dataclass(frozen=True)
class Paging:
    """How an operation is paged: names of the tokens in requests, expressions for them in answers."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    more: str = ""

    def next_params(self, params: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any] | None:
        """Parameters that ask for the page after `answer`, None after the last page.

        Raises:
            PageError: more pages are announced without a token, or the token is the one just used.
        """
        if not self.inputs:
            return None
        more = jmespath.search(self.more, answer) if self.more else None
        if self.more and not more:
            return None
        tokens = {
            name: value
            for name, output in zip(self.inputs, self.outputs, strict=True)
            if (value := jmespath.search(output, answer))
        }
        if not tokens:
            if more:
                msg = f"`{self.more}` is set and none of {', '.join(self.outputs)} is"
                raise PageError(msg)
            return None
        odd = [name for name, value in tokens.items() if not isinstance(value, str)]
        if odd:
            msg = f"the token for the next page is no text ({', '.join(odd)})"
            raise PageError(msg)
        if all(params.get(name) == value for name, value in tokens.items()):
            msg = f"the token for the next page is the one just used ({', '.join(tokens)})"
            raise PageError(msg)
        return {**params, **tokens}


def _listed(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@cache
def _paginators(service: str, version: str) -> dict[str, Any]:
    try:
        # By its full name: asking for "the newest" makes botocore list every service that it knows.
        return dict(_LOADER.load_data(f"{service}/{version}/paginators-1")["pagination"])
    except DataNotFoundError:
        return {}


def paging_of(service: str, operation: str, client: Any) -> Paging:
    """How an operation is paged: from the service's paginators, else from token members in its model."""
    entry = _paginators(service, client.meta.service_model.api_version).get(operation)
    if entry is not None:
        return Paging(_listed(entry["input_token"]), _listed(entry["output_token"]), entry.get("more_results", ""))
    model = client.meta.service_model.operation_model(operation)
    takes = model.input_shape.members if model.input_shape else {}
    gives = model.output_shape.members if model.output_shape else {}
    for sent, received in _PAIRS:
        if sent in takes and received in gives:
            return Paging((sent,), (received,))
    return Paging()
