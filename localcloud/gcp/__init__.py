"""The Google Cloud half of the local cloud: a test double for the services that the trainer and the collectors call.

Its deployed state is the synthesised Terraform configuration, loaded as if it had been applied.
"""
