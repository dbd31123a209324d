"""Ingest: a data owner seals a data set into the tenant's bucket."""
