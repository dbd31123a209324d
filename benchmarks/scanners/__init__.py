"""Comparison with public scanners on planted cross-tenant leaks."""
