"""`python -m operations` is the `bulkhead` command."""

from operations.cli import main

main()
