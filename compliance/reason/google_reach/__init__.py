"""Transitive reach on Google Cloud: whom a tenant can become by acting first, and what it can then do."""
