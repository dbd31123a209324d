"""What runs on the node: agent, worker, encrypted data, checkpoints, training, export; and ingest."""
