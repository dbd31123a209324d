"""DCP planners that write plain values as JSON. torch's own pickle them and unpickle without restriction."""

from __future__ import annotations

import io
from typing import Any

from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, DefaultSavePlanner
from torch.distributed.checkpoint.planner import ReadItem, WriteItem, WriteItemType

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object


class JsonSavePlanner(DefaultSavePlanner):
    """Like torch's planner, except that what is not a tensor becomes canonical JSON."""

    def transform_object(self, write_item: WriteItem, object: Any) -> Any:  # noqa: A002 - torch's name
        """The tensor itself, or the JSON of a plain value; anything else is refused by name."""
        if write_item.type != WriteItemType.BYTE_IO:
            return object
        try:
            return io.BytesIO(canonical_json({"value": object}))
        except (TrainerError, TypeError) as error:
            raise TrainerError(
                Reason.BAD_FORMAT, f"state {write_item.index.fqn}: {type(object).__name__} is neither tensor nor JSON"
            ) from error


class JsonLoadPlanner(DefaultLoadPlanner):
    """Like torch's planner, except that what is not a tensor is read as JSON."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Puts one plain value in its place in the state."""
        name = read_item.dest_index.fqn
        parsed = parse_json_object(value.getvalue(), f"state {name}")["value"]
        target: Any = self.original_state_dict
        path = self.mappings[name]
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = parsed
