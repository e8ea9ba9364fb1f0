"""Measured ratios: see README.md."""
