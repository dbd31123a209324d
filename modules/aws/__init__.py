"""Constructs for AWS."""
