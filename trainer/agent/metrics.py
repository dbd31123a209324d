"""A job's numbers for Prometheus, as a file that node_exporter's textfile collector reads; the agent opens no port."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, write_to_textfile

from trainer.job import JobSpec

_LABELS = ("tenant", "run")
_UNSAFE = re.compile(r"[^a-z0-9_]")


class JobMetrics:
    """Gauges of the newest values and counters of checkpoints and models, labelled with tenant and run."""

    def __init__(self, job: JobSpec, path: Path) -> None:
        self._path = path
        self._labels = (job.tenant, job.run)
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self._published = Counter(
            "bulkhead_published", "Objects published by the job", (*_LABELS, "kind"), registry=self._registry
        )

    def observe(self, name: str, values: dict[str, Any]) -> None:
        """Takes up one of the agent's events and rewrites the file, atomically."""
        if name == "progress":
            for key, value in values.items():
                self._gauge(key).labels(*self._labels).set(float(value))
        elif name in {"checkpoint", "model"}:
            self._published.labels(*self._labels, name).inc()
        else:
            return
        write_to_textfile(str(self._path), self._registry)

    def _gauge(self, key: str) -> Gauge:
        # The worker chooses the names of its metrics; only harmless ones become Prometheus names.
        safe = _UNSAFE.sub("_", key.lower())[:64]
        if safe not in self._gauges:
            title = f"bulkhead_training_{safe}"
            self._gauges[safe] = Gauge(title, f"Newest {safe} of the job", _LABELS, registry=self._registry)
        return self._gauges[safe]
