"""AWS KMS as the key service (GenerateDataKey, Encrypt, Decrypt, ReEncrypt with EncryptionContext)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from trainer.errors import Reason, TrainerError
from trainer.keys.service import Context, DataKey

if TYPE_CHECKING:
    import boto3

_WRONG = {"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"}


class AwsKeyService:
    """Key service of one AWS account and region; credentials and endpoint come from the session."""

    def __init__(self, session: boto3.Session, endpoint: str | None = None) -> None:
        self._client: Any = session.client("kms", endpoint_url=endpoint)

    def generate(self, key: str, context: Context) -> DataKey:
        """See `KeyService.generate`."""
        reply = self._call(
            "generate_data_key", key, context, KeyId=key, KeySpec="AES_256", EncryptionContext=dict(context)
        )
        return DataKey(reply["Plaintext"], reply["CiphertextBlob"])

    def wrap(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """See `KeyService.wrap`."""
        reply = self._call("encrypt", key, context, KeyId=key, Plaintext=plaintext, EncryptionContext=dict(context))
        blob: bytes = reply["CiphertextBlob"]
        return blob

    def unwrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.unwrap`. `KeyId` is always given, so that no other key than the named one is ever used."""
        reply = self._call("decrypt", key, context, KeyId=key, CiphertextBlob=wrapped, EncryptionContext=dict(context))
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

    def _call(self, operation: str, key: str, context: Context, **parameters: Any) -> dict[str, Any]:
        tenant = context.get("tenant", "?")
        try:
            reply: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            reason = Reason.WRONG_KEY if code in _WRONG else Reason.KEY_UNAVAILABLE
            raise TrainerError(
                reason, f"key {key} of tenant {tenant}: KMS refused {operation} ({code}) for {dict(context)}"
            ) from error
        except BotoCoreError as error:
            raise TrainerError(
                Reason.KEY_UNAVAILABLE, f"key {key} of tenant {tenant}: KMS could not be asked: {error}"
            ) from error
        return reply
