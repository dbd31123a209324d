"""The `bulkhead` command: one typer application, one file per group.

A group is a module of this package with `register(app)`. Groups are imported when the command runs, not when this
module is imported, and heavy libraries (torch, cdktn, moto) are imported inside the functions that need them, so
`bulkhead --help` stays quick.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

import operations
from compliance.report.neutral import printable
from operations.errors import CommandError


def build() -> typer.Typer:
    """The application with every group of this package that has a `register` function."""
    app = typer.Typer(
        name="bulkhead",
        help="Several tenants train models on one shared cloud; none can reach another, and there is a proof.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for module in sorted(pkgutil.iter_modules(operations.__path__), key=lambda m: m.name):
        if not module.name.startswith("cmd_"):
            continue
        importlib.import_module(f"operations.{module.name}").register(app)
    return app


def main() -> None:
    """Entry point: runs the command and turns a `CommandError` into its message and exit code."""
    try:
        build()()
    except CommandError as error:
        # Messages name what stood in files and in the cloud, where somebody may have put what steers a terminal.
        sys.stderr.write("bulkhead: " + "\n".join(map(printable, str(error).split("\n"))) + "\n")
        raise SystemExit(int(error.code)) from error


if __name__ == "__main__":
    main()
