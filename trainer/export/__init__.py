"""Exported models: sealed under the tenant's export key, with a signed manifest that says where they come from."""
