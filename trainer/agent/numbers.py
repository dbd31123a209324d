"""The numbers of a job that leave the agent, under names that the worker cannot choose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from trainer.job import JobSpec

KNOWN: Final = {
    "step": ("{step}", "Steps of the optimiser"),
    "loss": ("1", "Loss of the newest step that was reported"),
    "gradient_norm": ("1", "Norm of the gradient before clipping"),
    "samples_per_second": ("{sample}/s", "Training samples per second"),
    "eval_loss": ("1", "Loss over the held-out samples"),
    "eval_accuracy": ("1", "Share of the held-out samples that are classified rightly"),
}
"""Name to unit (UCUM) and description. A worker has seen the data, so a name of its choosing could carry some of it."""
PUBLISHED: Final = ("checkpoint", "model")


@dataclass
class JobNumbers:
    """The newest value of each known or declared number, and how often what was published."""

    job: JobSpec
    gauges: dict[str, float] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PUBLISHED, 0))
    refused: int = 0
    """Values whose name is neither known nor declared, or that are no finite numbers."""

    def observe(self, name: str, values: dict[str, Any]) -> bool:
        """Takes up one of the agent's events; whether anything changed."""
        if name in self.published:
            self.published[name] += 1
            return True
        if name != "progress":
            return False
        allowed = KNOWN.keys() | set(self.job.reported)
        for key, value in values.items():
            if key in allowed and math.isfinite(float(value)):
                self.gauges[key] = float(value)
            else:
                self.refused += 1
        return True

    def described(self, name: str) -> tuple[str, str]:
        """Unit and description of a gauge."""
        return KNOWN.get(name, ("1", "A number that the job declared"))
