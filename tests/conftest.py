"""Shared fixtures. Tests run offline and read nothing outside the repository and the installed packages."""

from __future__ import annotations

import os

# Before anything reads them: several test workers share few cores, no window opens, and nothing is reported anywhere.
os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "GRADIO_ANALYTICS_ENABLED": "False"}

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes import once
from tests.fakes.once import MadeOnce

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Makes a folder once for all workers that share these tests: ``made_once(name, make)``; see ``tests/fakes/once.py``."""
    own = tmp_path_factory.getbasetemp()
    return partial(once.made_once, own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the official network with seeded weights (PaddlePaddle 3.3.1, float32, CPU)."""
    return Path(__file__).parent / "golden" / "official_layout_seed1.npz"


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """NASA portrait in the public domain, RGB uint8 (512, 512, 3), one frontal face."""
    import skimage.data

    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def group() -> np.ndarray:
    """The sample photo of the insightface package, RGB uint8 (886, 1280, 3), six faces."""
    import insightface.data

    return np.ascontiguousarray(insightface.data.get_image("t1")[..., ::-1])
