"""Key material of the double's Cloud KMS: one AES-256 key per key version, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC = b"bhk1"


@dataclass
class Version:
    """One version of a key; `state` is Cloud KMS's (`ENABLED`, `DISABLED`, `DESTROYED`)."""

    material: bytes
    state: str = "ENABLED"


class KeyMaterial:
    """The versions of every key, made when a key is first used and kept below `path`; may be used by many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._keys: dict[str, list[Version]] = {}
        if path.exists():
            held = json.loads(path.read_text(encoding="utf-8"))
            self._keys = {
                name: [Version(bytes.fromhex(one["material"]), one["state"]) for one in versions]
                for name, versions in held.items()
            }

    def versions(self, key: str) -> list[Version]:
        """The versions of a key, oldest first; the last is the primary one."""
        with self._lock:
            if key not in self._keys:
                self._keys[key] = [Version(os.urandom(32))]
                self._keep()
            return self._keys[key]

    def rotate(self, key: str) -> int:
        """A new primary version; its number."""
        with self._lock:
            self.versions(key).append(Version(os.urandom(32)))
            self._keep()
            return len(self._keys[key])

    def set_state(self, key: str, number: int, state: str) -> None:
        """Changes the state of a version; a destroyed one loses its material."""
        with self._lock:
            version = self.versions(key)[number - 1]
            version.state = state
            if state == "DESTROYED":
                version.material = b""
            self._keep()

    def encrypt(self, key: str, plaintext: bytes, authenticated: bytes) -> tuple[int, bytes] | None:
        """Number of the primary version and the ciphertext; None when that version is not enabled."""
        versions = self.versions(key)
        primary = versions[-1]
        if primary.state != "ENABLED":
            return None
        number = len(versions)
        head = _MAGIC + number.to_bytes(4)
        nonce = os.urandom(12)
        sealed = AESGCM(primary.material).encrypt(nonce, plaintext, head + key.encode() + b"\0" + authenticated)
        return number, head + nonce + sealed

    def decrypt(self, key: str, ciphertext: bytes, authenticated: bytes) -> tuple[int, bytes] | str:
        """Number of the version and the plaintext, or in words why not."""
        head, nonce, sealed = ciphertext[:8], ciphertext[8:20], ciphertext[20:]
        number = int.from_bytes(head[4:])
        versions = self.versions(key)
        if head[:4] != _MAGIC or not 1 <= number <= len(versions):
            return "Decryption failed: the ciphertext is invalid."
        version = versions[number - 1]
        if version.state != "ENABLED":
            return f"{key}/cryptoKeyVersions/{number} is not enabled, current state is: {version.state}."
        try:
            plaintext = AESGCM(version.material).decrypt(nonce, sealed, head + key.encode() + b"\0" + authenticated)
        except (InvalidTag, ValueError):
            return "Decryption failed: the ciphertext is invalid."
        return number, plaintext

    def _keep(self) -> None:
        held = {
            name: [{"material": version.material.hex(), "state": version.state} for version in versions]
            for name, versions in self._keys.items()
        }
        new = self._path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(held), encoding="utf-8")
        new.replace(self._path)
