"""Programs with little memory and time: what would take the machine down fails the test instead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({cpu}, {cpu}))
sys.path.insert(0, {root!r})
"""


def run_limited(
    code: str, *arguments: str, memory_mb: int = 4000, cpu_s: int = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own under limits of the operating system.

    Args:
        memory_mb: address space; importing torch alone takes about 1 GB of it.
        cpu_s: seconds of processor time, after which it is killed.
        environment: variables to set.
    """
    if sys.platform != "linux":
        pytest.skip("limits of the operating system are tested on Linux")
    start = _LIMITED.format(memory=memory_mb << 20, cpu=cpu_s, root=str(_ROOT))
    return subprocess.run(
        [sys.executable, "-c", start + code, *arguments],
        capture_output=True,
        text=True,
        timeout=20 * cpu_s,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment},
    )
