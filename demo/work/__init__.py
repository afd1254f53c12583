"""What is done for a visitor, without a page around it: models, swaps, measurements, evaluations."""
