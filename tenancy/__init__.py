"""What a tenant is: specifications, names, address plan, loading and validation."""
