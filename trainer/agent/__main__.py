"""`python -m trainer.agent --job FILE`: one JSON event per line on standard output, the result or the failure last.

Numbers go to OpenTelemetry too where OTEL_EXPORTER_OTLP_ENDPOINT is set (see `trainer.agent.telemetry`).
Exit status: 0 done, 1 failed or refused, 2 the job document is not acceptable.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trainer.agent import run
from trainer.agent.metrics import write_metrics
from trainer.agent.numbers import JobNumbers
from trainer.agent.serve import Event
from trainer.agent.telemetry import Telemetry, collector
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.place import place_from


def main(arguments: list[str]) -> int:
    """Runs the job in a file; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m trainer.agent", description="Runs one training job.")
    parser.add_argument("--job", type=Path, required=True, help="the job document (JSON, see trainer/job.py)")
    parser.add_argument("--metrics", type=Path, help="keep Prometheus metrics in this file (textfile collector)")
    # From the environment too: where the command line is measured, nothing in it may vary from node to node.
    node, address = os.environ.get("BULKHEAD_NODE"), os.environ.get("BULKHEAD_NODE_ADDRESS")
    parser.add_argument("--node", type=int, default=node, help="which node of the job this is, from 0 (BULKHEAD_NODE)")
    parser.add_argument("--address", default=address, help="where other nodes reach it (BULKHEAD_NODE_ADDRESS)")
    chosen = parser.parse_args(arguments)
    path: Path = chosen.job
    try:
        job = JobSpec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        _emit("failed", {"reason": Reason.BAD_JOB.value, "message": f"{path}: {error}"})
        return 2
    try:
        with observed(job, chosen.metrics) as event:
            place = None if chosen.node is None else place_from(job, chosen.node, chosen.address, os.environ)
            result = run(job, event=event, place=place)
    except TrainerError as error:
        _emit("failed", {"reason": error.reason.value, "message": str(error)})
        return 2 if error.reason in {Reason.BAD_JOB, Reason.NOT_DECLARED} else 1
    _emit("result", result.model_dump(mode="json"))
    return 0


@contextmanager
def observed(job: JobSpec, path: Path | None) -> Iterator[Event]:
    """Where the agent's events go: to standard output, and their numbers to Prometheus and OpenTelemetry.

    What cannot be delivered does not stop the job. It is said once, before the end.
    """
    numbers = JobNumbers(job)
    target = collector()
    telemetry = Telemetry(numbers, target) if target else None
    trouble: list[str] = []

    def event(name: str, values: dict[str, Any]) -> None:
        _emit(name, values)
        if numbers.observe(name, values) and path:
            try:
                write_metrics(numbers, path)
            except OSError as error:
                trouble[:] = [f"{path}: {error}"]

    try:
        yield event
    finally:
        if telemetry:
            telemetry.close()
            trouble += [f"{telemetry.failures} times: {telemetry.failure}"] if telemetry.failures else []
        for words in trouble:
            _emit("metrics-failed", {"message": words})


def _emit(name: str, values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"event": name} | values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
