"""``python -m mobilefaceswap_core.training PROGRAM``: see docs/training.md."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import OptionError, SwapError
from .config import load_config
from .detail.options import DetailConfig
from .encoder.options import EncoderConfig
from .landmarks.options import LandmarksConfig
from .loop.options import LoopOptions
from .occlusion.options import OcclusionConfig
from .quality.options import QualityConfig
from .student.options import StudentConfig
from .teacher.options import TeacherConfig

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Train MobileFaceSwap.", pretty_exceptions_enable=False
)

Config = Annotated[str, typer.Option(help="Preset (tiny, cpu, gpu) or a .toml, .yaml or .json file; empty: defaults.")]
Out = Annotated[Path, typer.Option(help="Folder of the run; what is there is resumed.")]
Minutes = Annotated[float | None, typer.Option(help="Wall-clock budget; always ends with an exported checkpoint.")]
Steps = Annotated[int | None, typer.Option(help="Length of the run in optimiser steps.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="One value of the config: losses.identity=5")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


def _friendly(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except SwapError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error

    return run


def _config(kind: Any, source: str, minutes: float | None, steps: int | None, changes: list[str] | None) -> Any:
    given = list(changes or [])
    given += [f"loop.minutes={minutes}"] if minutes is not None else []
    given += [f"loop.steps={steps}"] if steps is not None else []
    return load_config(kind, source, changes=given)


def _train(kind: Any, config: str, out: Path, minutes: Any, steps: Any, changes: Any, device: str) -> Any:
    from .programs import run_program

    options = _config(kind, config, minutes, steps, changes)
    # Schedulers end jobs by SIGTERM, and shells start background jobs with Ctrl-C ignored: both save and export here.
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        result = run_program(options, out, device=device)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not result.exported:  # of several processes only the first exports, and speaks
        return options
    print(f"{result.stopped} after {result.steps} steps, {result.seconds_per_step:.3f} s a step")
    for key, value in result.before.items():
        print(f"  {key}: {value:.4f} before, {result.after[key]:.4f} after")
    for path in result.exported:
        print(f"exported {path}")
    return options


@app.command()
@_friendly
def student(
    config: Config = "", out: Out = Path("runs/student"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Distil the student from stored teacher outputs (made first if none are named)."""
    _train(StudentConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def teacher(
    config: Config = "", out: Out = Path("runs/teacher"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Train the SimSwap-like teacher; keeps snapshots for the quality network."""
    _train(TeacherConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def encoder(
    config: Config = "", out: Out = Path("runs/encoder"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Distil a small recogniser from a stronger one."""
    _train(EncoderConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def landmarks(
    config: Config = "", out: Out = Path("runs/landmarks"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Train the landmark network of the teacher's consistency loss."""
    _train(LandmarksConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def occlusion(
    config: Config = "", out: Out = Path("runs/occlusion"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Train the network that finds what hides a face, on faces with things drawn over them."""
    _train(OcclusionConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def detail(
    config: Config = "", out: Out = Path("runs/detail"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Train the network that sharpens a swapped face by its target's fine detail."""
    _train(DetailConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def quality(
    config: Config = "", out: Out = Path("runs/quality"), minutes: Minutes = None, steps: Steps = None,
    changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Train the quality network of the loss reweighting from a teacher's snapshots."""
    _train(QualityConfig, config, out, minutes, steps, changes, device)


@app.command()
@_friendly
def cache(
    out: Annotated[Path, typer.Option(help="Folder of the stored pairs; must not exist.")],
    config: Config = "", changes: Changes = None, device: Device = "auto",
) -> None:  # fmt: skip
    """Compute and store teacher outputs for the student's data, teachers and seed."""
    from .data.faces import load_faces
    from .loop.distributed import join
    from .programs import store_pairs

    options: StudentConfig = _config(StudentConfig, config, None, None, changes)
    if out.exists():
        raise OptionError(f"{out} exists; remove it, or choose another folder for the stored pairs.")
    _, where = join(device)
    faces = load_faces(options.data, device=where)
    store_pairs(options.data, options.teacher, out, seed=options.loop.seed, faces=faces, device=where, say=print)
    print(f"stored in {out}")


@app.command()
@_friendly
def prepare(
    folders: Annotated[list[Path], typer.Argument(help="Folders of photos.")],
    out: Annotated[Path, typer.Option(help="The pack to write, .npz.")],
    people: Annotated[str, typer.Option(help="Who a face belongs to: folder, labels or each_face.")] = "folder",
    labels: Annotated[Path | None, typer.Option(help="CSV with columns file, identity, age.")] = None,
    require_age: Annotated[bool, typer.Option(help="Leave out photos without an age.")] = False,
    smallest_px: Annotated[float, typer.Option(help="Least size of a face's crop in the photo.")] = 90.0,
    detector: Annotated[str, typer.Option(help="lite, dlib or insightface.")] = "lite",
) -> None:
    """Make a pack of aligned crops from photos: no minors, duplicates or bad photos."""
    from ..files.packs import write_pack
    from ..files.places import check_named
    from .data.prepare import PrepareOptions, photos_in
    from .data.prepare import prepare as make

    if people not in ("folder", "labels", "each_face"):
        raise OptionError(f"Unknown --people {people!r}; wanted folder, labels or each_face.")
    options = PrepareOptions(
        people=people,  # type: ignore[arg-type]
        labels=labels, require_age=require_age, smallest_px=smallest_px, detector=detector,
    )  # fmt: skip
    photos = photos_in(folders)
    check_named({"a photo": photos, "--labels": labels}, {"--out": out})
    pack, report = make(photos, name=out.stem, options=options)
    if not len(pack):
        raise OptionError(f"No face is left for a pack: {report.text()}.")
    write_pack(pack, out)
    print(f"{out}: {report.text()}")


@app.command()
@_friendly
def export(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run with a checkpoint, or a student file (of the flat layout too).")
    ],
    out: Annotated[Path, typer.Option(help="Safetensors file to write.")],
    mask_of: Annotated[
        Path | None, typer.Option(help="Run or student file whose mask head to take instead (see only_mask).")
    ] = None,
) -> None:
    """Write the averaged network of a student's checkpoint, or a student file, in the layout that ships."""
    from ..files.places import check_named
    from ..student.injection import with_mixing
    from ..weights.load import load_into
    from .export import student_tensors, with_mask_of, write_network
    from .student.network import LAYOUT, TrainableStudent

    check_named({"the student": run, "--mask-of": mask_of}, {"--out": out})
    network = TrainableStudent()
    tensors, facts = student_tensors(run)
    if mask_of is not None:
        mask, others = student_tensors(mask_of)
        tensors = with_mask_of(tensors, mask)
        facts |= {f"mask_{name}": value for name, value in others.items()}
    load_into(network, with_mixing(tensors, network), what=str(run))
    print(f"exported {write_network(network, out, layout=LAYOUT, facts=facts)}")


@app.command()
@_friendly
def average(
    files: Annotated[list[Path], typer.Argument(help="Student files of one run, or of runs that began from one file.")],
    out: Annotated[Path, typer.Option(help="Safetensors file to write.")],
) -> None:
    """Write the mean of students: between two of one run often lies one that is better than both."""
    from ..files.digest import file_sha256
    from ..files.places import check_named
    from ..student.injection import with_mixing
    from ..weights.load import load_into, read_safetensors
    from .export import mean_tensors, write_network
    from .student.network import LAYOUT, TrainableStudent

    check_named({"a student": files}, {"--out": out})
    network = TrainableStudent()
    states = [with_mixing(read_safetensors([file]), network) for file in files]
    load_into(network, mean_tensors(states), what="the mean")
    facts = {"mean_of": ", ".join(file_sha256(file)[:12] for file in files)}
    print(f"exported {write_network(network, out, layout=LAYOUT, facts=facts)}")


@app.command()
@_friendly
def evaluate(
    first: Annotated[str, typer.Argument(help="A --model name or a student file.")],
    second: Annotated[str, typer.Argument(help="The one to compare with it.")],
    pack: Annotated[str, typer.Option(help="A pack, or builtin.")] = "builtin",
    pairs: Annotated[int, typer.Option(help="Pairs to judge.")] = 160,
    hold_out: Annotated[
        float, typer.Option(help="Fraction of the people: the ones training holds out with this value.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the hold-out and of the pairs.")] = LoopOptions().seed,
    sheet: Annotated[Path | None, typer.Option(help="PNG with sources, targets and both results.")] = None,
) -> None:
    """Compare two checkpoints on the same pairs, judged by dlib."""
    import cv2

    from ..files.images import write_image
    from ..files.places import check_named
    from ..models import load_swapper
    from .data.faces import held_out_people, load_faces
    from .data.options import DataOptions
    from .measure.evaluate import compare, evaluation_pairs, side_by_side, swap_pairs, table
    from .measure.judge import DlibJudge
    from .student.options import PairOptions

    check_named({"a student": [Path(first), Path(second)], "--pack": Path(pack)}, {"--sheet": sheet})
    cv2.setNumThreads(1)
    judge = DlibJudge()
    faces = load_faces(DataOptions(packs=(pack,)))
    people = held_out_people(faces.names, hold_out, seed=seed)
    loose = PairOptions(source_yaw=0.5, source_pitch=0.5, frontal=0.5) if pack == "builtin" else PairOptions()
    chosen, gallery = evaluation_pairs(faces, people, pairs, seed=seed, options=loose)
    rows, results = [], []
    for name in dict.fromkeys((first, second)):
        results.append(swap_pairs(load_swapper(name, device="cpu"), faces, chosen))
        rows.append(compare(name, results[-1], faces, chosen, gallery, judge))
    print(table(rows))
    if sheet is not None:
        write_image(sheet, side_by_side(faces, chosen, results))


if __name__ == "__main__":
    app()
