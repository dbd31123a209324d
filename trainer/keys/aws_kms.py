"""AWS KMS as the key service (GenerateDataKey, Encrypt, Decrypt, ReEncrypt with EncryptionContext).

With a source of attestation documents every use that yields a key carries a `Recipient`: KMS checks what this machine
booted against the key's policy and encrypts its answer to a key pair that lives for one call.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trainer.attest.source import DocumentSource
from trainer.errors import Reason, TrainerError
from trainer.keys.envelope import open_envelope
from trainer.keys.service import Context, DataKey

if TYPE_CHECKING:
    import boto3

_WRONG = {"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"}
_DENIED = {"AccessDenied", "AccessDeniedException"}
RECIPIENT_BITS = 3072


class AwsKeyService:
    """Key service of one AWS account and region; credentials and endpoint come from the session."""

    def __init__(
        self, session: boto3.Session, endpoint: str | None = None, attest: DocumentSource | None = None
    ) -> None:
        self._client: Any = session.client("kms", endpoint_url=endpoint)
        self._attest = attest

    def generate(self, key: str, context: Context) -> DataKey:
        """See `KeyService.generate`."""
        reply = self._released(
            "generate_data_key", key, context, KeyId=key, KeySpec="AES_256", EncryptionContext=dict(context)
        )
        return DataKey(reply["Plaintext"], reply["CiphertextBlob"])

    def wrap(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """See `KeyService.wrap`. Encrypting discloses nothing, so KMS takes no document for it."""
        reply = self._call("encrypt", key, context, KeyId=key, Plaintext=plaintext, EncryptionContext=dict(context))
        blob: bytes = reply["CiphertextBlob"]
        return blob

    def unwrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.unwrap`. `KeyId` is always given, so that no other key than the named one is ever used."""
        reply = self._released(
            "decrypt", key, context, KeyId=key, CiphertextBlob=wrapped, EncryptionContext=dict(context)
        )
        plaintext: bytes = reply["Plaintext"]
        return plaintext

    def rewrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.rewrap`."""
        reply = self._call(
            "re_encrypt",
            key,
            context,
            CiphertextBlob=wrapped,
            SourceKeyId=key,
            SourceEncryptionContext=dict(context),
            DestinationKeyId=key,
            DestinationEncryptionContext=dict(context),
        )
        blob: bytes = reply["CiphertextBlob"]
        return blob

    def _released(self, operation: str, key: str, context: Context, **parameters: Any) -> dict[str, Any]:
        """The reply with its `Plaintext`: as it is, or from the envelope that only this call's key pair opens."""
        if self._attest is None:
            return self._call(operation, key, context, **parameters)
        pair = rsa.generate_private_key(65537, RECIPIENT_BITS)
        public = pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        # KMS asks for no nonce; with one, each document and so each entry of the release ledger is told apart.
        document = self._attest.document(public, nonce=os.urandom(32))
        recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}
        reply = self._call(operation, key, context, **parameters, Recipient=recipient)
        envelope = reply.get("CiphertextForRecipient")
        if not envelope or reply.get("Plaintext"):
            raise TrainerError(
                Reason.ATTESTATION, f"key {key}: KMS answered {operation} in clear although the machine attested"
            )
        return reply | {"Plaintext": open_envelope(envelope, pair)}

    def _call(self, operation: str, key: str, context: Context, **parameters: Any) -> dict[str, Any]:
        tenant = context.get("tenant", "?")
        try:
            reply: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            reason = Reason.WRONG_KEY if code in _WRONG else Reason.KEY_UNAVAILABLE
            # KMS says which kind of policy denied; of other errors the code is enough and tells nothing of the data.
            words = f": {error.response['Error'].get('Message', '')}" if code in _DENIED else ""
            raise TrainerError(
                reason, f"key {key} of tenant {tenant}: KMS refused {operation} ({code}) for {dict(context)}{words}"
            ) from error
        except BotoCoreError as error:
            raise TrainerError(
                Reason.KEY_UNAVAILABLE, f"key {key} of tenant {tenant}: KMS could not be asked: {error}"
            ) from error
        return reply
