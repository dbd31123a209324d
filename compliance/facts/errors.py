"""What goes wrong with a bundle of facts."""


class BundleError(Exception):
    """A bundle is missing, damaged or was changed; the message names the file, the place and the way out."""
