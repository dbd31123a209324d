"""Evidence packs: facts, results and reports, hashed, signed, chained, for a stranger to check."""
