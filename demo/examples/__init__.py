"""What the page offers to try, and what made it: portraits of nobody, and the pairs they are shown in."""
