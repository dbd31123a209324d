"""Benchmark of the isolation proof."""
