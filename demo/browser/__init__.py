"""A static page that swaps faces on the visitor's own machine, its build, and how the app serves it."""
