"""Terraform plans as facts, so that the rules of the deployed state judge what is about to be deployed.

Each planned resource is written as the API answers that it will lead to.
"""
