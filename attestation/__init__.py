"""Evidence to claims to verdict; reference values; release policy; release ledger."""
