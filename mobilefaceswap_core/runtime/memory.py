"""One error of ours for memory that runs out, whichever library noticed: each of them says so in its own way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..errors import BackendError

# What torch (CPU and GPU), OpenCV and onnxruntime write into errors of other names.
_SAID = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "insufficient memory",
    "failed to allocate",
    "bad allocation",
    "std::bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any library says that memory ran out."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _SAID)


@contextlib.contextmanager
def memory_guard(what: str) -> Iterator[None]:
    """Turn a lack of memory inside the block into an error of this package; other errors pass.

    Args:
        what: was going on, as in "Swapping a picture of 8000 x 6000 px".

    Raises:
        BackendError: there is too little memory.
    """
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise BackendError(
            f"{what} needs more memory than there is. Use a smaller picture, close other programs, or choose a smaller "
            "--model or --device cpu."
        ) from error
