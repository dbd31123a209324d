"""The estate: what is deployed, or planned, in neutral types; built from collected facts or from Terraform plans."""
