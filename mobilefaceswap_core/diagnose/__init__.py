"""What runs here, how fast, and why: bench, doctor, detectors compared."""
