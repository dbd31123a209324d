"""A job's numbers for OpenTelemetry, from the agent: OTLP over HTTP with JSON (opentelemetry-proto, metrics/v1).

Configured by the standard's own variables: OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT to which
`/v1/metrics` is added, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TIMEOUT (milliseconds).
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from trainer.agent.numbers import JobNumbers
from trainer.errors import Reason, TrainerError

PREFIX: Final = "bulkhead.training."
_CUMULATIVE: Final = 2
"""AGGREGATION_TEMPORALITY_CUMULATIVE."""


@dataclass(frozen=True)
class Collector:
    """Where an OpenTelemetry collector listens."""

    url: str
    headers: dict[str, str] = field(repr=False)
    timeout: float

    def post(self, document: dict[str, Any]) -> None:
        """Delivers one request. `OSError` when it is not taken; no redirect is followed: headers may be secret."""
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        try:
            headers = {"Content-Type": "application/json"} | self.headers
            connection.request("POST", parts.path or "/", json.dumps(document).encode(), headers)
            answer = connection.getresponse()
            answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.url}: {type(error).__name__}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise ConnectionError(f"{self.url}: status {answer.status}")


def collector(environment: Mapping[str, str] = os.environ) -> Collector | None:
    """The collector that the environment names, or None. `TrainerError(BAD_JOB)` for a setting that is none."""
    url = environment.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "")
    if not url and (base := environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")):
        url = f"{base.rstrip('/')}/v1/metrics"
    if not url:
        return None
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        timeout = float(environment.get("OTEL_EXPORTER_OTLP_TIMEOUT") or 10_000) / 1000
    except ValueError as error:
        raise TrainerError(Reason.BAD_JOB, f"OTEL_EXPORTER_OTLP settings: {error}") from error
    if not known:
        raise TrainerError(
            Reason.BAD_JOB, f"OTEL_EXPORTER_OTLP endpoint {url!r}: expected http:// or https:// and a host"
        )
    pairs = (
        pair.partition("=") for pair in environment.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(",") if "=" in pair
    )
    return Collector(url, {name.strip(): unquote(value.strip()) for name, _, value in pairs}, timeout)


class Telemetry:
    """Sends the numbers every `interval` seconds and at the end, beside the job: a collector never holds it up."""

    def __init__(self, numbers: JobNumbers, target: Collector, interval: float = 10.0) -> None:
        self._numbers, self._target, self._interval = numbers, target, interval
        self._started = time.time_ns()
        self._ended = threading.Event()
        self.failures = 0
        self.failure = ""
        """The last failure, in words."""
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Sends once more and ends; takes no longer than one request may."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            last = self._ended.wait(self._interval)
            try:
                self._target.post(request(self._numbers, self._started, time.time_ns()))
            except OSError as error:
                self.failures += 1
                self.failure = str(error)
            if last:
                return


def request(numbers: JobNumbers, started: int, now: int) -> dict[str, Any]:
    """An ExportMetricsServiceRequest as JSON. Attributes are the names of tenant and run, and no word of a worker's."""
    job = numbers.job
    resource = {"service.name": "bulkhead-trainer", "bulkhead.tenant": job.tenant, "bulkhead.run": job.run}
    times = {"startTimeUnixNano": str(started), "timeUnixNano": str(now)}
    metrics: list[dict[str, Any]] = []
    # A copy: the job goes on observing.
    for name, value in dict(numbers.gauges).items():
        unit, text = numbers.described(name)
        points = [{"timeUnixNano": str(now), "asDouble": value}]
        metrics.append({"name": PREFIX + name, "unit": unit, "description": text, "gauge": {"dataPoints": points}})
    counted = [
        {**times, "asInt": str(count), "attributes": _attributes({"kind": kind})}
        for kind, count in dict(numbers.published).items()
    ]
    total = {"dataPoints": counted, "aggregationTemporality": _CUMULATIVE, "isMonotonic": True}
    metrics.append(
        {"name": "bulkhead.published", "unit": "{object}", "description": "Objects published by the job", "sum": total}
    )
    scope = {"scope": {"name": "bulkhead.trainer"}, "metrics": metrics}
    return {"resourceMetrics": [{"resource": {"attributes": _attributes(resource)}, "scopeMetrics": [scope]}]}


def _attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
