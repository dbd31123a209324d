"""What goes wrong with evidence."""


class EvidenceError(Exception):
    """A pack cannot be made or read; the message names the file and the way out."""
