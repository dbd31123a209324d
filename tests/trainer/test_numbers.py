"""A job's numbers: for Prometheus and for OpenTelemetry, without a word that a worker chose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.support import cancer_job
from trainer.agent.__main__ import observed
from trainer.agent.metrics import write_metrics
from trainer.agent.numbers import KNOWN, JobNumbers
from trainer.agent.telemetry import Collector, Telemetry, collector, request
from trainer.errors import TrainerError

JOB = cancer_job(steps=1, reported=("perplexity",))


class Receiver:
    """An OpenTelemetry collector that keeps what it gets."""

    def __init__(self, status: int = 200) -> None:
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def numbers() -> JobNumbers:
    found = JobNumbers(JOB)
    assert found.observe("progress", {"step": 5, "loss": 0.25, "perplexity": 9.0, 'x"} 1\nfoo': 7.0, "patient_17": 1.0})
    assert found.observe("checkpoint", {"step": 5})
    assert not found.observe("worker", {"pid": 1})
    return found


def points(document: dict[str, Any]) -> dict[str, Any]:
    (resource,) = document["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    return {metric["name"]: metric for metric in scope["metrics"]}


def test_for_prometheus(tmp_path: Path) -> None:
    write_metrics(numbers(), tmp_path / "job.prom")
    text = (tmp_path / "job.prom").read_text()
    assert 'bulkhead_training_loss{run="r1",tenant="acme"} 0.25' in text
    assert 'bulkhead_training_perplexity{run="r1",tenant="acme"} 9.0' in text
    assert 'bulkhead_published_total{kind="checkpoint",run="r1",tenant="acme"} 1.0' in text
    assert "foo" not in text
    assert "patient" not in text


@given(st.dictionaries(st.text(), st.floats() | st.integers(-9, 9), max_size=8))
def test_nothing_that_the_worker_names_gets_out(values: dict[str, float]) -> None:
    found = JobNumbers(JOB)
    found.observe("progress", values)
    names = set(points(request(found, 1, 2)))
    assert names <= {f"bulkhead.training.{name}" for name in (*KNOWN, "perplexity")} | {"bulkhead.published"}
    assert len(found.gauges) + found.refused == len(values)
    json.loads(json.dumps(request(found, 1, 2), allow_nan=False))


def test_the_request_is_otlp() -> None:
    """opentelemetry-proto: 64-bit integers are strings, enumerations numbers, names lowerCamelCase."""
    document = request(numbers(), 1_000, 2_000)
    attributes = {a["key"]: a["value"]["stringValue"] for a in document["resourceMetrics"][0]["resource"]["attributes"]}
    assert attributes == {"service.name": "bulkhead-trainer", "bulkhead.tenant": "acme", "bulkhead.run": "r1"}
    found = points(document)
    assert found["bulkhead.training.loss"]["gauge"] == {"dataPoints": [{"timeUnixNano": "2000", "asDouble": 0.25}]}
    total = found["bulkhead.published"]["sum"]
    assert (total["aggregationTemporality"], total["isMonotonic"]) == (2, True)
    assert total["dataPoints"][0] == {
        "startTimeUnixNano": "1000",
        "timeUnixNano": "2000",
        "asInt": "1",
        "attributes": [{"key": "kind", "value": {"stringValue": "checkpoint"}}],
    }


def test_it_is_sent_to_the_collector_at_the_end(receiver: Receiver) -> None:
    target = collector({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b,y = 2"})
    assert target is not None
    sending = Telemetry(numbers(), target, interval=3600)
    sending.close()
    assert sending.failures == 0
    ((path, headers, document),) = receiver.got
    assert path == "/v1/metrics"
    assert (headers["x-key"], headers["y"], headers["Content-Type"]) == ("a b", "2", "application/json")
    assert points(document)["bulkhead.training.loss"]


def test_a_collector_that_is_not_there_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1/v1/metrics")
    with observed(JOB, tmp_path / "no such folder" / "job.prom") as event:
        event("progress", {"step": 1, "loss": 2.0})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["progress", "metrics-failed", "metrics-failed"]
    assert "no such folder" in lines[1]["message"]
    assert lines[2]["message"].startswith("1 times:")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_only_success_is_success(status: int) -> None:
    """A redirect is not followed either: the headers may hold a credential."""
    receiver = Receiver(status)
    with pytest.raises(OSError, match=f"status {status}"):
        Collector(f"{receiver.url}/v1/metrics", {}, 10).post({})
    receiver.close()
    assert len(receiver.got) == 1


def test_settings() -> None:
    assert collector({}) is None
    exact = collector({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://c/x", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://d"})
    assert exact is not None
    assert exact.url == "https://c/x"
    base = collector({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://d:4318/", "OTEL_EXPORTER_OTLP_TIMEOUT": "2500"})
    assert base is not None
    assert (base.url, base.timeout) == ("http://d:4318/v1/metrics", 2.5)
    for url in ("ftp://c", "collector", "http://", "http://c:port"):
        with pytest.raises(TrainerError, match="OTEL_EXPORTER_OTLP"):
            collector({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url})
    with pytest.raises(TrainerError, match="OTEL_EXPORTER_OTLP"):
        collector({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"})
