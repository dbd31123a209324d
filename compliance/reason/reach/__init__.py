"""Transitive reach: whom a principal can become by acting first, and what it can then do."""
