"""Program ``landmarks``."""
