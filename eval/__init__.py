"""Evaluation of face swapping: pairs, swapped images, measurements, tables and plots, each a file the next stage reads.

``python -m eval run --dataset builtin --out RUN`` does all of it; see ``docs/evaluation.md``.
"""

__version__ = "1.0"
