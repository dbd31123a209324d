"""The rules on what is about to be deployed: what they refuse, and the exceptions to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations import checkov
from operations.errors import CommandError, Exit
from operations.plans import read_plan, read_plans

if TYPE_CHECKING:
    from compliance.facts.scope import Scope
    from compliance.planned.answers import Source
    from compliance.planned.judge import PlanJudgement
    from compliance.report.plan_sarif import Place
    from compliance.results import Result
    from operations.deploy import Site
    from operations.terraform import Changes
    from stacks.plan import StackInfo
    from tenancy.fleet import Fleet

_SHOWN = 10


@dataclass(frozen=True)
class RuleCheck:
    """What the rules say about planned stacks.

    Attributes:
        excuses: reason of the exceptions file by failing result.
        stale: lines of the exceptions file about rules that excuse nothing.
        places: file and line by planned resource.
    """

    judged: PlanJudgement
    excuses: Mapping[Result, str]
    stale: tuple[checkov.Exemption, ...]
    places: Mapping[Source, Place]

    @property
    def failing(self) -> list[tuple[Result, tuple[Source, ...]]]:
        """Failures that neither a waiver nor an exception covers."""
        from compliance.results import Verdict  # noqa: PLC0415 - quick start

        return [(result, sources) for result, sources in self.judged.of(Verdict.FAIL) if result not in self.excuses]

    @property
    def undecided(self) -> list[tuple[Result, tuple[Source, ...]]]:
        """What the plans leave open."""
        from compliance.results import Verdict  # noqa: PLC0415 - quick start

        return self.judged.of(Verdict.INDETERMINATE)

    @property
    def code(self) -> Exit:
        """The exit code that this deserves."""
        if self.failing:
            return Exit.FINDINGS
        return Exit.INDETERMINATE if self.undecided or not self.judged.judgement.results else Exit.CLEAN

    def summary(self) -> str:
        """In a few words, what came out."""
        from compliance.results import Verdict  # noqa: PLC0415 - quick start

        passed, waived = len(self.judged.of(Verdict.PASS)), len(self.judged.of(Verdict.WAIVED))
        said = [f"{passed} results pass", f"{len(self.excuses)} excused with a reason"] + (
            [f"{waived} waived"] if waived else []
        )
        if self.undecided:
            said.append(f"{len(self.undecided)} known only after deployment")
        return ", ".join(said)

    def told(self, result: Result, sources: Iterable[Source]) -> str:
        """A failure in words: rule, resource, reason, where it is written, and the way out."""
        from compliance.planned.judge import way_out  # noqa: PLC0415 - quick start
        from compliance.report.neutral import printable  # noqa: PLC0415

        lines = [f"{result.rule}: {result.tenant}: {result.resource}: {result.reason}"]
        for source in sources:
            place = self.places.get(source)
            where = f"{place.file}:{place.line}" if place is not None else source.stack
            lines.append(f"  {where}: {source.address}")
        return "\n    ".join(printable(line) for line in [*lines, f"  way out: {way_out(result)}"])

    def to_json(self) -> dict[str, Any]:
        """The document that `bulkhead scan --plan --json` prints."""
        results = []
        for result, sources in zip(self.judged.judgement.results, self.judged.sources, strict=True):
            entry = result.to_json()
            entry["sources"] = [
                {"stack": source.stack, "address": source.address}
                | ({"file": place.file, "line": place.line} if (place := self.places.get(source)) else {})
                for source in sources
            ]
            if result in self.excuses:
                entry["exception"] = self.excuses[result]
            results.append(entry)
        coverage = self.judged.judgement.coverage | {
            "exceptions_without_effect": [{"check": line.check, "resource": line.resource} for line in self.stale]
        }
        return {"results": results, "summary": self.judged.judgement.summary, "coverage": coverage}


def check(
    documents: Mapping[str, Any],
    files: Mapping[str, Path],
    scope: Scope,
    exemptions: Sequence[checkov.Exemption],
    profile: str,
) -> RuleCheck:
    """What the rules say about documents by stack. Raises `CommandError` where one is neither plan nor stack."""
    from compliance.errors import ComplianceError  # noqa: PLC0415 - quick start
    from compliance.planned.judge import judge_plans  # noqa: PLC0415
    from compliance.results import Verdict  # noqa: PLC0415

    try:
        judged = judge_plans(documents, scope, datetime.now(UTC))
    except ComplianceError as error:
        raise CommandError(str(error)) from error
    lines = [line for line in exemptions if not line.of_checkov and line.profile in (None, profile)]
    excuses: dict[Result, str] = {}
    used: set[checkov.Exemption] = set()
    for result, sources in judged.of(Verdict.FAIL):
        names = [result.resource, *(source.address for source in sources)]
        for line in lines:
            if line.check == result.rule and any(fnmatchcase(name, line.resource) for name in names):
                excuses[result] = line.reason
                used.add(line)
                break
    stale = tuple(line for line in lines if line not in used)
    return RuleCheck(judged, excuses, stale, _places(judged, files))


def check_folder(folder: Path, scope: Scope, profile: str) -> RuleCheck:
    """What the rules say about the plans or stacks in a folder, with the exceptions of this checkout."""
    documents, files = read_plans(folder)
    return check(documents, files, scope, _exemptions(), profile)


def require_rules(fleet: Fleet, stacks: Sequence[StackInfo], *, local: bool) -> str:
    """Refuses to deploy stacks that break a rule; what was judged, in a few words.

    Raises:
        CommandError: a rule fails, and neither a waiver nor an exception covers it.
    """
    named = {stack.name for stack in stacks}
    documents, files = read_plans(stacks[0].directory.parent)
    documents = {name: document for name, document in documents.items() if name in named}
    scope = _scope(fleet, stacks, local=local)
    found = check(documents, files, scope, _exemptions(), "local" if local else "cloud")
    refuse(found)
    return found.summary()


def of_plans(
    place: Site, fleet: Fleet, stacks: Sequence[StackInfo], changes: Mapping[str, Changes | None]
) -> RuleCheck:
    """What the rules say about Terraform's plans; of a stack that cannot be planned yet, about its configuration."""
    local = place.profile == "local"
    files = {
        stack.name: place.ws.out / "plans" / f"{stack.name}.json"
        if changes.get(stack.name) is not None
        else stack.directory / "cdk.tf.json"
        for stack in stacks
    }
    documents = {name: read_plan(path) for name, path in files.items()}
    return check(documents, files, _scope(fleet, stacks, local=local), _exemptions(), place.profile)


