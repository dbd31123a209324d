"""Reasoning about facts: authorisation, reach, network."""
