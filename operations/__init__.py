"""Day two, and the `bulkhead` command."""
