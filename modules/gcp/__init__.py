"""Constructs for Google Cloud."""
