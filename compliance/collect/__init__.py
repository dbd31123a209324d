"""Collectors: which API calls show the deployed state, and the engine that makes them and records every answer."""
