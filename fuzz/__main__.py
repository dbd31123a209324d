"""Runs every target for a bounded time, each in its own process with bounds on memory and on time per input.

`python -m fuzz [--seconds 60] [--target tpm …]`. Needs the coverage-guided fuzzer `atheris`. Exit: 0 nothing found,
1 a target broke (the input is kept under `out/fuzz`), 2 atheris is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def fuzz_one(name: str, corpus: str) -> None:
    """Inside the child process: instrument, then hand over to the fuzzer, which ends the process."""
    import atheris  # noqa: PLC0415 - not a dependency of the product

    with atheris.instrument_imports(include=["attestation"]):
        from fuzz import targets  # noqa: PLC0415 - must be imported under instrumentation

    atheris.Setup([sys.argv[0], *sys.argv[4:], corpus], lambda data: targets.run(name, data))
    atheris.Fuzz()


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Coverage-guided fuzzing of the verifiers.")
    parser.add_argument("--seconds", type=int, default=60, help="per target")
    parser.add_argument("--target", action="append", help="only these")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("fuzz: atheris is not installed; `pip install atheris` in the project's environment\n")
        return 2
    from fuzz import seeds, targets  # noqa: PLC0415 - only the parent needs the seeds

    unknown = set(options.target or ()) - set(targets.TARGETS)
    if unknown:
        parser.error(f"unknown targets {sorted(unknown)}; known: {sorted(targets.TARGETS)}")
    broken = []
    for name in options.target or targets.TARGETS:
        corpus = _ROOT / "out" / "fuzz" / name
        corpus.mkdir(parents=True, exist_ok=True)
        count = seeds.write(name, corpus)
        limits = [
            f"-max_total_time={options.seconds}",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=65536",
            f"-artifact_prefix={corpus.parent}/broken-{name}-",
            "-print_final_stats=1",
            "-verbosity=0",
        ]
        command = [sys.executable, "-m", "fuzz", "--child", name, str(corpus), *limits]
        result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
        runs = [line.split()[-1] for line in result.stderr.splitlines() if "number_of_executed_units" in line]
        state = "ok" if result.returncode == 0 else "BROKEN"
        sys.stdout.write(f"{name:14} {state:7} {runs[0] if runs else '?':>9} inputs, {count} seeds\n")
        sys.stdout.flush()
        if result.returncode != 0:
            broken.append(name)
            sys.stdout.write(result.stderr[-3000:] + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[1] == "--child":
        fuzz_one(sys.argv[2], sys.argv[3])
    raise SystemExit(main())
