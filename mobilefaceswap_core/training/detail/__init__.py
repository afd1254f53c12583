"""Program ``detail``."""
