"""Losses and critics."""
