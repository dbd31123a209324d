"""Cloud KMS v1: the calls that the trainer, the rotation and the collectors make, on Google's own protocol buffers.

Cloud KMS API "google.cloud.kms.v1" and IAM API "google.iam.v1.IAMPolicy". A double has no HSM: it answers with the
protection level that the deployed key asks for, and its keys lie in a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import google_crc32c
from google.cloud import kms_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import json_format

from localcloud.gcp.access import Access, Caller, Origin
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import Code, GoogleError
from localcloud.gcp.inventory import Asset
from localcloud.gcp.key_material import KeyMaterial

SERVICE = "google.cloud.kms.v1.KeyManagementService"
POLICY_SERVICE = "google.iam.v1.IAMPolicy"
_LIMIT = {"HSM": 8 * 1024}
_LIMIT_SOFTWARE = 64 * 1024
_States = kms_v1.CryptoKeyVersion.CryptoKeyVersionState


@dataclass(frozen=True)
class Call:
    """Who calls, and from where."""

    caller: Caller
    origin: Origin


Method = Callable[[Call, Any], Any]


class Kms:
    """Answers calls; everything is decided at the desk first."""

    def __init__(self, desk: Desk, material: KeyMaterial) -> None:
        self._desk = desk
        self._material = material

    def methods(self) -> dict[str, tuple[Method, Any, Any]]:
        """Full method name to function, type of request, type of answer."""
        own: dict[str, tuple[Method, Any, Any]] = {
            "Encrypt": (self._encrypt, kms_v1.EncryptRequest, kms_v1.EncryptResponse),
            "Decrypt": (self._decrypt, kms_v1.DecryptRequest, kms_v1.DecryptResponse),
            "GetKeyRing": (self._get_ring, kms_v1.GetKeyRingRequest, kms_v1.KeyRing),
            "ListKeyRings": (self._list_rings, kms_v1.ListKeyRingsRequest, kms_v1.ListKeyRingsResponse),
            "GetCryptoKey": (self._get_key, kms_v1.GetCryptoKeyRequest, kms_v1.CryptoKey),
            "ListCryptoKeys": (self._list_keys, kms_v1.ListCryptoKeysRequest, kms_v1.ListCryptoKeysResponse),
            "GetCryptoKeyVersion": (self._get_version, kms_v1.GetCryptoKeyVersionRequest, kms_v1.CryptoKeyVersion),
            "ListCryptoKeyVersions": (
                self._list_versions,
                kms_v1.ListCryptoKeyVersionsRequest,
                kms_v1.ListCryptoKeyVersionsResponse,
            ),
            "CreateCryptoKeyVersion": (self._rotate, kms_v1.CreateCryptoKeyVersionRequest, kms_v1.CryptoKeyVersion),
            "UpdateCryptoKeyVersion": (
                self._update_version,
                kms_v1.UpdateCryptoKeyVersionRequest,
                kms_v1.CryptoKeyVersion,
            ),
            "DestroyCryptoKeyVersion": (
                self._destroy_version,
                kms_v1.DestroyCryptoKeyVersionRequest,
                kms_v1.CryptoKeyVersion,
            ),
            "GenerateRandomBytes": (
                self._random,
                kms_v1.GenerateRandomBytesRequest,
                kms_v1.GenerateRandomBytesResponse,
            ),
        }
        policies: dict[str, tuple[Method, Any, Any]] = {
            "GetIamPolicy": (self._get_policy, iam_policy_pb2.GetIamPolicyRequest, policy_pb2.Policy),
        }
        return {f"{SERVICE}/{name}": held for name, held in own.items()} | {
            f"{POLICY_SERVICE}/{name}": held for name, held in policies.items()
        }

    def _require(self, call: Call, permission: str, name: str, method: str, held_by: str = "") -> None:
        full = f"//cloudkms.googleapis.com/{name}"
        above = f"//cloudkms.googleapis.com/{held_by}" if held_by else full
        self._desk.require(call.caller, call.origin, Access(permission, full, f"{SERVICE}.{method}", above))

    def _asset(self, name: str) -> Asset:
        asset = self._desk.inventory.assets.get(f"//cloudkms.googleapis.com/{name}")
        if asset is None:
            raise GoogleError(Code.NOT_FOUND, f"{name} not found.")
        return asset

    def _encrypt(self, call: Call, request: kms_v1.EncryptRequest) -> kms_v1.EncryptResponse:
        key = _key_of(request.name)
        self._require(call, "cloudkms.cryptoKeyVersions.useToEncrypt", key, "Encrypt")
        asset = self._asset(key)
        level = _protection(asset)
        _limited(asset, request.plaintext, request.additional_authenticated_data)
        _intact(request, "plaintext", "additional_authenticated_data")
        done = self._material.encrypt(key, request.plaintext, request.additional_authenticated_data)
        if done is None:
            raise GoogleError(Code.FAILED_PRECONDITION, f"the primary version of {key} is not enabled.")
        number, ciphertext = done
        return kms_v1.EncryptResponse(
            name=f"{key}/cryptoKeyVersions/{number}",
            ciphertext=ciphertext,
            ciphertext_crc32c=_crc(ciphertext),
            verified_plaintext_crc32c="plaintext_crc32c" in request,
            verified_additional_authenticated_data_crc32c="additional_authenticated_data_crc32c" in request,
            protection_level=level,
        )

    def _decrypt(self, call: Call, request: kms_v1.DecryptRequest) -> kms_v1.DecryptResponse:
        key = _key_of(request.name)
        self._require(call, "cloudkms.cryptoKeyVersions.useToDecrypt", key, "Decrypt")
        asset = self._asset(key)
        _intact(request, "ciphertext", "additional_authenticated_data")
        done = self._material.decrypt(key, request.ciphertext, request.additional_authenticated_data)
        if isinstance(done, str):
            code = Code.FAILED_PRECONDITION if "not enabled" in done else Code.INVALID_ARGUMENT
            raise GoogleError(code, done)
        number, plaintext = done
        return kms_v1.DecryptResponse(
            plaintext=plaintext,
            plaintext_crc32c=_crc(plaintext),
            used_primary=number == len(self._material.versions(key)),
            protection_level=_protection(asset),
        )

    def _get_ring(self, call: Call, request: kms_v1.GetKeyRingRequest) -> kms_v1.KeyRing:
        self._require(call, "cloudkms.keyRings.get", request.name, "GetKeyRing")
        return kms_v1.KeyRing(name=self._asset(request.name).data["name"])

    def _list_rings(self, call: Call, request: kms_v1.ListKeyRingsRequest) -> kms_v1.ListKeyRingsResponse:
        project = _project(request.parent)
        full = next((a.name for a in self._desk.inventory.of_type(_PROJECT) if a.data["projectId"] == project), "")
        access = Access("cloudkms.keyRings.list", f"//cloudkms.googleapis.com/{request.parent}", "", full)
        self._desk.require(call.caller, call.origin, access)
        rings = [a for a in self._desk.inventory.of_type(_RING) if a.data["name"].startswith(f"{request.parent}/")]
        return kms_v1.ListKeyRingsResponse(
            key_rings=[kms_v1.KeyRing(name=ring.data["name"]) for ring in rings], total_size=len(rings)
        )

    def _get_key(self, call: Call, request: kms_v1.GetCryptoKeyRequest) -> kms_v1.CryptoKey:
        self._require(call, "cloudkms.cryptoKeys.get", request.name, "GetCryptoKey")
        return self._key(self._asset(request.name))

    def _list_keys(self, call: Call, request: kms_v1.ListCryptoKeysRequest) -> kms_v1.ListCryptoKeysResponse:
        self._require(call, "cloudkms.cryptoKeys.list", request.parent, "ListCryptoKeys")
        ring = self._asset(request.parent)
        keys = [asset for asset in self._desk.inventory.of_type(_KEY) if asset.parent == ring.name]
        return kms_v1.ListCryptoKeysResponse(crypto_keys=[self._key(key) for key in keys], total_size=len(keys))

    def _key(self, asset: Asset) -> kms_v1.CryptoKey:
        versions = self._material.versions(asset.data["name"])
        data = {name: value for name, value in asset.data.items() if name not in {"primary", "backendless"}}
        key: kms_v1.CryptoKey = kms_v1.CryptoKey.from_json(_json(data), ignore_unknown_fields=True)
        key.primary = self._version(asset, len(versions))
        return key

    def _version(self, asset: Asset, number: int) -> kms_v1.CryptoKeyVersion:
        versions = self._material.versions(asset.data["name"])
        if not 1 <= number <= len(versions):
            raise GoogleError(Code.NOT_FOUND, f"{asset.data['name']}/cryptoKeyVersions/{number} not found.")
        template = asset.data["versionTemplate"]
        return kms_v1.CryptoKeyVersion(
            name=f"{asset.data['name']}/cryptoKeyVersions/{number}",
            state=getattr(_States, versions[number - 1].state),
            protection_level=_protection(asset),
            algorithm=getattr(kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm, template["algorithm"]),
        )

    def _get_version(self, call: Call, request: kms_v1.GetCryptoKeyVersionRequest) -> kms_v1.CryptoKeyVersion:
        key, number = _numbered(request.name)
        self._require(call, "cloudkms.cryptoKeyVersions.get", request.name, "GetCryptoKeyVersion", key)
        return self._version(self._asset(key), number)

    def _list_versions(
        self, call: Call, request: kms_v1.ListCryptoKeyVersionsRequest
    ) -> kms_v1.ListCryptoKeyVersionsResponse:
        self._require(call, "cloudkms.cryptoKeyVersions.list", request.parent, "ListCryptoKeyVersions")
        asset = self._asset(request.parent)
        count = len(self._material.versions(asset.data["name"]))
        found = [self._version(asset, number) for number in range(1, count + 1)]
        return kms_v1.ListCryptoKeyVersionsResponse(crypto_key_versions=found, total_size=count)

    def _rotate(self, call: Call, request: kms_v1.CreateCryptoKeyVersionRequest) -> kms_v1.CryptoKeyVersion:
        self._require(call, "cloudkms.cryptoKeyVersions.create", request.parent, "CreateCryptoKeyVersion")
        asset = self._asset(request.parent)
        return self._version(asset, self._material.rotate(asset.data["name"]))

    def _update_version(self, call: Call, request: kms_v1.UpdateCryptoKeyVersionRequest) -> kms_v1.CryptoKeyVersion:
        version = request.crypto_key_version
        key, number = _numbered(version.name)
        self._require(call, "cloudkms.cryptoKeyVersions.update", version.name, "UpdateCryptoKeyVersion", key)
        asset = self._asset(key)
        now = self._version(asset, number).state
        if {now, version.state} != {_States.ENABLED, _States.DISABLED}:
            raise GoogleError(
                Code.FAILED_PRECONDITION, f"{version.name}: {now.name} cannot become {version.state.name}"
            )
        self._material.set_state(key, number, version.state.name)
        return self._version(asset, number)

    def _destroy_version(self, call: Call, request: kms_v1.DestroyCryptoKeyVersionRequest) -> kms_v1.CryptoKeyVersion:
        key, number = _numbered(request.name)
        self._require(call, "cloudkms.cryptoKeyVersions.destroy", request.name, "DestroyCryptoKeyVersion", key)
        asset = self._asset(key)
        self._version(asset, number)
        self._material.set_state(key, number, "DESTROYED")
        return self._version(asset, number)

    def _random(self, call: Call, request: kms_v1.GenerateRandomBytesRequest) -> kms_v1.GenerateRandomBytesResponse:
        project = _project(request.location)
        full = next((a.name for a in self._desk.inventory.of_type(_PROJECT) if a.data["projectId"] == project), "")
        access = Access(
            "cloudkms.locations.generateRandomBytes", f"//cloudkms.googleapis.com/{request.location}", "", full
        )
        self._desk.require(call.caller, call.origin, access)
        data = os.urandom(request.length_bytes)
        return kms_v1.GenerateRandomBytesResponse(data=data, data_crc32c=_crc(data))

    def _get_policy(self, call: Call, request: iam_policy_pb2.GetIamPolicyRequest) -> policy_pb2.Policy:
        name = str(request.resource)
        kind = "cryptoKeys" if "/cryptoKeys/" in name else "keyRings"
        self._require(call, f"cloudkms.{kind}.getIamPolicy", name, "GetIamPolicy")
        held = {"version": 3, **self._asset(name).iam}
        return json_format.ParseDict(held, policy_pb2.Policy(), ignore_unknown_fields=True)


_KEY = "cloudkms.googleapis.com/CryptoKey"
_RING = "cloudkms.googleapis.com/KeyRing"
_PROJECT = "cloudresourcemanager.googleapis.com/Project"


def _json(data: dict[str, Any]) -> str:
    import json  # noqa: PLC0415 - one use

    return json.dumps(data)


def _key_of(name: str) -> str:
    return name.partition("/cryptoKeyVersions/")[0]


def _numbered(name: str) -> tuple[str, int]:
    key, _, number = name.partition("/cryptoKeyVersions/")
    if not number.isdigit():
        raise GoogleError(Code.INVALID_ARGUMENT, f"{name!r} is not the name of a key version.")
    return key, int(number)


def _project(name: str) -> str:
    parts = name.split("/")
    return parts[1] if len(parts) > 1 else ""


def _protection(asset: Asset) -> kms_v1.ProtectionLevel:
    level: kms_v1.ProtectionLevel = getattr(kms_v1.ProtectionLevel, asset.data["versionTemplate"]["protectionLevel"])
    return level


def _limited(asset: Asset, plaintext: bytes, authenticated: bytes) -> None:
    """The HSM's limit is on both together (Cloud KMS "Encrypt", field descriptions)."""
    level = asset.data["versionTemplate"]["protectionLevel"]
    limit = _LIMIT.get(level, _LIMIT_SOFTWARE)
    size = len(plaintext) + len(authenticated) if level in _LIMIT else max(len(plaintext), len(authenticated))
    if size > limit:
        raise GoogleError(Code.INVALID_ARGUMENT, f"plaintext and additional data: {size} bytes, at most {limit}.")


def _intact(request: Any, *names: str) -> None:
    """Compares every checksum that the client sent with what arrived."""
    for name in names:
        if f"{name}_crc32c" in request and getattr(request, f"{name}_crc32c") != _crc(getattr(request, name)):
            raise GoogleError(
                Code.INVALID_ARGUMENT, f"The checksum in field {name}_crc32c did not match the data in field {name}."
            )


def _crc(data: bytes) -> int:
    return int(google_crc32c.value(data))
