"""Coverage-guided fuzzing of what reads foreign bytes; `python -m fuzz --help`."""
