"""A visitor's face as a small network, for the page that runs on the visitor's own machine."""

from __future__ import annotations

from pathlib import Path

from mobilefaceswap_core.errors import BackendError
from mobilefaceswap_core.student.export import export_baked
from mobilefaceswap_core.student.swapper import Student

from .auditing import door
from .engine import Engine

_MODEL = "student"  # the only swapper small enough, and the one whose alignment the page knows


@door("export")
def prepare_network(engine: Engine, path: str | Path) -> Path:
    """The student with a visitor's source inside, 1 MB, as a file that is deleted with the other results.

    Raises:
        NoFaceError, ImageError: the photo cannot be used.
        RefusedError: the person is on the host's block list.
        BackendError: another swapper took the student's name.
    """
    source = engine.prepare(_MODEL, [path], video=True)
    student = engine.video_pipeline(_MODEL).swapper
    if not isinstance(student, Student):
        raise BackendError(f"The model {_MODEL} is a {type(student).__name__} here; wanted the student that ships.")
    out = engine.new_file("face.onnx")
    export_baked(student, source.condition, out, half=True, blue_eyes=source.blue_eyes)
    engine.rules().note("export", sources=[Path(path)], output=out, model=_MODEL)
    return out
