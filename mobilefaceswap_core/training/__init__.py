"""Training: packs of faces, stored teacher outputs, and the distillation of the student.

Command line: ``python -m mobilefaceswap_core.training --help``. Everything a run needs is an option; the resolved options
are written beside its checkpoints. How to train: ``docs/training.md``. What
every run so far measured: ``docs/explanation/training_log.md``.
"""
