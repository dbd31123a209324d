"""Predicts what the TPM's registers will hold after an image has booted; one file per register."""
