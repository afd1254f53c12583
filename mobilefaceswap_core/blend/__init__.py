"""Everything between a swapped crop and the frame."""
