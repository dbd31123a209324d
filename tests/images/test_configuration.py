"""The image's configuration: hardening, pinned packages, mirror, payload; each with what must be refused."""

import json
import shutil

import pytest

from images import hardening, mirror, packages, payload, wheels
from images.errors import ImageError
from images.workspace import CHECKOUT, PROFILES

WORKER = hardening.UNITS / "bulkhead-worker.service"


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_configured_as_it_must_be(profile):
    assert hardening.check(profile) == []


def test_the_worker_is_exposed_to_almost_nothing():
    assert hardening.exposure(WORKER, hardening.WORKER_LIMIT) == []


@pytest.mark.parametrize("weakened", ["PrivateNetwork", "CapabilityBoundingSet", "SystemCallFilter"])
def test_a_worker_with_a_hole_is_found(tmp_path, weakened):
    lines = [line for line in WORKER.read_text().splitlines() if not line.startswith(weakened)]
    unit = tmp_path / WORKER.name
    unit.write_text("\n".join(lines))
    whole = hardening.exposure(unit, 0.0)[0]
    strict = hardening.exposure(WORKER, 0.0)[0]
    assert float(whole.split()[2].rstrip(",")) > float(strict.split()[2].rstrip(","))


def test_an_unhardened_unit_is_a_finding(tmp_path):
    unit = tmp_path / "plain.service"
    unit.write_text("[Service]\nExecStart=/usr/bin/true\n")
    assert "at most 1.0" in hardening.exposure(unit, hardening.WORKER_LIMIT)[0]


@pytest.mark.parametrize("missing", hardening.COMMAND_LINE)
def test_each_word_of_the_command_line_is_needed(missing):
    given = [word for word in hardening.COMMAND_LINE if word != missing]
    assert list(hardening.command_line(given)) == [f"kernel command line lacks {missing}"]


@pytest.mark.parametrize("word", ["systemd.debug_shell=1", "init=/bin/sh", "rescue", "emergency", "single"])
def test_a_way_to_a_shell_is_a_finding(word):
    assert list(hardening.command_line([*hardening.COMMAND_LINE, word])) == [f"kernel command line has {word}"]


@pytest.fixture
def tree(tmp_path):
    target = tmp_path / "node"
    shutil.copytree(hardening.MKOSI / "node", target, symlinks=True)
    return target


def test_a_writable_partition_is_a_finding(tree):
    (tree / "mkosi.repart" / "30-var.conf").write_text("[Partition]\nType=var\nFormat=ext4\n")
    assert "esp, root, root-verity, var" in next(iter(hardening.partitions(tree / "mkosi.repart")))


def test_a_root_without_verity_is_a_finding(tree):
    path = tree / "mkosi.repart" / "10-root.conf"
    path.write_text(path.read_text().replace("Verity=data\n", ""))
    assert list(hardening.partitions(tree / "mkosi.repart")) == ["10-root.conf: the root must be erofs under verity"]


def test_an_unsigned_image_is_a_finding(tree):
    path = tree / "disk.conf"
    path.write_text(path.read_text().replace("SecureBoot=yes", "SecureBoot=no"))
    assert any("SecureBoot" in finding for finding in hardening.signing(path))


def test_a_remote_shell_is_a_finding(tree):
    path = tree / "mkosi.conf"
    path.write_text(
        path.read_text().replace("        ca-certificates\n", "        ca-certificates\n        openssh-server\n")
    )
    assert "package openssh-server must not be in an image" in hardening.packages(tree, "cpu")


def test_a_gpu_image_without_the_open_modules_is_a_finding(tree):
    path = tree / "mkosi.profiles" / "gpu" / "mkosi.conf"
    path.write_text(path.read_text().replace("nvidia-kernel-open-dkms", "nvidia-kernel-dkms"))
    assert any("open kernel modules" in finding for finding in hardening.packages(tree, "gpu"))


def test_an_old_gpu_driver_is_a_finding(tree, monkeypatch):
    lock = {"profiles": {"gpu": {"node": {"libcuda1": "550.163.01-2"}}}}
    monkeypatch.setattr(hardening, "read_lock", lambda: lock)
    assert "libcuda1 550.163.01 is older than 570.86.15" in hardening.packages(tree, "gpu")
    lock["profiles"]["gpu"]["node"]["libcuda1"] = "570.86.15-1"
    assert list(hardening.packages(tree, "gpu")) == []


