"""The command line. Importing it loads no network and no framework, so that ``--help`` answers at once."""

from .app import app, main

__all__ = ["app", "main"]
