"""Attestation documents: how this machine proves to a key service what it booted."""
