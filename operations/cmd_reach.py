"""`bulkhead reach`: can a packet get from one end to the other, by the facts of `aws ec2 describe-*`?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.errors import CommandError, Exit

if TYPE_CHECKING:
    from compliance.reason.network import Reach

_EXITS = {"unreachable": Exit.CLEAN, "reachable": Exit.FINDINGS, "indeterminate": Exit.INDETERMINATE}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="reach")(reach_command)


def reach_command(
    facts: Annotated[Path, typer.Option(help="Directory with responses of `aws ec2 describe-*`, at any depth.")],
    source: Annotated[str, typer.Option("--from", help="An id, an account, a CIDR block, or internet.")],
    target: Annotated[str, typer.Option("--to", help="An id, an account, a CIDR block, or internet.")],
    protocol: Annotated[str, typer.Option(help="tcp, udp, icmp, icmpv6, a number, or -1 for any.")] = "-1",
    port: Annotated[str | None, typer.Option(help="Destination port N or N-M (with icmp: the type).")] = None,
    one_way: Annotated[bool, typer.Option("--one-way", help="A packet's arrival counts, replies or not.")] = False,
    possible: Annotated[
        bool, typer.Option("--possible-hosts", help="Also count hosts that could be started in the subnets.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Say whether a packet can get from one end of the network to the other, with the packet or with what stops it.

    Exit code: 0 unreachable, 1 reachable, 2 bad input, 3 indeterminate because a fact is missing.
    """
    from compliance.errors import ComplianceError  # noqa: PLC0415 - `bulkhead --help` stays quick
    from compliance.reason.network import Network, reach, read_directory  # noqa: PLC0415
    from compliance.reason.network.protocols import header_of  # noqa: PLC0415

    try:
        header = header_of(protocol, port)
        network = Network.load(read_directory(facts))
        answer = reach(network, source, target, header=header, one_way=one_way, possible=possible)
    except ComplianceError as error:
        if as_json:
            typer.echo(
                json.dumps({"error": {"place": error.place, "reason": error.reason}}, indent=2, ensure_ascii=False)
            )
            raise typer.Exit(int(Exit.BAD_INPUT)) from error
        raise CommandError(str(error)) from error
    typer.echo(
        json.dumps(answer.as_json(), indent=2, ensure_ascii=False) if as_json else _words(answer, source, target)
    )
    raise typer.Exit(int(_EXITS[answer.disposition]))


def _words(answer: Reach, source: str, target: str) -> str:
    lines = [f"{source} → {target}: {answer.disposition}"]
    if answer.witness is not None:
        lines.append("packet: " + ", ".join(f"{k} {v}" for k, v in answer.witness.packet.as_json().items()))
        for number, (hop, _) in enumerate(answer.witness.hops, 1):
            lines.append(f"{number:3}. {hop.kind} {hop.id}: {hop.text}")
    lines += [f"  stopped by {o.kind} {o.id}: {o.reason}" for o in answer.blocked_by]
    lines += [f"  missing: {fact}" for fact in answer.missing]
    if answer.one_way:
        lines.append("  a packet does arrive; only its reply cannot come back (see --one-way)")
    lines += [f"  assumed: {words}" for words in answer.assumed]
    return "\n".join(lines)
