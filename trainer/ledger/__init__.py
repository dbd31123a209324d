"""The tenant's ledger: hash-linked records of every use of a key, written before the use."""
