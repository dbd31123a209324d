"""Disks, containers, comparisons and publishing, on small artefacts made here."""

import dataclasses
import functools
import gzip
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.reference import Provenance, ReferenceValues
from images import build, firmware, gpt, oci, packages, publish, reference, reproduce, tamper
from images.build import Artefact
from images.errors import ImageError
from images.measure import pe
from images.workspace import Workspace
from tests.images.disk_maker import disk
from tests.images.pe_maker import UKI, make, signature


def test_partitions_are_found_by_type(tmp_path):
    image = disk(tmp_path / "d", [(gpt.ESP, b"e" * 1000), (gpt.ROOT, b"r" * 2000)])
    root = gpt.partition(image, gpt.ROOT)
    assert (root.offset, root.size) == (42 * 512, 2048)
    assert image.read_bytes()[root.offset :][:4] == b"rrrr"
    with pytest.raises(ImageError, match="0 partitions"):
        gpt.partition(image, gpt.ROOT_VERITY)


@given(st.binary(max_size=2000))
def test_anything_is_a_disk_or_an_image_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("gpt") / "d"
    path.write_bytes(data)
    with pytest.raises(ImageError):
        gpt.partition(path, gpt.ESP)


def test_the_root_attack_changes_one_bit(tmp_path):
    image = disk(tmp_path / "d", [(gpt.ESP, b"e" * 512), (gpt.ROOT, b"r" * 4096)])
    before = image.read_bytes()
    tamper.root_byte(image)
    after = image.read_bytes()
    changed = [(at, a ^ b) for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed == [(gpt.partition(image, gpt.ROOT).offset + 1024 + 64, 1)]


def test_taking_the_signature_off_leaves_the_measurement(tmp_path):
    signed = make(UKI, signature=signature())
    bare = tamper.unsign(signed)
    assert bare == make(UKI)
    assert pe.authenticode(bare, "sha384") == pe.authenticode(signed, "sha384")
    with pytest.raises(ImageError, match="no signature"):
        tamper.unsign(bare)


def test_a_debug_build_differs_in_the_command_line_alone():
    closed = UKI | {".cmdline": b"roothash=" + b"ab" * 32 + b" ro debugfs=off quiet\n"}
    bare = make(closed)
    changed = tamper.debugging(bare)
    assert changed == make(closed | {".cmdline": closed[".cmdline"].replace(b"debugfs=off", b"debugfs=on ")})
    assert pe.authenticode(changed, "sha384") != pe.authenticode(bare, "sha384")
    with pytest.raises(ImageError, match="debugfs=off"):
        tamper.debugging(make(UKI))


def test_an_unknown_attack_is_refused(tmp_path):
    with pytest.raises(ImageError, match="unsigned-kernel"):
        tamper.apply("nothing", tmp_path / "a", tmp_path / "b")


def blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def test_a_build_is_current_while_nothing_that_goes_in_has_changed(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    output = workspace.output("cpu")
    assert build.current(workspace, "cpu") is None
    output.mkdir(parents=True)
    for name in ("d.raw", "k.efi", "r.raw"):
        (output / name).write_bytes(b"")
    record = dataclasses.asdict(artefact(output)) | {"inputs_sha256": build.inputs("cpu")}
    del record["directory"]
    (output / build.DESCRIPTION).write_text(json.dumps(record))
    assert build.current(workspace, "cpu") == build.load(workspace, "cpu")
    (output / "d.raw").unlink()
    assert build.current(workspace, "cpu") is None
    (output / "d.raw").write_bytes(b"")
    monkeypatch.setattr(build, "inputs", lambda _profile: "0" * 64)
    assert build.current(workspace, "cpu") is None


def test_what_goes_in_is_our_code_the_configuration_and_the_pins(tmp_path, monkeypatch):
    for name in ("images/mkosi/node", "trainer", "attestation", "images/guest"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file.py").write_text(name)
    for name in build.MAKERS:
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(build, "CHECKOUT", tmp_path)
    monkeypatch.setattr(build, "MKOSI", tmp_path / "images" / "mkosi")
    first = build.inputs("cpu")
    assert build.inputs("gpu") != first
    for name in ("images/mkosi/node/file.py", "trainer/file.py", "images/guest/file.py", *build.MAKERS):
        path = tmp_path / name
        text = path.read_text()
        path.write_text(f"{text} ")
        assert build.inputs("cpu") != first, name
        path.write_text(text)
    (tmp_path / "trainer" / "__pycache__").mkdir()
    (tmp_path / "trainer" / "__pycache__" / "file.pyc").write_text("x")
    assert build.inputs("cpu") == first


@pytest.fixture
def layout(tmp_path):
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:aa"]}}
    layer = blob(tmp_path, gzip.compress(b"layer", mtime=0))
    manifest = {"schemaVersion": 2, "config": blob(tmp_path, json.dumps(config).encode()), "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [blob(tmp_path, json.dumps(manifest).encode())]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    return tmp_path


def test_the_container_starts_the_trainer_and_nothing_can_be_overridden(layout):
    digest = oci.configure(layout, 0)
    config = oci.inspect(layout)
    assert config["config"]["Entrypoint"][-1] == "trainer.agent"
    assert config["config"]["Labels"]["tee.launch_policy.allow_cmd_override"] == "false"
    assert config["rootfs"]["diff_ids"] == ["sha256:aa"]
    assert json.loads((layout / "index.json").read_text())["manifests"][0]["digest"] == digest
    assert len(list((layout / "blobs" / "sha256").iterdir())) == 3


def test_configuring_twice_gives_the_same_digest(layout):
    assert oci.configure(layout, 7) == oci.configure(layout, 7)
    assert oci.configure(layout, 7) != oci.configure(layout, 8)


def test_a_changed_layer_is_found(layout):
    oci.configure(layout, 0)
    manifest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    layer = json.loads(oci.blob(layout, manifest).read_text())["layers"][0]["digest"]
    oci.blob(layout, layer).write_bytes(gzip.compress(b"Layer", mtime=0))
    with pytest.raises(ImageError, match="descriptor"):
        oci.inspect(layout)


@pytest.mark.parametrize("digest", ["md5:00", "sha256:../../../etc/passwd", "sha256:" + "G" * 64])
def test_a_digest_never_leads_out_of_the_layout(layout, digest):
    with pytest.raises(ImageError, match="digest"):
        oci.blob(layout, digest)


def artefact(directory, root_hash="ab" * 32, **changes):
    hashes = {"disk_sha256": "1" * 64, "uki_sha256": "2" * 64, "root_sha256": "3" * 64} | changes
    return Artefact("cpu", directory, "d.raw", "k.efi", root_hash, source_date_epoch=1, seconds=1.0, **hashes)


def test_equal_builds_are_identical(tmp_path):
    (tmp_path / "k.efi").write_bytes(make(UKI))
    comparison = reproduce.compare(None, artefact(tmp_path), artefact(tmp_path))
    assert comparison.identical
    assert comparison.lines()[0] == "identical"


def test_a_different_section_is_named(tmp_path):
    for name, line in (("a", b"quiet\n"), ("b", b"debug\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "k.efi").write_bytes(make(UKI | {".cmdline": line}))
    comparison = reproduce.compare(None, artefact(tmp_path / "a"), artefact(tmp_path / "b", uki_sha256="9" * 64))
    assert not comparison.identical
    assert comparison.sections == (".cmdline",)
    assert "  section .cmdline of the kernel image" in comparison.lines()


def test_different_files_are_named_with_what_each_build_has():
    first = {"etc/a": "100644 0:0 1 aa", "etc/gone": "100644 0:0 1 bb", "same": "x"}
    second = {"etc/a": "100644 0:0 2 aa", "etc/new": "100644 0:0 1 cc", "same": "x"}
    assert reproduce.different_files(first, second) == [
        "/etc/a: first 100644 0:0 1 aa, second 100644 0:0 2 aa",
        "/etc/gone: first 100644 0:0 1 bb, second absent",
        "/etc/new: first absent, second 100644 0:0 1 cc",
    ]


def test_the_ami_boots_by_uefi_with_a_tpm_and_our_keys(tmp_path):
    document = publish.aws_document(artefact(tmp_path), "BLOB", "images", "eu-central-1", {"t": "v"})
    ami = document["resource"]["aws_ami"]["node"]
    assert (ami["boot_mode"], ami["tpm_support"], ami["uefi_data"], ami["imds_support"]) == (
        "uefi",
        "v2.0",
        "BLOB",
        "v2.0",
    )
    assert document["resource"]["aws_ebs_snapshot_import"]["root"]["encrypted"] is True


def test_the_gcp_image_may_run_as_a_trust_domain(tmp_path):
    document = publish.gcp_document(artefact(tmp_path), {"pk": {}}, "images", "project", {"t": "v"})
    image = document["resource"]["google_compute_image"]["node"]
    assert {"UEFI_COMPATIBLE", "TDX_CAPABLE", "GVNIC"} <= {entry["type"] for entry in image["guest_os_features"]}
    assert image["shielded_instance_initial_state"] == {"pk": {}}


def test_an_image_that_the_lock_pins_by_now_is_measured_again(tmp_path, monkeypatch):
    built = artefact(tmp_path)
    built.path("uki").write_bytes(b"")
    monkeypatch.setattr(packages, "LOCK", tmp_path / "packages.lock")
    monkeypatch.setattr(reference, "predict", lambda _uki, _lists: [])
    monkeypatch.setattr(reference.firmware, "enrolled", lambda _workspace: None)
    held = {"initrd": {"udev": "2"}, "node": {"libc6": "2"}}
    packages.write_contents(built.directory, {**held, "python": {"cffi": "3"}})
    packages.pin(built.profile, {"initrd": {"udev": "2"}, "node": {"libc6": "1"}})
    workspace = Workspace(tmp_path / "w")
    first, _ = reference.publish(workspace, built)
    assert first.provenance.differs_from_lock == ("node: libc6: pinned 1, image has 2",)
    assert [(p.name, p.version, p.part) for p in first.packages] == [
        ("udev", "2", "initrd"),
        ("libc6", "2", "node"),
        ("cffi", "3", "python"),
    ]
    assert reference.publish(workspace, built)[0] == first
    packages.pin(built.profile, held)
    second, _ = reference.publish(workspace, built)
    assert (second.version, second.provenance.differs_from_lock) == (first.version + 1, ())
    packages.pin(built.profile, {"initrd": {"udev": "2"}, "node": {"libc6": "3"}})
    assert reference.publish(workspace, built)[0] == second, "what was reviewed stays reviewed when the lock moves on"


def test_trees_of_installed_packages_are_apart_by_what_is_pinned(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "LOCK", tmp_path / "packages.lock")
    commands = []
    monkeypatch.setattr(build.tools, "run", lambda _workspace, command, **_rest: commands.append(command))
    workspace = Workspace(tmp_path / "w")

    def cached():
        build.mkosi(workspace, "node", [], output=workspace.output("cpu"), incremental=True)
        (option,) = [word for word in commands[-1] if word.startswith("--cache-directory=")]
        (found,) = (workspace.tree_cache / "cpu").iterdir()
        assert option.endswith(found.name)
        return found

    before = cached()  # without any lock yet
    (workspace.tree_cache / "cpu" / "left-over").write_text("")
    assert cached() == before
    packages.pin("cpu", {"node": {"libc6": "1"}})
    assert cached() != before
    assert not before.exists()


@pytest.mark.parametrize("manifest", [None, {"a": "2"}])
def test_a_container_image_that_is_not_as_pinned_is_not_left_behind(tmp_path, monkeypatch, manifest):
    monkeypatch.setattr(packages, "LOCK", tmp_path / "packages.lock")
    packages.pin("oci", {"node": {"a": "1"}})
    workspace = Workspace(tmp_path / "w")
    output = workspace.output("oci")

    def made(*_given, **_options):
        output.mkdir(parents=True)
        (output / "oci-layout").write_text("{}")
        if manifest:
            listed = [{"name": name, "version": version} for name, version in manifest.items()]
            (output / "bulkhead-oci.manifest").write_text(json.dumps({"packages": listed}))

    monkeypatch.setattr(build, "prepare", lambda *_given, **_options: None)
    monkeypatch.setattr(oci.payload, "stage", lambda *_given: tmp_path)
    monkeypatch.setattr(oci.tools, "inside", lambda *_given: "/")
    monkeypatch.setattr(build, "mkosi", made)
    with pytest.raises(ImageError, match=r"pinned 1, image has 2|no package manifest"):
        oci.build(workspace, say=print, update_lock=False)
    assert not output.exists()


@pytest.mark.parametrize("newer", [(), ("node: libc6: pinned 2.41-12, image has 2.41-13",)])
def test_an_image_with_packages_that_nobody_pinned_is_not_published(tmp_path, monkeypatch, newer):
    built = artefact(tmp_path)
    values = ReferenceValues(
        image="bulkhead-cpu",
        version=2,
        created=datetime(2026, 3, 1, tzinfo=UTC),
        expires=datetime(2026, 9, 1, tzinfo=UTC),
        secure_boot=True,
        registers={},
        artefact=reference.hashes(built),
        provenance=Provenance(
            source="r", source_date_epoch=1, builder={}, lock_sha256="55" * 32, differs_from_lock=newer
        ),
        packages=(),
    )
    monkeypatch.setattr(reference, "latest", lambda _workspace, _image: values)
    monkeypatch.setattr(publish, "secure_boot_state", lambda _workspace: {})
    published = functools.partial(publish.write, Workspace(tmp_path), built, cloud="gcp", bucket="b", region="r")
    if not newer:
        assert published(out=tmp_path).is_file()
        return
    with pytest.raises(ImageError, match="libc6: pinned"):
        published(out=tmp_path)
    assert not (tmp_path / "gcp").exists()


def test_the_variable_store_round_trips_our_keys(tmp_path, certificates):
    from virt.firmware.varstore import edk2

    lists = firmware.EnrolledKeys(*(firmware.signature_list(certificates[role]) for role in ("PK", "KEK", "db")))
    store = tmp_path / "variables.fd"
    firmware.write_variables(lists, store)
    variables = edk2.Edk2VarStore(str(store)).get_varlist()
    assert {name: bytes(variables[name].data) for name in ("PK", "KEK", "db", "dbx")} == {
        "PK": lists.pk,
        "KEK": lists.kek,
        "db": lists.db,
        "dbx": lists.dbx,
    }
    firmware.write_variables(None, store)
    assert "PK" not in edk2.Edk2VarStore(str(store)).get_varlist()


def test_ec2_s_variable_blob_holds_our_keys(tmp_path, certificates):
    from virt.firmware.varstore import aws

    lists = firmware.EnrolledKeys(*(firmware.signature_list(certificates[role]) for role in ("PK", "KEK", "db")))
    path = tmp_path / "blob"
    path.write_text(publish.uefi_data(lists))
    variables = aws.AwsVarStore(str(path)).get_varlist()
    assert bytes(variables["db"].data) == lists.db


def test_a_certificate_that_is_none_is_an_error(tmp_path):
    (tmp_path / "x").write_text("no")
    with pytest.raises(ImageError, match="PEM"):
        firmware.signature_list(tmp_path / "x")


def test_the_packed_disk_is_padded_to_whole_gibibytes(tmp_path, monkeypatch):
    import tarfile

    monkeypatch.setattr(publish, "GIB", 4096)
    (tmp_path / "d.raw").write_bytes(b"disk" * 1500)
    packed = publish.pack(artefact(tmp_path))
    with tarfile.open(packed) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.size) == ("disk.raw", 8192)
        content = archive.extractfile(member).read()
    assert content == b"disk" * 1500 + bytes(8192 - 6000)
    first = packed.read_bytes()
    assert publish.pack(artefact(tmp_path)).read_bytes() == first


def test_an_invalid_configuration_is_not_called_valid(tmp_path):
    (tmp_path / "program").write_text("#!/bin/sh\necho broken >&2\n[ $1 = init ]\n")
    (tmp_path / "program").chmod(0o755)
    with pytest.raises(ImageError, match=r"program validate .* broken"):
        publish.validate(tmp_path, tmp_path / "program", tmp_path / "rc")


def test_what_an_earlier_version_wrote_of_a_build_is_read(tmp_path):
    workspace = Workspace(tmp_path)
    directory = workspace.output("cpu")
    directory.mkdir(parents=True)
    record = {name: value for name, value in dataclasses.asdict(artefact(directory)).items() if name != "directory"}
    (directory / build.DESCRIPTION).write_text(json.dumps({**record, "root": "root.raw"}))
    assert build.load(workspace, "cpu").root_hash == "ab" * 32
