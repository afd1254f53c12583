"""Spaces with a GPU on demand; without effect everywhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

ZERO_GPU = "SPACES_ZERO_GPU"  # a variable that such a Space sets
Task = TypeVar("Task", bound=Callable[..., Any])


def on_gpu(task: Task, *, seconds: int = 60) -> Task:
    """Have a task run while the Space holds a GPU.

    Args:
        task: a function or generator whose arguments and results can be pickled.
        seconds: longest time it takes; the platform's own default is 60.

    Returns:
        The task itself unless the host is a ZeroGPU Space, which sets :data:`ZERO_GPU` and installs ``spaces``.
    """
    if not os.environ.get(ZERO_GPU):
        return task
    import spaces

    return spaces.GPU(duration=seconds)(task)  # type: ignore[no-any-return]
