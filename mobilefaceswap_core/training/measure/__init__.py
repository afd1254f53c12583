"""Comparing swappers on held-out pairs."""
