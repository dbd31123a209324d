"""The verifier that needs nothing of ours."""
