"""Every fuzz target takes its own seeds, and none of them is accepted under a root that signed nothing."""

import pytest

from fuzz import seeds, targets


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_seeds_are_read(name, tmp_path):
    assert seeds.write(name, tmp_path) >= 1
    for path in tmp_path.iterdir():
        targets.run(name, path.read_bytes())
        targets.run(name, path.read_bytes()[:-1])


def test_an_accepted_input_would_be_reported(monkeypatch):
    def accepted(_):
        raise targets.AcceptedError("accepted")

    monkeypatch.setitem(targets.TARGETS, "snp", accepted)
    with pytest.raises(targets.AcceptedError):
        targets.run("snp", b"x")
