"""Terraform building blocks."""
