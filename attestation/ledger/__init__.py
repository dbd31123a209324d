"""The release ledger: every decision on a key, hash-linked, per tenant, under signed heads."""