def test_prompts_are_masked_and_programs_removed_by_the_last_script():
    script = (hardening.MKOSI / "finalize").read_text()
    for name in ("getty@.service", "serial-getty@.service", "debug-shell.service", "systemd-ssh-generator"):
        assert name in script
    for program in ("bash", "dash", "sulogin", "dpkg", "apt-get", "perl"):
        assert f" {program} " in script.replace("\n", " ")


@pytest.fixture
def lock(tmp_path, monkeypatch):
    path = tmp_path / "packages.lock"
    monkeypatch.setattr(packages, "LOCK", path)
    return path


def manifest(path, versions):
    path.write_text(json.dumps({"packages": [{"name": name, "version": v} for name, v in versions.items()]}))
    return path


def test_what_is_pinned_is_demanded(lock, tmp_path):
    built = {"node": manifest(tmp_path / "m", {"systemd": "257-1", "udev": "257-1"})}
    found = packages.read_manifests(built)
    packages.pin("cpu", found)
    assert packages.demand("cpu", found) == ()
    assert packages.pins() == "".join(
        f"Package: {name}\nPin: version 257-1\nPin-Priority: 1001\n\n" for name in ("systemd", "udev")
    )


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"systemd": "258-1"}, "systemd: pinned 257-1, image has 258-1"),
        ({}, "systemd: pinned 257-1, image has absent"),
        ({"systemd": "257-1", "nc": "1"}, "nc: pinned absent, image has 1"),
    ],
)
def test_anything_else_stops_the_build(lock, found, says):
    packages.pin("cpu", {"node": {"systemd": "257-1"}})
    with pytest.raises(ImageError, match=says):
        packages.demand("cpu", {"node": found})


def test_a_manifest_without_packages_is_an_error(tmp_path):
    with pytest.raises(ImageError, match="lists no package"):
        packages.read_manifests({"node": manifest(tmp_path / "m", {})})


def test_a_profile_without_pins_is_not_built(lock):
    with pytest.raises(ImageError, match="update-lock"):
        packages.demand("cpu", {"node": {"a": "1"}}, newer=True)


@pytest.mark.parametrize(
    ("found", "passed"),
    [
        ({"libc6": "2.41-12+deb13u5", "linux-6.12.57": "1"}, 3),
        ({"libc6": "2.41-12+deb13u4", "linux-6.12.48": "1"}, 0),
    ],
)
def test_what_debian_published_since_passes_when_asked_and_is_named(lock, found, passed):
    packages.pin("cpu", {"node": {"libc6": "2.41-12+deb13u4", "linux-6.12.48": "1"}})
    assert len(packages.demand("cpu", {"node": found}, newer=True)) == passed
    assert packages.drift("cpu", {"node": found}) == packages.demand("cpu", {"node": found}, newer=True)


@pytest.mark.parametrize("version", ["2.41-12+deb13u3", "2.41-12+deb13u4~rc1", "1:", "not a version"])
def test_an_older_version_never_passes(lock, version):
    packages.pin("cpu", {"node": {"libc6": "2.41-12+deb13u4"}})
    with pytest.raises(ImageError, match=r"older packages|cannot be compared"):
        packages.demand("cpu", {"node": {"libc6": version}}, newer=True)


def test_a_build_says_what_it_holds(tmp_path):
    with pytest.raises(ImageError, match="build again"):
        packages.read_contents(tmp_path)
    found = {"initrd": {"udev": "1"}, "node": {"libc6": "2"}, "python": {"cffi": "3"}}
    packages.write_contents(tmp_path, found)
    assert packages.read_contents(tmp_path) == found


@pytest.mark.parametrize(
    "text", ["", "[]", '"x"', '{"node": {"libc6": "2"}}', '{"initrd": {}, "node": {}, "python": {}}']
)
def test_a_build_that_does_not_say_it_all_is_not_read(tmp_path, text):
    (tmp_path / packages.CONTENTS).write_text(text)
    with pytest.raises(ImageError, match="build again"):
        packages.read_contents(tmp_path)


KERNEL = "linux-image-6.12.117+deb13-cloud-amd64"


def test_a_part_that_is_missing_differs(lock):
    packages.pin("cpu", {"initrd": {"udev": "1"}, "node": {"libc6": "2"}})
    assert packages.drift("cpu", {"node": {"libc6": "2"}, "python": {"x": "1"}}) == (
        "initrd: udev: pinned 1, image has absent",
    )


