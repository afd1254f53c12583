"""Program ``quality``."""
