"""Names that tenants and attackers choose, in every place where they can stand and in every format that shows them."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
import unicodedata

import pytest
from typer.testing import CliRunner

from compliance.evidence.dsse import local_signer
from compliance.evidence.pack import Extras, write_pack
from compliance.report import csv as csv_writer
from compliance.report import guarantees, ocsf, oscal, risks, sarif
from compliance.report import html as html_writer
from compliance.report.model import report_of
from compliance.rules.judge import judge
from operations.cli import build
from tests.compliance.bundles import write
from tests.compliance.world import ACME, GLOBEX, world

PAYLOADS = {
    "script": "</script><script>alert(1)</script>",
    "attribute": "\" onmouseover=alert(1) x='",
    "image": "<img src=x onerror=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "style": "</style><svg onload=alert(1)>",
    "formula =": "=cmd|' /C calc'!A0",
    "formula +": "+1+1",
    "formula -": "-2+3",
    "formula @": "@SUM(1+1)",
    "formula after a tab": "\t=1+1",
    "formula after a carriage return": "\r=1+1",
    "terminal": "\x1b]0;owned\x07\x1b[2J\x1b[31m",
    "one-byte terminal": "\x9b31m",
    "right to left": "\u202egnp.exe\u2066\u2069",
    "invisible": "a\u200b\u2060\ufeffb",
    "line separators": "a\u2028b\u2029c\nd",
    "Markdown": "[x](javascript:alert(1)) ![y](//e.example/z) | a | `b` **c**",
    "JSON": '"},{"status":"pass","rule":"x"}],"results":[{"x":"',
    "CSV": '",pass,"\r\nacme,pass,low,x\r\n',
    "path": "../../../../etc/passwd",
    "NUL and redaction marks": "\x000\x00 \x0099\x00",
}
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def hostile_world(*names: str):
    """Acme's cloud with the names wherever AWS, or a service that is laxer than AWS, lets somebody write one."""
    made = world()
    details = made.get(ACME, "iam:GetAccountAuthorizationDetails")
    pattern = json.dumps(details["RoleDetailList"][0])
    granted = [value[1] for key, value in made.answers.items() if key[:2] == (ACME, "kms:ListGrants")]
    for name in names:
        stranger = json.loads(pattern)
        stranger |= {
            "RoleName": name,
            "Arn": f"arn:aws:iam::{ACME}:role/{name}",
            "Tags": [{"Key": name, "Value": name}],
        }
        stranger["AssumeRolePolicyDocument"]["Statement"][0] |= {"Sid": name, "Principal": {"AWS": "*"}}
        details["RoleDetailList"].append(stranger)
        granted[0]["Grants"].append(
            {
                "GrantId": name,
                "Name": name,
                "GranteePrincipal": f"arn:aws:iam::{GLOBEX}:role/{name}",
                "Operations": [name],
            }
        )
        made.get(ACME, "logs:DescribeLogGroups")["logGroups"].append(
            {"logGroupName": name, "arn": f"arn:aws:logs:us-east-1:{ACME}:log-group:{name}:*"}
        )
        made.get(ACME, "kms:ListAliases")["Aliases"].append({"AliasName": f"alias/{name}", "TargetKeyId": name})
    return made


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    bundle = write(hostile_world(*PAYLOADS.values()), tmp_path_factory.mktemp("hostile") / "b")
    return bundle, report_of(bundle, judge(bundle))


def steering(text: str, allowed: str = "") -> set[str]:
    return {char for char in text if unicodedata.category(char) in STEERING and char not in allowed}


@pytest.mark.parametrize("name", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_the_name_is_in_the_results(scanned, name):
    assert any(name in one.resource or name in one.reason for one in scanned[1].judgement.results)


class Page(html.parser.HTMLParser):
    """What a browser would find: elements, their attributes, and the text of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str] = []
        self._in = ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._in = tag

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in in {"script", "style"}:
            self.scripts.append(data)


def parts(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page


@pytest.fixture(scope="module")
def tame(tmp_path_factory):
    bundle = write(
        hostile_world(*(f"plain-{number}" for number in range(len(PAYLOADS)))), tmp_path_factory.mktemp("tame") / "b"
    )
    return parts(html_writer.render(report_of(bundle, judge(bundle))))


def test_html_gains_no_element_attribute_or_script(scanned, tame):
    text = html_writer.render(scanned[1])
    page = parts(text)
    assert (page.tags, page.attributes, page.scripts) == (tame.tags, tame.attributes, tame.scripts)
    assert not steering(text, "\n")
    assert "{{ 49" not in text


def test_csv_keeps_its_rows_and_starts_no_formula(scanned):
    _, report = scanned
    text = csv_writer.render(report)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 1 + len(report.judgement.results)
    assert {len(row) for row in rows} == {10}
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r|%" and cell]
    assert not steering(text, "\r\n")


def texts(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_json_formats_hold_their_shape_and_steer_nothing(scanned):
    _, report = scanned
    count = len(report.judgement.results)
    log = json.loads(sarif.render(report))
    assert len(log["runs"][0]["results"]) == count
    lines = [json.loads(line) for line in ocsf.render(report).split("\n") if line]
    assert len(lines) == count
    assessed = json.loads(oscal.render(report))
    for document in (log, lines, assessed):
        assert not [text for text in texts(document) if steering(text)]


def test_markdown_formats_nothing_of_the_name(scanned):
    _, report = scanned
    text = guarantees.render(report, "acme")
    assert not steering(text, "\n")
    assert not re.search(r"(?<!\\)[<\[]", text.replace("> **This is", ""))
    assert not steering(risks.render(report), "\n")


def test_terminal_and_json_on_stdout_are_not_steered(scanned, tmp_path, monkeypatch):
    bundle, _ = scanned
    monkeypatch.chdir(tmp_path)
    write(world(), tmp_path / "before")
    for command in (
        ("scan", "--from", str(bundle.folder)),
        ("scan", "--from", str(bundle.folder), "--json"),
        ("drift", str(tmp_path / "before"), str(bundle.folder)),
        ("drift", str(tmp_path / "before"), str(bundle.folder), "--json"),
        ("risks", "--from", str(bundle.folder), "--json"),
    ):
        result = CliRunner().invoke(build(), list(command))
        assert result.exit_code in {0, 1}, result.exception
        assert not steering(result.output, "\n"), command
    told = json.loads(CliRunner().invoke(build(), ["scan", "--from", str(bundle.folder), "--json"]).stdout)
    said = {one["resource"] for one in told["results"]}
    assert {f"arn:aws:iam::{ACME}:role/{name}" for name in PAYLOADS.values()} <= said


def test_packs_hold_no_file_named_by_it_and_show_no_other_tenant(scanned, tmp_path):
    bundle, report = scanned
    signer = local_signer(tmp_path / "signer.pem")
    extras = Extras(redaction_key=b"k" * 32)
    made = write_pack(tmp_path / "out" / "acme", bundle, report.judgement, signer, extras, tenant="acme")
    names = {path.relative_to(made).as_posix() for path in made.rglob("*")}
    assert all(re.fullmatch(r"[A-Za-z0-9/._-]+", name) for name in names)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"acme"}
    for path in made.rglob("*"):
        if path.is_file():
            assert b"globex" not in path.read_bytes().lower()
            assert GLOBEX.encode() not in path.read_bytes()
