"""What is written down: the sealed container, signed documents, data-set manifests. See docs/formats."""
