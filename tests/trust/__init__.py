"""Measurements behind docs/marking.md: ``python -m tests.trust --faces FOLDER``."""
