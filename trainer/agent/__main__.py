"""`python -m trainer.agent --job FILE`: one JSON event per line on standard output, the result or the failure last.

Exit status: 0 done, 1 failed or refused, 2 the job document is not acceptable.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trainer.agent import run
from trainer.agent.metrics import JobMetrics
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.place import NodePlace


def main(arguments: list[str]) -> int:
    """Runs the job in a file; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m trainer.agent", description="Runs one training job.")
    parser.add_argument("--job", type=Path, required=True, help="the job document (JSON, see trainer/job.py)")
    parser.add_argument("--metrics", type=Path, help="keep Prometheus metrics in this file (textfile collector)")
    parser.add_argument("--node", type=int, help="which node of the job this is, from 0; for jobs with several nodes")
    parser.add_argument("--address", help="where the job's other nodes reach this one; node 0 needs it")
    chosen = parser.parse_args(arguments)
    path: Path = chosen.job
    try:
        job = JobSpec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        _emit("failed", {"reason": Reason.BAD_JOB.value, "message": f"{path}: {error}"})
        return 2
    try:
        metrics = JobMetrics(job, chosen.metrics) if chosen.metrics else None

        def event(name: str, values: dict[str, Any]) -> None:
            _emit(name, values)
            if metrics:
                metrics.observe(name, values)

        place = None if chosen.node is None else NodePlace(chosen.node, chosen.address)
        result = run(job, event=event, place=place)
    except TrainerError as error:
        _emit("failed", {"reason": error.reason.value, "message": str(error)})
        return 2 if error.reason in {Reason.BAD_JOB, Reason.NOT_DECLARED} else 1
    _emit("result", result.model_dump(mode="json"))
    return 0


def _emit(name: str, values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"event": name} | values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
