"""Tenants' nodes as virtual machines of the local cloud: the measured image, a TPM each, and what is refused."""
