"""What else encrypts training data, on the same bytes in the same run; what is not installed is named, not measured.

`pip install 'bulkhead[bench]'` installs Tink and the AWS Encryption SDK. LitData needs no package of its own here: what
it offers for encryption is Fernet, on whole chunks or on samples (litdata/utilities/encryption.py).
"""

from __future__ import annotations

import base64
import importlib
import io
import os
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any

from cryptography.fernet import Fernet

from benchmarks.trainer.measure import Row, not_measured, rate, seconds

SAMPLE = 64 << 10


def peers(plaintext: bytes, rounds: int) -> list[Row]:
    """Decryption rates of each peer that is installed, over all of `plaintext`, and a line for each that is not."""
    actions: dict[str, Callable[[], object]] = _fernet(plaintext)
    missing: list[str] = []
    for package, make in (("tink", _tink), ("aws-encryption-sdk", _encryption_sdk)):
        try:
            actions |= {f"{what} ({package} {metadata.version(package)})": go for what, go in make(plaintext).items()}
        except ImportError as error:
            missing.append(f"{package}: {error.name or error} is not installed")
    times = seconds(actions, rounds)
    rows = [rate(f"peer: {name}, decrypt", len(plaintext) / 1e9, "GB/s", taken) for name, taken in times.items()]
    return [*rows, *(not_measured(f"peer {why}") for why in missing)]


def _fernet(plaintext: bytes) -> dict[str, Callable[[], object]]:
    fernet = Fernet(base64.urlsafe_b64encode(os.urandom(32)))
    whole = fernet.encrypt(plaintext)
    samples = [fernet.encrypt(plaintext[at : at + SAMPLE]) for at in range(0, len(plaintext), SAMPLE)]
    return {
        "Fernet, as LitData encrypts a chunk": lambda: fernet.decrypt(whole),
        "Fernet, as LitData encrypts samples of 64 KiB": lambda: [fernet.decrypt(token) for token in samples],
    }


def _tink(plaintext: bytes) -> dict[str, Callable[[], object]]:
    tink = importlib.import_module("tink")
    streaming = importlib.import_module("tink.streaming_aead")
    streaming.register()
    return {
        f"Tink streaming {name}": _tink_stream(tink, streaming, name, plaintext)
        for name in ("AES256_GCM_HKDF_1MB", "AES256_GCM_HKDF_4KB")
    }


def _tink_stream(tink: ModuleType, streaming: ModuleType, name: str, plaintext: bytes) -> Callable[[], object]:
    template = getattr(streaming.streaming_aead_key_templates, name)
    primitive: Any = tink.new_keyset_handle(template).primitive(streaming.StreamingAead)

    class Kept(io.BytesIO):
        """Tink closes what it writes to."""

        def close(self) -> None:
            """Stays open."""

    out = Kept()
    with primitive.new_encrypting_stream(out, b"bench") as stream:
        stream.write(plaintext)
    sealed = out.getvalue()

    def decrypt() -> bytes:
        with primitive.new_decrypting_stream(io.BytesIO(sealed), b"bench") as source:
            opened: bytes = source.read()
        return opened

    assert decrypt() == plaintext
    return decrypt


def _encryption_sdk(plaintext: bytes) -> dict[str, Callable[[], object]]:
    sdk = importlib.import_module("aws_encryption_sdk")
    providers = importlib.import_module("aws_cryptographic_material_providers.mpl")
    config = importlib.import_module("aws_cryptographic_material_providers.mpl.config")
    models = importlib.import_module("aws_cryptographic_material_providers.mpl.models")
    keyring = providers.AwsCryptographicMaterialProviders(
        config=config.MaterialProvidersConfig()
    ).create_raw_aes_keyring(
        models.CreateRawAesKeyringInput(
            key_namespace="bench",
            key_name="bench",
            wrapping_key=os.urandom(32),
            wrapping_alg=models.AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )
    client = sdk.EncryptionSDKClient()
    unsigned = sdk.identifiers.AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    default, _ = client.encrypt(source=plaintext, keyring=keyring)
    quick, _ = client.encrypt(source=plaintext, keyring=keyring, algorithm=unsigned, frame_length=1 << 20)
    assert client.decrypt(source=quick, keyring=keyring)[0] == plaintext
    return {
        "AWS Encryption SDK, default suite, 4 KiB frames": lambda: client.decrypt(source=default, keyring=keyring),
        "AWS Encryption SDK, committed, unsigned, 1 MiB frames": lambda: client.decrypt(source=quick, keyring=keyring),
    }
