"""Program ``encoder``."""