@pytest.mark.parametrize(
    ("found", "older"),
    [
        ({"linux-image-6.12.90+deb13-cloud-amd64": "6.12.90-1"}, True),
        ({"linux-image-6.12.120+deb13-cloud-amd64": "6.12.120-1"}, False),
        ({"linux-image-6.12.90-cloud-amd64": "6.12.90-1"}, True),
        ({KERNEL: "6.12.117-1", "linux-image-6.12.90+deb13-amd64": "6.12.90-1"}, True),
        ({"libcrypto4": "0.1"}, False),
    ],
)
def test_a_kernel_is_compared_with_the_pinned_one_whatever_its_name(lock, found, older):
    packages.pin("cpu", {"node": {KERNEL: "6.12.117-1"}})
    if not older:
        assert packages.demand("cpu", {"node": found}, newer=True)
        return
    with pytest.raises(ImageError, match="older packages"):
        packages.demand("cpu", {"node": found}, newer=True)


def test_wheels_are_counted_where_they_were_laid_out(tmp_path):
    site = tmp_path / payload.HOME / "site"
    for name in ("cffi-2.1.1.dist-info", "cffi", "cryptography-50.0.2.dist-info"):
        (site / name).mkdir(parents=True)
    assert payload.wheels(tmp_path) == {"cffi": "2.1.1", "cryptography": "50.0.2"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source_date_epoch": "now", "profiles": {}}'])
def test_a_broken_lock_is_an_error(lock, text):
    lock.write_text(text)
    with pytest.raises(ImageError, match=r"packages\.lock"):
        packages.read_lock()


def test_the_committed_lock_pins_the_cpu_image():
    pinned = packages.read_lock()["profiles"]["cpu"]
    assert {"systemd", "python3-torch", "linux-image-cloud-amd64"} <= pinned["node"].keys()
    assert "systemd" in pinned["initrd"]


def test_the_machine_s_mirror_is_used(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no/debian x main\ndeb [arch=amd64] https://a.test/debian bookworm main\n"
    )
    (tmp_path / "sources.list.d" / "s.sources").write_text(
        "Types: deb\nURIs: https://b.test/debian-security/\nSuites: x\n"
    )
    found = mirror.find(tmp_path)
    assert (found.archive, found.security) == ("https://a.test/debian", "https://b.test/debian-security")
    assert "Suites: trixie trixie-updates" in found.sources()
    assert "Check-Valid-Until" not in found.sources()


def test_a_snapshot_is_a_mirror_whose_index_may_be_old(tmp_path):
    at = "20261101T000000Z"
    sources = [f"deb https://s.test/archive/{name}/{at}/ bookworm main\n" for name in mirror.NAMES]
    (tmp_path / "sources.list").write_text("".join(sources))
    found = mirror.find(tmp_path)
    assert found.archive == f"https://s.test/archive/debian/{at}"
    assert found.security == f"https://s.test/archive/debian-security/{at}"
    assert found.sources().count("Check-Valid-Until: no") == 2


@pytest.mark.parametrize("sources", ["", "deb https://a.test/debian trixie main\n"])
def test_without_a_mirror_it_says_what_to_add(tmp_path, sources):
    (tmp_path / "sources.list").write_text(sources)
    with pytest.raises(ImageError, match=r"names no Debian (security )?archive: add a source"):
        mirror.find(tmp_path)


def test_the_gpu_image_needs_the_vendor_s_key(tmp_path, monkeypatch):
    monkeypatch.setattr(mirror, "NVIDIA_KEYRING", tmp_path / "key.asc")
    with pytest.raises(ImageError, match="fingerprint"):
        mirror.nvidia_sources()
    (tmp_path / "key.asc").write_text("-----BEGIN PGP-----\n\nabc\n")
    assert mirror.nvidia_sources().endswith("Signed-By:\n -----BEGIN PGP-----\n .\n abc\n")


def test_wheels_carry_the_hashes_of_the_lock():
    entries = wheels.lock_entries(wheels.NEWER, (CHECKOUT / "requirements.lock").read_text())
    assert all(f"{name}==" in entries for name in wheels.NEWER)
    assert entries.count("--hash=sha256:") >= len(wheels.NEWER)
    with pytest.raises(ImageError, match="nosuch"):
        wheels.lock_entries(("nosuch",), "cffi==1 \\\n    --hash=sha256:00\n")


def test_only_trainer_attestation_and_the_guest_go_in():
    assert set(payload.CODE.values()) == {"trainer", "attestation", "guest"}
