"""Program ``teacher``."""
