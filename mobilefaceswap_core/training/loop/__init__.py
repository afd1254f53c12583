"""The loop that all programs share."""
