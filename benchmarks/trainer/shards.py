"""Reading and sealing containers beside a plain copy, Fernet and, where installed, AWS Encryption SDK and Tink."""

from __future__ import annotations

import base64
import importlib
import io
import mmap
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.trainer.measure import Row, memory_folder, rate, ratio_of, seconds, wide_vectors
from trainer.formats.container import sealed_size, shard_binding
from trainer.formats.reading import SealedReader, map_file
from trainer.formats.sealing import seal_file, seal_into

SIZE = 256 << 20
BATCH = 1 << 20
SAMPLE = 4096
SAMPLES = 50_000
BINDING = shard_binding("bench", "bench", "1", "g000-000000", "internal")


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file:
        opened = map_file(file.fileno(), str(path))
    yield opened
    opened.close()


def run(rounds: int) -> list[Row]:
    """All rows about shards."""
    key, plaintext = os.urandom(32), os.urandom(SIZE)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        plain, sealed = Path(name) / "plain", Path(name) / "sealed"
        plain.write_bytes(plaintext)
        with sealed.open("wb") as file:
            seal_file(plaintext, key, BINDING, file)
        with _mapped(plain) as clear, _mapped(sealed) as closed:
            reader = SealedReader(closed, key, BINDING, "bench")
            rows = _sequential(clear, reader, rounds) + _random(clear, reader, rounds)
            reader.close()
    return rows + _sealing(plaintext, key, rounds) + _peers(plaintext[: 32 << 20], rounds)


def _sequential(clear: mmap.mmap, reader: SealedReader, rounds: int) -> list[Row]:
    buffer = memoryview(bytearray(BATCH))
    source = memoryview(clear)

    def plain() -> None:
        for at in range(0, SIZE, BATCH):
            buffer[:] = source[at : at + BATCH]

    def sealed() -> None:
        for at in range(0, SIZE, BATCH):
            reader.read_into(at, buffer)

    times = seconds({"plain": plain, "sealed": sealed}, rounds)
    source.release()
    ratio = ratio_of(times["plain"], times["sealed"])
    row = rate("shard read, sequential, reused buffer", SIZE / 1e9, "GB/s", times["sealed"], ratio=ratio)
    met = ratio >= 0.5 and (row.value >= 8 or not wide_vectors())
    return [
        rate("  plain mmap copy", SIZE / 1e9, "GB/s", times["plain"]),
        _with(row, "≥ 0.5 of plain; ≥ 8 GB/s with AVX-512", met=met),
    ]


def _random(clear: mmap.mmap, reader: SealedReader, rounds: int) -> list[Row]:
    chance = random.Random(1)  # noqa: S311 - an order, not a secret
    places = [chance.randrange(SIZE // SAMPLE) * SAMPLE for _ in range(SAMPLES)]
    buffer = memoryview(bytearray(SAMPLE))
    source = memoryview(clear)

    def plain() -> None:
        for at in places:
            buffer[:] = source[at : at + SAMPLE]

    def sealed() -> None:
        for at in places:
            reader.read_into(at, buffer)

    times = seconds({"plain": plain, "sealed": sealed}, rounds)
    source.release()
    row = rate("shard read, random 4 KiB", SAMPLES, "samples/s", times["sealed"])
    return [
        rate("  plain mmap", SAMPLES, "samples/s", times["plain"]),
        _with(row, "≥ 100,000", met=row.value >= 100_000),
    ]


def _sealing(plaintext: bytes, key: bytes, rounds: int) -> list[Row]:
    out = memoryview(bytearray(sealed_size(SIZE)))
    times = seconds({"seal": lambda: seal_into(plaintext, key, BINDING, out)}, rounds)["seal"]
    row = rate("sealing from memory", SIZE / 1e9, "GB/s", times)
    return [_with(row, "≥ 1 GB/s", met=row.value >= 1)]


def _peers(plaintext: bytes, rounds: int) -> list[Row]:
    fernet = Fernet(base64.urlsafe_b64encode(os.urandom(32)))
    token = fernet.encrypt(plaintext)
    actions: dict[str, Callable[[], object]] = {"peer: Fernet (LitData), decrypt": lambda: fernet.decrypt(token)}
    if (tink := _tink(plaintext)) is not None:
        actions["peer: Tink streaming AES256_GCM_HKDF_1MB, decrypt"] = tink
    if (sdk := _encryption_sdk(plaintext)) is not None:
        actions["peer: AWS Encryption SDK, committed, 1 MiB frames, decrypt"] = sdk
    times = seconds(actions, min(rounds, 3))
    rows = [rate(name, len(plaintext) / 1e9, "GB/s", taken) for name, taken in times.items()]
    missing = [name for name, found in (("tink", tink), ("aws-encryption-sdk", sdk)) if found is None]
    return [*rows, *(Row(f"peer: {name} is not installed, not measured", 0, "", 0, 0) for name in missing)]


def _tink(plaintext: bytes) -> Callable[[], object] | None:
    try:
        tink = importlib.import_module("tink")
        streaming = importlib.import_module("tink.streaming_aead")
    except ImportError:
        return None
    streaming.register()
    template = streaming.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    primitive = tink.new_keyset_handle(template).primitive(streaming.StreamingAead)
    out = io.BytesIO()
    out.close_for_real, out.close = out.close, lambda: None  # type: ignore[attr-defined, method-assign]
    with primitive.new_encrypting_stream(out, b"bench") as stream:
        stream.write(plaintext)
    sealed = out.getvalue()
    return lambda: primitive.new_decrypting_stream(io.BytesIO(sealed), b"bench").read()


def _encryption_sdk(plaintext: bytes) -> Callable[[], object] | None:
    try:
        sdk = importlib.import_module("aws_encryption_sdk")
        keyrings = importlib.import_module("aws_cryptographic_material_providers.mpl")
        config = importlib.import_module("aws_cryptographic_material_providers.mpl.config")
        models = importlib.import_module("aws_cryptographic_material_providers.mpl.models")
    except ImportError:
        return None
    providers = keyrings.AwsCryptographicMaterialProviders(config=config.MaterialProvidersConfig())
    keyring = providers.create_raw_aes_keyring(
        models.CreateRawAesKeyringInput(
            key_namespace="bench",
            key_name="bench",
            wrapping_key=os.urandom(32),
            wrapping_alg=models.AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )
    client = sdk.EncryptionSDKClient()
    suite = sdk.identifiers.AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    sealed, _ = client.encrypt(source=plaintext, keyring=keyring, algorithm=suite, frame_length=1 << 20)
    return lambda: client.decrypt(source=sealed, keyring=keyring)


def _with(row: Row, target: str, *, met: bool) -> Row:
    return replace(row, target=target, met=met)
