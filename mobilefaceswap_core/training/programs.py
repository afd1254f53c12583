"""The training programs: load faces, build the task, run the loop in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import OptionError
from ..files.atomic import write_bytes
from ..identity.encoder import load_identity_encoder
from ..models import load_swapper
from ..swapper import Swapper
from ..types import CropSpec
from .config import save_config
from .data.faces import Faces, load_faces
from .data.options import DataOptions
from .detail.options import DetailConfig
from .encoder.options import EncoderConfig
from .landmarks.options import LandmarksConfig
from .loop.distributed import Place, join
from .loop.trainer import RunResult, Task, Trainer
from .occlusion.options import OcclusionConfig
from .quality.options import QualityConfig
from .student.cache import load_pairs, make_pairs
from .student.options import PairOptions, StudentConfig
from .teacher.options import TeacherConfig

Say = Callable[[str], None]
AnyConfig = (
    StudentConfig | TeacherConfig | EncoderConfig | LandmarksConfig | OcclusionConfig | DetailConfig | QualityConfig
)


def run_program(config: AnyConfig, folder: Path, *, device: str = "auto", say: Say = print) -> RunResult:
    """Train what the config describes; a checkpoint in the folder is resumed.

    Raises:
        OptionError: an input is missing, the folder holds a run of another program, or another process trains in it.
        TrainingError: the run diverged.
    """
    place, where = join(device)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, place):
        return _run(config, folder, place, where, say if place.first else _silent)


def _run(config: AnyConfig, folder: Path, place: Place, where: torch.device, say: Say) -> RunResult:
    began = time.monotonic()
    _claim(config, folder, place)
    torch.set_float32_matmul_precision("high")  # of GPUs; the CPU computes in float32 either way
    say(f"loading {', '.join(config.data.packs)} onto {where}")
    faces = load_faces(config.data, device=where)
    say(f"{len(faces)} crops of {int(faces.identity.max()) + 1} people")
    task = _task(config, faces, folder, where, place, say)
    return Trainer(task, config.loop, folder, device=where, place=place, say=say).run(began=began)


def store_pairs(
    data: DataOptions, options: PairOptions, folder: Path, *, seed: int, faces: Faces, device: torch.device, say: Say
) -> None:
    """Compute and store teacher outputs; see :func:`~.cache.make_pairs`."""
    from .quality.task import load_quality

    teachers = [_teacher(name, data.size_px, device) for name in options.teachers]
    for teacher in teachers:
        if (spec := teacher.info.crop).size_px != data.size_px or (spec.template, spec.fit) != (
            "arcface",
            "similarity",
        ):
            raise OptionError(
                f"{teacher.info.name} reads crops of {spec.size_px} px, template {spec.template}, {spec.fit}; the packs hold "
                f"{data.size_px} px, arcface, similarity. Choose teachers of that crop."
            )
    quality = load_quality(Path(options.quality), device=device) if options.quality else None
    encoder = load_identity_encoder(device)
    make_pairs(
        faces, teachers, encoder, folder, options, hold_out=data.hold_out, seed=seed, quality=quality, report=say
    )


def _teacher(name: str, size_px: int, device: torch.device) -> Swapper:
    if name == "graphics":  # the only one that works at any size
        from ..teachers.graphics import GraphicsSwapper

        return GraphicsSwapper(CropSpec(size_px))
    return load_swapper(name, device=device)


def _task(config: AnyConfig, faces: Faces, folder: Path, device: torch.device, place: Place, say: Say) -> Task:
    # Imported here: each program loads only its own networks.
    if isinstance(config, StudentConfig):
        from .student.task import StudentTask

        pairs = Path(config.pairs) if config.pairs else folder / "pairs"
        seed, hold_out = config.loop.seed, config.data.hold_out
        if not config.pairs and not pairs.is_dir():
            if place.processes > 1:
                raise OptionError(
                    "Several processes need pairs made beforehand: run `cache` and name its folder in `pairs`."
                )
            say(f"storing the outputs of {', '.join(config.teacher.teachers)} for {config.teacher.count} pairs")
            store_pairs(config.data, config.teacher, pairs, seed=seed, faces=faces, device=device, say=say)
        stored = load_pairs(pairs, faces, hold_out=hold_out, seed=seed)
        return StudentTask(config, faces, stored, device=device, place=place)
    if isinstance(config, TeacherConfig):
        from .teacher.task import TeacherTask

        return TeacherTask(config, faces, device=device, place=place)
    if isinstance(config, EncoderConfig):
        from .encoder.task import EncoderTask

        return EncoderTask(config, faces, device=device)
    if isinstance(config, LandmarksConfig):
        from .landmarks.task import LandmarksTask

        return LandmarksTask(config, faces, device=device)
    if isinstance(config, OcclusionConfig):
        from .occlusion.task import OcclusionTask

        return OcclusionTask(config, faces, device=device)
    if isinstance(config, DetailConfig):
        from .detail.task import DetailTask

        return DetailTask(config, faces, device=device)
    from .quality.task import QualityTask

    return QualityTask(config, faces, device=device)


@contextmanager
def _alone(folder: Path, place: Place) -> Iterator[None]:
    """Hold the folder for one call; the lock ends with the process, however it ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", timeout=0)
    try:
        if place.first:
            lock.acquire()
    except Timeout as error:
        raise OptionError(
            f"Another process trains in {folder} already. Wait for it, stop it, or choose another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _claim(config: Any, folder: Path, place: Place) -> None:
    """Write the resolved config; refuse a folder that another program works in."""
    program = folder / "program"
    name = type(config).__name__.removesuffix("Config").lower()
    if program.is_file() and program.read_text().strip() != name:
        raise OptionError(f"{folder} holds a run of the program {program.read_text().strip()}; choose another folder.")
    if place.first:
        write_bytes(program, f"{name}\n".encode())  # in one step: the other processes read it meanwhile
        save_config(config, folder / "config.json")


def _silent(line: str) -> None:
    return None