def _scope(fleet: Fleet, stacks: Sequence[StackInfo], *, local: bool) -> Scope:
    """What these stacks are about. Raises `CommandError` where an account of theirs is not known."""
    from compliance.facts.from_tenancy import scope_of  # noqa: PLC0415 - quick start
    from operations.proving import concerned_by  # noqa: PLC0415
    from tenancy.errors import SpecError  # noqa: PLC0415

    try:
        return scope_of(concerned_by(fleet, stacks), local=local)
    except SpecError as error:
        raise CommandError(str(error)) from error


def refuse(found: RuleCheck) -> None:
    """Raises `CommandError` where a rule fails that neither a waiver nor an exception covers."""
    failing = found.failing
    if failing:
        shown = "\n  ".join(found.told(result, sources) for result, sources in failing[:_SHOWN])
        more = f"\n  … and {len(failing) - _SHOWN} more" if len(failing) > _SHOWN else ""
        way_out = (
            f"Repair it, waive it in the tenant's file (owner, reason, expiry), or give {checkov.EXCEPTIONS} a reason"
        )
        raise CommandError(f"not deployed: {len(failing)} rules fail\n  {shown}{more}\n{way_out}", Exit.FINDINGS)


def _exemptions() -> list[checkov.Exemption]:
    return checkov.read_exemptions() if checkov.EXCEPTIONS.exists() else []


def _places(judged: PlanJudgement, files: Mapping[str, Path]) -> dict[Source, Place]:
    from compliance.report.plan_sarif import Place  # noqa: PLC0415 - quick start

    texts: dict[str, list[str]] = {}
    found = {}
    for source in dict.fromkeys(source for sources in judged.sources for source in sources):
        if (path := files.get(source.stack)) is not None:
            lines = texts.setdefault(source.stack, path.read_text(encoding="utf-8").splitlines())
            found[source] = Place(relative(path), line_of(lines, source.address))
    return found


def relative(path: Path) -> str:
    """The path as CI names it: relative to the current folder where it lies below it."""
    inside = path.resolve().is_relative_to(Path.cwd())
    return (path.resolve().relative_to(Path.cwd()) if inside else path).as_posix()


def line_of(lines: Sequence[str], address: str) -> int:
    """The line on which a resource begins in a stack or plan; 1 where it cannot be told."""
    kind, _, name = address.partition(".")
    plan = next((at for at, line in enumerate(lines, start=1) if f'"address": "{address}"' in line), 0)
    if plan:
        return plan
    start = next((at for at, line in enumerate(lines) if f'"{kind}": {{' in line), 0)
    return next((at for at, line in enumerate(lines[start:], start=start + 1) if f'"{name}": {{' in line), 1)
