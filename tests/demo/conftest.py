"""Fixtures that several tests of the page for the visitor's browser share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.browser.build import build
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.student.swapper import Student, load_student
from mobilefaceswap_core.types import CropSpec
from tests.fakes.built_page import CHROMIUM, PORTRAITS, served
from tests.fakes.npm import install_packages
from tests.fakes.once import MadeOnce


@pytest.fixture(scope="session")
def node_modules(made_once: MadeOnce) -> Path:
    """What ``package-lock.json`` pins: the runtime, and the tools that check the page."""
    installed = made_once("packages", install_packages) / "node_modules"
    if not installed.is_dir():
        pytest.skip("npm is missing, or the page's packages cannot be fetched")
    return installed


@pytest.fixture(scope="session")
def page_folder(made_once: MadeOnce) -> Path:
    """The built page."""
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    if not CHROMIUM:
        pytest.skip("no Chromium: install the package or set MOBILEFACESWAP_CHROMIUM")
    return made_once("page", lambda folder: build(folder / "site")) / "site"


@pytest.fixture(scope="session")
def page_url(page_folder: Path) -> Iterator[str]:
    """The page on a static host."""
    with served(page_folder) as url:
        yield url


@pytest.fixture(scope="session")
def student() -> Student:
    return load_student(backend="torch")


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    return read_image(PORTRAITS[1]).image


@pytest.fixture(scope="session")
def person(student: Student, portrait: np.ndarray) -> Any:
    """Python's condition of portrait 1."""
    (face,) = load_detector("lite").detect(portrait)
    return student.condition([align_face(portrait, face, CropSpec())])
