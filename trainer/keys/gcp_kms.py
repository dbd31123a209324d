"""Google Cloud KMS as the key service: symmetric Encrypt and Decrypt with additional authenticated data.

Google Cloud KMS "Envelope encryption" (data keys are made where they are used) and "Data integrity guidelines" (CRC32C
of everything sent is checked by the service, of everything received by us).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import grpc
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.auth.transport.requests import Request
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json
from trainer.keys.service import Context, DataKey

_KEY = re.compile(
    r"projects/[a-z0-9:.-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}"
)
_ATTEMPTS = 3
"""How often a call is made whose answer or question arrived damaged."""
_TIMEOUT = 60.0
_ROOTS = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
_HARDWARE = frozenset({kms_v1.ProtectionLevel.HSM})


class _Damaged(Exception):  # noqa: N818 - never leaves this file
    """Bytes were damaged on the way; the call is made again."""


def _client(credentials: Any, endpoint: str | None) -> kms_v1.KeyManagementServiceClient:
    """Google's client; at another endpoint with the authority that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names now.

    gRPC itself reads the variable once, when a process makes its first channel.
    """
    if endpoint is None:
        return kms_v1.KeyManagementServiceClient(credentials=credentials)
    roots = os.environ.get(_ROOTS)
    trusted = grpc.ssl_channel_credentials(Path(roots).read_bytes() if roots else None)
    transport = KeyManagementServiceGrpcTransport(
        host=endpoint, credentials=credentials, ssl_channel_credentials=trusted
    )
    return kms_v1.KeyManagementServiceClient(transport=transport)


class GcpKeyService:
    """Key service of one Google Cloud identity. Keys are named by resource name and must live in an HSM.

    Cloud KMS has no encryption context. The context is the additional authenticated data, as canonical JSON
    (RFC 8785), so that a wrapped key opens with exactly its context; unlike on AWS no policy can ask about it.
    """

    def __init__(self, credentials: Any, endpoint: str | None = None) -> None:
        self._credentials = credentials
        self._client = _client(credentials, endpoint)

    def generate(self, key: str, context: Context) -> DataKey:
        """See `KeyService.generate`. The key is made here: Cloud KMS makes none (`GenerateDataKey` is AWS's)."""
        plaintext = os.urandom(32)
        return DataKey(plaintext, self.wrap(key, plaintext, context))

    def wrap(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """See `KeyService.wrap`."""
        authenticated = canonical_json(dict(context))
        request = kms_v1.EncryptRequest(
            name=_checked(key, context),
            plaintext=plaintext,
            plaintext_crc32c=_crc(plaintext),
            additional_authenticated_data=authenticated,
            additional_authenticated_data_crc32c=_crc(authenticated),
        )

        def once() -> bytes:
            reply = self._client.encrypt(request=request, timeout=_TIMEOUT)
            if not (reply.verified_plaintext_crc32c and reply.verified_additional_authenticated_data_crc32c):
                raise _Damaged("the service did not receive what was sent")
            if reply.ciphertext_crc32c != _crc(reply.ciphertext):
                raise _Damaged("the ciphertext is not the one that the service sent")
            if not reply.name.startswith(f"{key}/cryptoKeyVersions/"):
                raise TrainerError(Reason.WRONG_KEY, f"key {key}: the service used {reply.name} instead")
            _in_hardware(key, reply.protection_level)
            return bytes(reply.ciphertext)

        return self._call("Encrypt", key, context, once)

    def unwrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.unwrap`. The name is always given, so that no other key than the named one is ever used."""
        authenticated = canonical_json(dict(context))
        request = kms_v1.DecryptRequest(
            name=_checked(key, context),
            ciphertext=wrapped,
            ciphertext_crc32c=_crc(wrapped),
            additional_authenticated_data=authenticated,
            additional_authenticated_data_crc32c=_crc(authenticated),
        )

        def once() -> bytes:
            reply = self._client.decrypt(request=request, timeout=_TIMEOUT)
            if reply.plaintext_crc32c != _crc(reply.plaintext):
                raise _Damaged("the plaintext is not the one that the service sent")
            _in_hardware(key, reply.protection_level)
            return bytes(reply.plaintext)

        return self._call("Decrypt", key, context, once)

    def rewrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.rewrap`. Cloud KMS cannot re-encrypt by itself: the data key passes through this process."""
        return self.wrap(key, self.unwrap(key, wrapped, context), context)

    def _renew(self) -> None:
        """Gets a token before gRPC needs one: there a refused exchange looks like a service that is away."""
        if not self._credentials.valid:
            self._credentials.refresh(Request())

    def _call(self, operation: str, key: str, context: Context, once: Callable[[], bytes]) -> bytes:
        where = f"key {key} of tenant {context.get('tenant', '?')}"
        damage: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                self._renew()
                return once()
            except _Damaged as error:
                damage = error
            except google_errors.InvalidArgument as error:
                if "checksum" in error.message.lower():
                    damage = error
                    continue
                raise TrainerError(
                    Reason.WRONG_KEY, f"{where}: KMS refused {operation} for {dict(context)}: {error.message}"
                ) from error
            except google_errors.GoogleAPICallError as error:
                code = error.grpc_status_code.name if error.grpc_status_code else type(error).__name__
                raise TrainerError(
                    Reason.KEY_UNAVAILABLE,
                    f"{where}: KMS refused {operation} ({code}) for {dict(context)}: {error.message}",
                ) from error
            except (auth_errors.GoogleAuthError, google_errors.RetryError) as error:
                raise TrainerError(Reason.KEY_UNAVAILABLE, f"{where}: KMS could not be asked: {error}") from error
        raise TrainerError(
            Reason.KEY_UNAVAILABLE, f"{where}: {operation} was damaged on the way {_ATTEMPTS} times: {damage}"
        )


def _checked(key: str, context: Context) -> str:
    """The key's name, unless it is not one of a key: a version's name would be used as it is."""
    if not _KEY.fullmatch(key):
        raise TrainerError(
            Reason.KEY_UNAVAILABLE,
            f"key {key!r} of tenant {context.get('tenant', '?')}: expected "
            "projects/…/locations/…/keyRings/…/cryptoKeys/…",
        )
    return key


def _in_hardware(key: str, level: kms_v1.ProtectionLevel) -> None:
    if level not in _HARDWARE:
        name = getattr(level, "name", level)
        raise TrainerError(Reason.KEY_UNAVAILABLE, f"key {key}: its protection level is {name}, not HSM; refused")


def _crc(data: bytes) -> int:
    return int(google_crc32c.value(data))
