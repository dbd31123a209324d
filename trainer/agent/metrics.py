"""A job's numbers for Prometheus, as a file that node_exporter's textfile collector reads; the agent opens no port."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.core import CounterMetricFamily

from trainer.agent.numbers import JobNumbers


def write_metrics(numbers: JobNumbers, path: Path) -> None:
    """Rewrites the file, atomically: `bulkhead_training_<name>` and `bulkhead_published_total`, by tenant and run."""
    registry = CollectorRegistry()
    labels = {"tenant": numbers.job.tenant, "run": numbers.job.run}
    for name, value in numbers.gauges.items():
        _, text = numbers.described(name)
        Gauge(f"bulkhead_training_{name}", text, labels, registry=registry).labels(**labels).set(value)
    registry.register(_Published(numbers, labels))
    write_to_textfile(str(path), registry)


class _Published:
    def __init__(self, numbers: JobNumbers, labels: dict[str, str]) -> None:
        self._numbers, self._labels = numbers, labels

    def collect(self) -> list[CounterMetricFamily]:
        """Part of prometheus_client's interface."""
        family = CounterMetricFamily(
            "bulkhead_published", "Objects published by the job", labels=[*self._labels, "kind"]
        )
        for kind, count in self._numbers.published.items():
            family.add_metric([*self._labels.values(), kind], count)
        return [family]
