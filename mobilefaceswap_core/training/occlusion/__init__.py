"""Program ``occlusion``."""
