"""Encrypted, authenticated, sharded checkpoints for torch.distributed.checkpoint; see docs/formats/checkpoint.md."""
