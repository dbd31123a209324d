"""TCG structures: event logs, their event types, replay into registers, TPM 2.0 quotes."""
