"""Typed reading of fields out of a response, with the place in every error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import Ranges, ranges_of
from compliance.reason.network.documents import FactDocument


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a response and where it stands: `vpcs.json: Vpcs[2].CidrBlockAssociationSet[0]`."""

    fields: Mapping[str, Any]
    place: str
    document: FactDocument

    def text(self, name: str) -> str | None:
        """The string field, None if it is absent or empty. Raises ComplianceError if it is something else."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.wrong(name, value, "a string")
        return value

    def required(self, name: str) -> str:
        """The string field, which must be there."""
        value = self.text(name)
        if value is None:
            raise ComplianceError(self.place, f"lacks the field {name}; give the response as the AWS CLI printed it")
        return value

    def number(self, name: str) -> int | None:
        """The integer field, None if it is absent."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, value, "an integer")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """The boolean field."""
        value = self.fields.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, value, "true or false")
        return value

    def child(self, name: str) -> Record:
        """The object field; an empty record if it is absent."""
        value = self.fields.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.wrong(name, value, "an object")
        return Record(value, f"{self.place}.{name}", self.document)

    def children(self, name: str) -> Iterator[Record]:
        """The objects of the list field; none if it is absent."""
        for index, item in enumerate(self._list(name)):
            if not isinstance(item, dict):
                raise self.wrong(f"{name}[{index}]", item, "an object")
            yield Record(item, f"{self.place}.{name}[{index}]", self.document)

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of the list field; none if it is absent."""
        items = self._list(name)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise self.wrong(f"{name}[{index}]", item, "a string")
        return tuple(items)

    def addresses(self, *names: str) -> Ranges:
        """The addresses or blocks in the string fields of those names, as one set; absent fields add nothing."""
        return ranges_of((value for name in names if (value := self.text(name)) is not None), self.place)

    def owner(self, *names: str) -> str | None:
        """The account in the first of the fields that is there, else the account whose call this was."""
        return next((value for name in names if (value := self.text(name))), self.document.account)

    def wrong(self, name: str, value: object, wanted: str) -> ComplianceError:
        """The error for a field of the wrong type."""
        return ComplianceError(f"{self.place}.{name}", f"is {value!r:.80}, but must be {wanted}")

    def _list(self, name: str) -> list[Any]:
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, value, "a list")
        return value


def records(document: FactDocument, key: str) -> Iterator[Record]:
    """The objects under a top-level key of the document; none if the key is absent.

    Raises:
        ComplianceError: the value is not a list of objects.
    """
    if key not in document.content:
        return
    value = document.content[key]
    if not isinstance(value, list):
        raise ComplianceError(document.source, f"{key} is {value!r:.80}, but must be a list as the AWS CLI prints it")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise ComplianceError(document.source, f"{key}[{index}] is {item!r:.80}, but must be an object")
        yield Record(item, f"{document.source}: {key}[{index}]", document)
