"""One file a tab; each builds its components and wires its events."""
