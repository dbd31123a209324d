"""The collectors for Google Cloud: which calls show the deployed state, and what makes and records them."""
