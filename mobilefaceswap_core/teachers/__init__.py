"""Swappers that the student learns from or is compared with; each file is one of them, or what several share."""
