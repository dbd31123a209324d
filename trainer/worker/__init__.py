"""The worker: trains. It has a socket to the agent, and no network, credentials or files."""
