"""`bulkhead reach`: can a packet get from one end to the other, by the facts of either cloud?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.errors import CommandError, Exit

if TYPE_CHECKING:
    from compliance.reason.google_network import GoogleReach
    from compliance.reason.network import Reach

_CLOUDS = ("auto", "aws", "gcp")
_EXITS = {"unreachable": Exit.CLEAN, "reachable": Exit.FINDINGS, "indeterminate": Exit.INDETERMINATE}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="reach")(reach_command)


def reach_command(
    facts: Annotated[
        Path, typer.Option(help="Directory with `aws ec2 describe-*` responses or Cloud Asset Inventory assets.")
    ],
    source: Annotated[str, typer.Option("--from", help="An id, an account, a CIDR block, or internet.")],
    target: Annotated[str, typer.Option("--to", help="An id, an account, a CIDR block, or internet.")],
    protocol: Annotated[str, typer.Option(help="tcp, udp, icmp, icmpv6, a number, or -1 for any.")] = "-1",
    port: Annotated[str | None, typer.Option(help="Destination port N or N-M (with icmp: the type).")] = None,
    one_way: Annotated[bool, typer.Option("--one-way", help="A packet's arrival counts, replies or not.")] = False,
    possible: Annotated[
        bool, typer.Option("--possible-hosts", help="Also count hosts that could be started in the subnets.")
    ] = False,
    cloud: Annotated[
        str, typer.Option("--cloud", help="aws, gcp, or auto: gcp if the files hold assets of Cloud Asset Inventory.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Say whether a packet can get from one end of the network to the other, with the packet or with what stops it.

    Exit code: 0 unreachable, 1 reachable, 2 bad input, 3 indeterminate because a fact is missing.
    """
    from compliance.errors import ComplianceError  # noqa: PLC0415 - `bulkhead --help` stays quick

    if cloud not in _CLOUDS:
        raise CommandError(f"--cloud {cloud}: expected {', '.join(_CLOUDS)}")
    try:
        disposition, document, words = _judge(facts, source, target, protocol, port, cloud, one_way, possible)
    except ComplianceError as error:
        if as_json:
            typer.echo(
                json.dumps({"error": {"place": error.place, "reason": error.reason}}, indent=2, ensure_ascii=False)
            )
            raise typer.Exit(int(Exit.BAD_INPUT)) from error
        raise CommandError(str(error)) from error
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False) if as_json else words)
    raise typer.Exit(int(_EXITS[disposition]))


def _judge(
    facts: Path,
    source: str,
    target: str,
    protocol: str,
    port: str | None,
    cloud: str,
    one_way: bool,
    possible: bool,
) -> tuple[str, dict[str, Any], str]:
    """Disposition, JSON document and sentences of the answer. A packet's arrival is what counts on Google Cloud."""
    from compliance.reason import google_network  # noqa: PLC0415 - `bulkhead --help` stays quick

    if cloud == "gcp" or (cloud == "auto" and google_network.looks_google(facts)):
        fabric = google_network.load(google_network.read_google_directory(facts))
        found = google_network.reach_google(fabric, source, target, protocol, port, possible=possible)
        return found.disposition, found.as_json(), _google_words(found, source, target)
    from compliance.reason.network import Network, reach, read_directory  # noqa: PLC0415
    from compliance.reason.network.protocols import header_of  # noqa: PLC0415

    header = header_of(protocol, port)
    network = Network.load(read_directory(facts))
    answer = reach(network, source, target, header=header, one_way=one_way, possible=possible)
    return answer.disposition, answer.as_json(), _words(answer, source, target)


def _google_words(answer: GoogleReach, source: str, target: str) -> str:
    lines = [f"{source} → {target}: {answer.disposition}"]
    if answer.packet is not None:
        lines.append("packet: " + ", ".join(f"{k} {v}" for k, v in answer.packet.as_json().items()))
        for number, each in enumerate(answer.hops, 1):
            by = f" (by {each['by']})" if each.get("by") else ""
            lines.append(f"{number:3}. {each['kind']} {each['id']}: {each['detail']}{by}")
    lines += [f"  stopped by {kind} {name}: {reason}" for kind, name, reason in answer.blocked_by]
    lines += [f"  missing: {fact}" for fact in answer.missing]
    lines += [f"  assumed: {words}" for words in answer.assumed]
    return "\n".join(lines)


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
