"""Methods the student learns from or is compared with; each file is one method behind the ``Swapper`` interface."""
