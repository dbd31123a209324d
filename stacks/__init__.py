"""The CDK Terrain app: thin stacks, one per tenant and layer, plus the platform's own."""
