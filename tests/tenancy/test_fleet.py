"""Loading the tenant files: layering, selection, and every problem at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tenancy.errors import SpecError
from tenancy.fleet import load

SHIPPED = Path(__file__).parents[2] / "tenants"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "tenants"
    shutil.copytree(SHIPPED, target)
    return target


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replaces `old`, which must be there, and returns the line of the replacement, counted from 1."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def problems(folder: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(folder)
    return [str(problem) for problem in caught.value.problems]


def test_shipped_files_load() -> None:
    fleet = load(SHIPPED)
    assert [tenant.id for tenant in fleet.tenants] == ["acme", "globex"]


def test_defaults_give_way_to_the_file_and_the_file_to_overrides(folder: Path) -> None:
    fleet = load(folder)
    assert fleet.tenant("acme").budget.monthly_usd == 5000
    assert fleet.tenant("globex").budget.monthly_usd == 8000
    assert fleet.tenant("globex").budget.alert_percent == (50, 80, 100)
    overridden = load(folder, {"globex": {"budget": {"monthly_usd": 1}}})
    assert overridden.tenant("globex").budget.monthly_usd == 1
    assert overridden.tenant("acme").budget.monthly_usd == 5000


def test_an_override_for_nobody_is_refused(folder: Path) -> None:
    with pytest.raises(SpecError, match="override for a tenant that does not exist"):
        load(folder, {"initech": {"title": "x"}})


def test_select_keeps_order_and_refuses_strangers(folder: Path) -> None:
    fleet = load(folder)
    assert [tenant.id for tenant in fleet.select(["globex", "acme"])] == ["acme", "globex"]
    with pytest.raises(SpecError, match="There are: acme, globex"):
        fleet.select(["initech"])


BROKEN = [
    ("acme.yaml", "title: Acme Diagnostics", "title: ]", None, "not YAML"),
    ("acme.yaml", "title: Acme Diagnostics", "titel: Acme Diagnostics", "titel", "Did you mean `title`?"),
    ("acme.yaml", "sensitivity: restricted", "sensitivity: top-secret", "datasets[0].sensitivity", "Known: public"),
    ("globex.yaml", "cidr: 10.30.0.0/20", "cidr: 10.20.8.0/21", "network.cidr", "overlaps 10.20.0.0/20 of acme.yaml"),
    ("globex.yaml", "cidr: 10.30.0.0/20", "cidr: 8.8.0.0/20", "network.cidr", "not a private range"),
    ("globex.yaml", "cidr: 10.30.0.0/20", "cidr: 10.30.0.1/20", "network.cidr", "has host bits set"),
    ("globex.yaml", "id: globex", "id: acme", "id", "also used in acme.yaml"),
    ("acme.yaml", "retention_days: 180", "retention_days: 9999", "datasets[0].retention_days", "at most 365 days"),
    ("acme.yaml", "owner: ml@acme.example", "owner: nobody", "contacts.owner", "not an e-mail address"),
    ("acme.yaml", "id: biopsies", "id: biopsies\n    id: again", "datasets[0].id", "stands twice"),
    (
        "defaults.yaml",
        "retention_days: 400",
        "retention_days: 30",
        "audit.retention_days",
        "below the platform's floor",
    ),
    ("defaults.yaml", "shape: cpu-small", "shape: enormous", "compute.shape", "no such shape on aws"),
    ("defaults.yaml", "image: trainer-cpu", "image: somebodys", "compute.image", "no such image on aws"),
    ("defaults.yaml", "state: active", "state: dissolved", "lifecycle.state", "Input should be 'active'"),
    ("defaults.yaml", "state: active", "state: quarantined", "lifecycle", "needs a `reason`"),
    ("defaults.yaml", "region: us-east-1", "region: moon-1", "region", "no such region on aws"),
    ("platform.yaml", "name: bh", "name: Not A Name", "name", "String should match pattern"),
    ("acme.yaml", "id: acme", "account_id: 123\nid: acme", "account_id", "valid string"),
]


@pytest.mark.parametrize(("name", "old", "new", "field", "message"), BROKEN, ids=[case[2][:24] for case in BROKEN])
def test_broken_file_is_refused_with_file_line_field_and_way_out(
    folder: Path, name: str, old: str, new: str, field: str | None, message: str
) -> None:
    line = edit(folder, name, old, new)
    found = problems(folder)
    matching = [problem for problem in found if message in problem]
    assert matching, found
    if field is not None:
        assert f" {field}" in matching[0]
    place, *_ = matching[0].split(" ", 1)
    assert place.startswith(f"{name}:")
    assert abs(int(place.split(":")[1]) - line) <= 1
    assert len(matching) == 1


def test_all_problems_of_all_files_come_at_once(folder: Path) -> None:
    edit(folder, "acme.yaml", "owner: ml@acme.example", "owner: nobody")
    edit(folder, "acme.yaml", "title: Acme Diagnostics", "titel: Acme Diagnostics")
    edit(folder, "globex.yaml", "cidr: 10.30.0.0/20", "cidr: nonsense")
    edit(folder, "platform.yaml", "retention_days: 400", "retention_days: -1")
    found = problems(folder)
    assert {problem.split(":")[0] for problem in found} == {"acme.yaml", "globex.yaml", "platform.yaml"}
    assert len(found) >= 4


def test_file_name_and_id_must_agree(folder: Path) -> None:
    (folder / "acme.yaml").rename(folder / "initech.yaml")
    assert any("the file is called initech.yaml" in problem for problem in problems(folder))


HOSTILE = {
    "nothing": "",
    "a list": "[]",
    "itself": "a: &a [*a]",
    "deep blocks": "- " * 2000,
    "deep brackets": "x: " + "[" * 5000,
    "not text": "\xff\xfe",
    "a key that is a mapping": "? {a: 1}\n: 2",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_a_problem_and_not_a_traceback(folder: Path, text: str) -> None:
    (folder / "acme.yaml").write_bytes(text.encode("latin-1"))
    assert any(problem.startswith("acme.yaml") for problem in problems(folder))


def test_aliases_that_multiply_are_stopped(folder: Path) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    (folder / "acme.yaml").write_text(text)
    assert any("after expanding aliases" in problem for problem in problems(folder))


def test_account_id_is_needed_on_a_real_cloud_and_derived_on_the_local_one(folder: Path) -> None:
    fleet = load(folder)
    acme = fleet.tenant("acme")
    assert fleet.account_id(acme, local=True) != fleet.account_id(fleet.tenant("globex"), local=True)
    with pytest.raises(SpecError, match=r"acme.yaml: account_id: the account's id is not known"):
        fleet.account_id(acme, local=False)
