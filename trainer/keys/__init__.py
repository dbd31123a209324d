"""Keys: the tenant's keys in a key service, and what is wrapped under them."""
