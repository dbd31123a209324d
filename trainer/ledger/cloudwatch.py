"""The ledger in CloudWatch Logs: log group `/{platform}/{tenant}/ledger`, one log stream per chain.

PutLogEvents orders events of one stream by timestamp, then by arrival; a writer never goes back in time here, and the
sequence number inside the hash decides in any case. One writer per stream at a time: a run, or a data set's owner.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from trainer.errors import Reason, TrainerError
from trainer.ledger.records import Record, encode_record, next_record, verify_chain

if TYPE_CHECKING:
    import boto3


class CloudWatchLog:
    """Appends to and reads one tenant's log group."""

    def __init__(self, session: boto3.Session, group: str, tenant: str, endpoint: str | None = None) -> None:
        self._client: Any = session.client("logs", endpoint_url=endpoint)
        self._group = group
        self._tenant = tenant
        self._heads: dict[str, Record | None] = {}
        self._clock = 0

    def append(self, stream: str, kind: str, details: dict[str, Any]) -> Record:
        """See `EventLog.append`."""
        if stream not in self._heads:
            records = self.read(stream)
            self._heads[stream] = records[-1] if records else None
        head = self._heads[stream]
        if head is None:
            self._create(stream)
        record = next_record(head, self._tenant, stream, kind, details)
        self._clock = max(self._clock, int(time.time() * 1000))
        event = {"timestamp": self._clock, "message": encode_record(record)}
        names = {"logGroupName": self._group, "logStreamName": stream}
        reply = self._call("put_log_events", **names, logEvents=[event])
        if rejected := reply.get("rejectedLogEventsInfo"):
            raise TrainerError(Reason.LEDGER, f"ledger {self._group}: the record {kind} was rejected: {rejected}")
        self._heads[stream] = record
        return record

    def read(self, stream: str) -> list[Record]:
        """See `EventLog.read`."""
        lines: list[str] = []
        token: str | None = None
        while True:
            names = {"logGroupName": self._group, "logStreamName": stream, "startFromHead": True, "limit": 10000}
            if token:
                names["nextToken"] = token
            try:
                reply = self._client.get_log_events(**names)
            except self._client.exceptions.ResourceNotFoundException:
                # No stream yet, or no group: an append to a missing group fails and says so.
                return []
            except (ClientError, BotoCoreError) as error:
                raise self._failed("get_log_events", error) from error
            lines += [event["message"] for event in reply["events"]]
            # The end of a stream is reached when the token stays the same, not when a page is empty.
            if reply["nextForwardToken"] == token:
                return verify_chain(lines, self._tenant, stream)
            token = reply["nextForwardToken"]

    def _create(self, stream: str) -> None:
        try:
            self._client.create_log_stream(logGroupName=self._group, logStreamName=stream)
        except self._client.exceptions.ResourceAlreadyExistsException:
            # Another start of this run created it and was stopped before its first record.
            return
        except (ClientError, BotoCoreError) as error:
            raise self._failed("create_log_stream", error) from error

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise self._failed(operation, error) from error
        return reply

    def _failed(self, operation: str, error: Exception) -> TrainerError:
        return TrainerError(
            Reason.LEDGER, f"ledger {self._group} of tenant {self._tenant}: {operation} failed: {error}"
        )
