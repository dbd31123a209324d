"""Rules about tenants on Google Cloud."""
