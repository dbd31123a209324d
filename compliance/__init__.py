"""Deployed state to facts to graph to proofs to rules to reports to evidence."""
