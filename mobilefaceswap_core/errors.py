"""The errors this package raises on purpose.

Each message says what was got, what was wanted and what to do next. Everything else that escapes is a bug.
"""

from __future__ import annotations


class SwapError(Exception):
    """Base of every error raised on purpose. ``exit_code`` is the process status the command line returns.

    ``is_noted``: a host's log has a line on this refusal already.
    """

    exit_code = 1
    is_noted = False


class NoFaceError(SwapError):
    """An image that must show a face shows none that can be used."""

    exit_code = 3


class ImageError(SwapError):
    """A file or array is not an image this package can read, or is over the configured limits."""

    exit_code = 4


class WeightsError(SwapError):
    """A weights file is missing, truncated, of another layout, or does not have the expected SHA-256."""

    exit_code = 5


class BackendError(SwapError):
    """A detector, device or inference backend was asked for that is not installed or cannot run here."""

    exit_code = 6


class OutputError(SwapError):
    """The result could not be written: no space, no permission, or an unusable file name."""

    exit_code = 7


class OptionError(SwapError):
    """An option or a combination of options makes no sense; unlike ``ValueError`` it is shown to users as it is."""

    exit_code = 2


class VideoError(SwapError):
    """A clip cannot be opened, decoded or encoded."""

    exit_code = 8


class TrainingError(SwapError):
    """A training run diverged or cannot go on; its last good checkpoint is untouched."""

    exit_code = 9


class Cancelled(SwapError):
    """The caller asked to stop; nothing was left behind."""

    exit_code = 130


class BudgetError(SwapError):
    """A job takes more faces, pictures, pixels or seconds than it may; see :mod:`mobilefaceswap_core.runtime.budget`."""

    exit_code = 12  # 11 is the answer of ``verify`` for a file without marks


class RefusedError(SwapError):
    """The host's rules forbid this swap, such as a source that shows a protected person."""

    exit_code = 10
