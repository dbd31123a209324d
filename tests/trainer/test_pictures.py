"""Labelled pictures in tar archives: decoded at ingest, sealed, learned from; and hostile ones."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from tests.trainer.test_sources import seal_and_read, tar
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import MANIFEST
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.job import DataUse, JobSpec, RecipeSpec, TrainingSettings
from trainer.sources.open import SourceSpec, open_source
from trainer.sources.pictures import MAX_PIXELS, Decoding, decode_picture

SMALL = Decoding(size=(8, 8))


def encoded(pixels: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def striped(number: int, *, across: bool, size: int = 24) -> NDArray[np.uint8]:
    """A noisy picture of stripes, across or down; the two classes have the same mean."""
    rng = np.random.default_rng(number)
    wave = np.sin(np.arange(size) / size * 2 * np.pi * 3 + rng.uniform(0, 6))
    plane = wave[:, None] if across else wave[None, :]
    noisy = 128 + 70 * plane + rng.normal(0, 20, (size, size))
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def source(*paths: str, **decode: Any) -> SourceSpec:
    return SourceSpec(kind="images", paths=paths, decode=Decoding(**({"size": (8, 8)} | decode)))


def picture(level: int = 7, kind: str = "PNG", side: int = 8) -> bytes:
    return encoded(np.full((side, side, 3), level, np.uint8), kind)


@pytest.mark.parametrize("layout", ["shards", "parquet"])
def test_the_vision_recipe_learns_from_a_tar(layout: str, local: Backends, tmp_path: Path) -> None:
    members = []
    for number in range(240):
        kind = ("PNG", "JPEG", "WEBP")[number % 3]
        name = f"{('down', 'across')[number % 2]}/{number:04d}.{kind.lower()}"
        members.append((name, encoded(striped(number, across=bool(number % 2)), kind)))
    url = f"file://{tmp_path}/data"
    result = seal_data_set(
        SealSpec(
            tenant="acme",
            data_set="stripes",
            version="1",
            source=source(tar(tmp_path / "stripes.tar", members), size=(16, 16)),
            url=url,
            shard_bytes=100_000,
            format=layout,  # type: ignore[arg-type]
        ),
        local,
    )
    assert result.rows == 240
    assert 'labels (folder): {"across":0,"down":1}' in result.transformations
    job = JobSpec(
        tenant="acme",
        run="stripes",
        data=(DataUse(data_set="stripes", version="1", url=url, columns=("image", "target")),),
        recipe=RecipeSpec(name="vision", settings={"classes": 2, "width": 8}),
        training=TrainingSettings(steps=80, batch_size=32, learning_rate=5e-3, checkpoint_every=80, eval_every=80),
        checkpoints=f"file://{tmp_path}/checkpoints",
        models=f"file://{tmp_path}/models",
    )
    assert agent.run(job, local).metrics["accuracy"] > 0.9


def test_labels_beyond_the_classes_are_named(local: Backends, tmp_path: Path) -> None:
    members = [part for n in range(40) for part in ((f"{n}.png", picture(n)), (f"{n}.cls", str(n % 4).encode()))]
    url = f"file://{tmp_path}/data"
    path = tar(tmp_path / "i.tar", members)
    seal_data_set(SealSpec(tenant="acme", data_set="four", version="1", source=source(path), url=url), local)
    plain = SourceSpec(kind="images", paths=(path,))
    seal_data_set(SealSpec(tenant="acme", data_set="four", version="raw", source=plain, url=url), local)

    def run(version: str, columns: tuple[str, ...], **settings: Any) -> None:
        use = DataUse(data_set="four", version=version, url=url, columns=columns)
        places = {"checkpoints": f"file://{tmp_path}/c", "models": f"file://{tmp_path}/m"}
        recipe = RecipeSpec(name="vision", settings=settings)
        training = TrainingSettings(steps=2, batch_size=32)
        agent.run(JobSpec(tenant="acme", run="r", data=(use,), recipe=recipe, training=training, **places), local)

    with pytest.raises(TrainerError, match="labels outside 0 to 1"):
        run("1", ("image", "target"), classes=2)
    with pytest.raises(TrainerError, match="seal the pictures decoded"):
        run("raw", ("png", "cls"), image="png", target="cls", classes=4)
    run("1", ("image", "target"), classes=4)


@pytest.mark.parametrize("colour", [1, 3])
def test_pixels_and_labels_arrive_as_they_are(colour: int, local: Backends, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    shape = (6, 9) if colour == 1 else (6, 9, 3)
    pixels = rng.integers(0, 256, (50, *shape), dtype=np.uint8)
    names = [f"set/{number:02d}" for number in range(50)]
    members = []
    for number, name in enumerate(names):
        members += [(f"{name}.png", encoded(pixels[number])), (f"{name}.cls", f" {number * 3}\n".encode())]
    paths = tar(tmp_path / "a.tar", members[:40]), tar(tmp_path / "b.tar", members[40:])
    read = seal_and_read(local, tmp_path, source(*paths, size=(6, 9), channels=colour))
    assert np.array_equal(np.array(read["image"]), pixels)
    assert [int(value) for value in read["target"]] == [number * 3 for number in range(50)]
    assert read["key"] == [name.encode() for name in names]


def test_where_labels_are_found(tmp_path: Path) -> None:
    def targets(members: list[tuple[str, bytes]], **decode: Any) -> tuple[list[int], str]:
        opened = open_source(source(tar(tmp_path / "l.tar", members), **decode))
        opened.columns()
        found = [int(value) for batch in opened.batches() for value in batch["target"]]
        return found, opened.transformations[-1]

    by_folder = [(f"root/{name}/x.png", picture()) for name in ("wolf", "ape", "wolf")]
    assert targets(by_folder) == ([1, 0, 1], 'labels (folder): {"ape":0,"wolf":1}')
    # Folders that are named by numbers mean these numbers; with leading zeros they are names.
    assert targets([(f"{name}/x.png", picture()) for name in ("7", "10")])[0] == [7, 10]
    assert targets([(f"{name}/x.png", picture()) for name in ("07", "10")])[0] == [0, 1]
    beside = []
    for number, label in enumerate(['{"label": "b"}', '{"label": 3, "note": [1]}', '{"label": "a"}']):
        beside += [(f"x/{number}.jpg", picture(kind="JPEG")), (f"x/{number}.json", label.encode())]
    assert targets(beside) == ([2, 0, 1], 'labels (json): {"3":0,"a":1,"b":2}')
    assert targets(beside, label="folder")[0] == [0, 0, 0]
    both = [("x/1.PNG", picture()), ("x/1.cls", b"5"), ("x/1.json", b'{"label": 9}')]
    assert targets(both)[0] == [5]
    assert targets(both, label="json")[0] == [9]


NO_LABEL: dict[str, tuple[list[tuple[str, bytes]], dict[str, Any], str]] = {
    "in no folder": ([("a.png", picture())], {}, "a.png.*folder"),
    "a label missing": ([("a.png", picture()), ("a.cls", b"1"), ("b.png", picture())], {}, "'b' has no label .cls"),
    "an empty label": ([("a.png", picture()), ("a.cls", b" \n")], {}, "a.cls.*empty"),
    "a label of bytes": ([("a.png", picture()), ("a.cls", b"\xff\xfe")], {}, "a.cls.*UTF-8"),
    "json without label": ([("a.png", picture()), ("a.json", b'{"class": 1}')], {}, "a.json.*None"),
    "a label that is a list": ([("a.png", picture()), ("a.json", b'{"label": [1]}')], {}, "a.json"),
    "a label that is true": ([("a.png", picture()), ("a.json", b'{"label": true}')], {}, "a.json"),
    "broken json": ([("a.png", picture()), ("a.json", b'{"label": 1')], {}, "a.json.*JSON"),
    "a label alone": ([("f/a.cls", b"1")], {}, "0 pictures"),
    "two pictures": ([("f/a.png", picture()), ("f/a.seg.png", picture())], {}, "2 pictures"),
    "the same part twice": ([("f/a.png", picture()), ("f/a.png", picture())], {}, "twice"),
    "hidden files": ([("f/.DS_Store", b"x")], {}, "DS_Store"),
    "no extension": ([("f/README", b"x")], {}, "README"),
    "nothing": ([], {}, "no samples"),
}


@pytest.mark.parametrize("name", NO_LABEL)
def test_samples_without_one_picture_and_one_label_are_refused_before_a_key_is_made(
    name: str, local: Backends, tmp_path: Path
) -> None:
    members, decode, words = NO_LABEL[name]
    with pytest.raises(TrainerError, match=words) as caught:
        seal_and_read(local, tmp_path, source(tar(tmp_path / "bad.tar", members), **decode))
    assert caught.value.reason == Reason.BAD_SOURCE
    assert str(tmp_path / "bad.tar") in str(caught.value)
    assert not local.log.read("data.set")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header promises `width` x `height` pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


WHOLE = encoded(striped(3, across=True, size=64))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "a bomb": (bomb(30_000, 30_000), "pixels"),
    "a bomb that Pillow only warns of": (bomb(9_000, 9_900), "pixels"),
    "just above the limit": (bomb(8_193, 8_192), f"more than {MAX_PIXELS}"),
    "fewer rows than promised": (bomb(4_000, 4_000), "cannot be decoded"),
    "a PNG cut off": (WHOLE[: len(WHOLE) // 2], "cannot be decoded"),
    "a JPEG cut off": (encoded(striped(3, across=True, size=64), "JPEG")[:-400], "cannot be decoded"),
    "a WebP cut off": (encoded(striped(3, across=True, size=64), "WEBP")[:-50], "no PNG|cannot be decoded"),
    "text": (b"not a picture", "no PNG, JPEG or WebP"),
    "nothing": (b"", "no PNG, JPEG or WebP"),
    "a GIF": (encoded(striped(3, across=True), "GIF"), "no PNG, JPEG or WebP"),
    "a TIFF": (encoded(striped(3, across=True), "TIFF"), "no PNG, JPEG or WebP"),
    "an EPS that would start another program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no PNG"),
    "a pickle": (b"\x80\x04cos\nsystem\n(S'true'\ntR.", "no PNG"),
    "sixteen bits": (encoded(Image.fromarray(np.full((9, 9), 40_000, np.uint16))), "8 bits"),
    "an animation": (
        encoded(Image.new("RGB", (9, 9)), save_all=True, append_images=[Image.new("RGB", (9, 9), "red")]),
        "animation",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_are_refused_by_name_and_leave_no_manifest(name: str, local: Backends, tmp_path: Path) -> None:
    data, words = HOSTILE[name]
    path = tar(tmp_path / "h.tar", [("f/good.png", picture()), ("f/bad one.png", data)])
    with pytest.raises(TrainerError, match=words) as caught:
        seal_and_read(local, tmp_path, source(path))
    assert caught.value.reason == Reason.BAD_SOURCE
    assert f"{path}: f/bad one.png" in str(caught.value)
    assert not list(tmp_path.rglob(MANIFEST))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_damaged_pictures_are_pixels_or_an_error_of_ours(kind: str, data: st.DataObject) -> None:
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    raw = bytearray(encoded(pixels, kind))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    try:
        pixels = decode_picture(bytes(raw[: cut or None]), SMALL, "x")
    except TrainerError as error:
        refused = error
    else:
        assert pixels.shape == (8, 8, 3)
        return
    assert refused.reason == Reason.BAD_SOURCE
    assert str(refused).startswith("x: ")


def test_what_becomes_of_a_picture() -> None:
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 15:25] = 200
    # Scaled to cover, then cut around the middle.
    assert decode_picture(encoded(wide), Decoding(size=(10, 10)), "x").min() == 200
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[..., 0] = 255
    assert decode_picture(encoded(clear), SMALL, "x").max() == 0, "what is transparent is not seen"
    clear[..., 3] = 255
    assert (decode_picture(encoded(clear), SMALL, "x") == [255, 0, 0]).all()
    # A camera held sideways (Exif orientation 6): stored lying, shown upright.
    lying = np.zeros((8, 8, 3), np.uint8)
    lying[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = decode_picture(encoded(lying, exif=exif), SMALL, "x")
    assert upright[:4].min() == 255
    assert upright[4:].max() == 0
    assert decode_picture(encoded(Image.new("CMYK", (8, 8)), "JPEG"), SMALL, "x").min() > 250
    assert decode_picture(picture(90), Decoding(size=(4, 4), channels=1), "x").tolist() == [[90] * 4] * 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"decode": {"size": [0, 8]}}, "size"),
        ({"decode": {"size": [8, 5000]}}, "size"),
        ({"decode": {"size": [8, 8], "channels": 2}}, "channels"),
        ({"decode": {"size": [8, 8], "label": "name"}}, "label"),
        ({"decode": {"size": [8, 8]}, "kind": "csv"}, "kind images"),
    ],
)
def test_decodings_that_make_no_sense_are_refused(change: dict[str, Any], field: str) -> None:
    document = {"kind": "images", "paths": ["x.tar"]}
    SourceSpec.model_validate(document | {"decode": {"size": [8, 8]}})
    with pytest.raises(ValidationError, match=field):
        SourceSpec.model_validate(document | change)


def test_the_manifest_says_what_was_done(local: Backends, tmp_path: Path) -> None:
    path = tar(tmp_path / "i.tar", [("cat/1.png", picture()), ("dog/1.png", picture())])
    url = f"file://{tmp_path}/data"
    spec = SealSpec(
        tenant="acme", data_set="s", version="1", source=source(path), url=url, transformations=("faces blurred",)
    )
    result = seal_data_set(spec, local)
    envelope = json.loads((tmp_path / "data/s/1/manifest.json").read_bytes())
    origin = json.loads(base64.b64decode(envelope["payload"]))["origin"]
    assert origin["transformations"] == list(result.transformations)
    decoded, labels, told = origin["transformations"]
    assert decoded.startswith("decoded to 8 x 8 RGB by Pillow")
    assert labels == 'labels (folder): {"cat":0,"dog":1}'
    assert told == "faces blurred"
