"""The policies and facts that are deployed right now, read from moto's state for one decision at a time."""
