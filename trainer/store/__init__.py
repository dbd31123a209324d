"""Where ciphertext lies: S3 through boto3, everything else through fsspec."""

from trainer.store.objects import ObjectStore, open_store

__all__ = ["ObjectStore", "open_store"]
