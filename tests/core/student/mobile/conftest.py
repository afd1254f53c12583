"""One conversion per format and precision, made when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mobilefaceswap_core.diagnose.bench import aligned_target
from mobilefaceswap_core.student.export import ExportReport
from mobilefaceswap_core.student.mobile.export import export_as
from mobilefaceswap_core.student.mobile.formats import format_named
from mobilefaceswap_core.student.swapper import load_student

Exported = Callable[[str, str], ExportReport]


@pytest.fixture(scope="session")
def face():
    """A real face: what eight bits are measured on."""
    return aligned_target()


@pytest.fixture(scope="session")
def student():
    return load_student(backend="torch")


@pytest.fixture(scope="session")
def condition(student, face):
    return student.condition([face])


@pytest.fixture(scope="session")
def blue_eyes() -> float:
    """How surely those of the person inside are said to be."""
    return 0.25


@pytest.fixture(scope="session")
def exported(student, condition, face, blue_eyes, tmp_path_factory) -> Exported:
    """A file by format and precision; the test is skipped where the converter is not installed."""
    folder: Path = tmp_path_factory.mktemp("mobile")
    done: dict[tuple[str, str], ExportReport] = {}

    def export(name: str, precision: str = "float32") -> ExportReport:
        entry = format_named(name)
        for module in (*entry.writes, *entry.runs):
            pytest.importorskip(module)
        if (name, precision) not in done:
            path = folder / f"{precision}{entry.suffix}"
            done[name, precision] = export_as(
                student, condition, path, precision=precision, faces=[face.image], blue_eyes=blue_eyes
            )  # type: ignore[arg-type]
        return done[name, precision]

    return export
