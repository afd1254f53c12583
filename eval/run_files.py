"""The JSON files of a run's folder, checked as they are read: a folder may be copied, edited or damaged between stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError

from mobilefaceswap_core.errors import OptionError

from .images import ImageReader
from .judges import JudgeInfo
from .method_info import MethodInfo
from .methods import is_label
from .metrics import DEFINITIONS, MetricSpec
from .options import RunOptions, first_problem, saved_values, strict_model
from .pairs import iterate_pairs

MAX_JSON_BYTES = 64 << 20  # the largest, run.json, lists what was left out of a data set, one line per file


def _label(text: str) -> str:
    if not is_label(text):
        raise ValueError("wanted letters, digits, dots and dashes")
    return text


class _File(BaseModel, extra="forbid", strict=True):
    """An object in a file: exactly these keys, each of its kind."""


Label = Annotated[str, AfterValidator(_label)]
Count = Annotated[int, Field(ge=0)]


class AlignedCrop(_File):
    """The crop contract of a data set of aligned crops."""

    size_px: int
    template: str
    fit: str


class RunFile(_File):
    """``run.json``: data set, options and methods."""

    dataset: str
    dataset_note: str
    root: str
    aligned: AlignedCrop | None
    problems: list[str]
    pairs: Count
    pairs_sha256: str
    has_clips: bool = False
    people: Literal["listed", "folders", "photos"] = "listed"
    drawn: Count = 0
    lowered: Count = 0
    seed: Count
    versions: dict[str, str]
    methods: list[Label]
    limit: int | None
    used_pairs: Count
    options: dict[str, Any]


class DetectorCard(_File):
    """The detector of the judges."""

    name: str
    title: str
    files: dict[str, str]
    device: str = ""


class JudgesFile(_File):
    """``judges.json``: who judged, and by which definitions (:data:`eval.metrics.DEFINITIONS`)."""

    definitions: Count = 1
    judges: list[strict_model(JudgeInfo)]  # type: ignore[valid-type]  # made from the dataclass, its one home
    detector: DetectorCard
    lpips: str
    frechet_features: str
    face_features: bool = False
    metrics: list[strict_model(MetricSpec)] = []  # type: ignore[valid-type]  # likewise


class Threshold(_File):
    """When a recogniser takes two faces for one person."""

    cosine: FiniteFloat
    impostor_pairs: Count


class GalleryFile(_File):
    """``gallery.json``: sizes and thresholds."""

    images: Count
    identities: Count
    without_face: list[str]
    false_accept_rate: FiniteFloat
    thresholds: dict[str, Threshold]


class StudyQuestion(_File):
    """Which method stood on which side of one question."""

    pair: Count
    left: Label
    right: Label


class StudyKey(_File):
    """``study/ID.json``: what a page of a blind study does not say."""

    study: str
    seed: Count
    methods: list[Label]
    questions: list[StudyQuestion]


MethodCard = strict_model(MethodInfo)


def read_json(path: Path) -> Any:
    """A JSON file of the run.

    Raises:
        OptionError: when the stage that writes it has not run, or it is damaged.
    """
    if not path.is_file():
        raise OptionError(
            f"{path.name} is not in {path.parent}; run the stage that writes it first (python -m eval --help)."
        )
    if path.stat().st_size > MAX_JSON_BYTES:
        raise OptionError(f"{path.name} has {path.stat().st_size} bytes; wanted at most {MAX_JSON_BYTES}.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise OptionError(f"{path.name} of {path.parent} cannot be read ({error}); start a new --out.") from error


def read_run(run: Path) -> dict[str, Any]:
    """``run.json``: data set, options and methods.

    Raises:
        OptionError: missing, damaged, or no such file; the others of this module raise the same.
    """
    return {"people": "listed"} | _checked(run / "run.json", RunFile)  # runs of before did not say


def options_begun_with(run: Path) -> dict[str, Any]:
    """The options of a run, with what held before an option existed: its default, or frames by themselves for clips.

    Raises:
        OptionError: ``run.json`` or the pair list is missing or damaged.
    """
    given = read_run(run)["options"]
    before = saved_values(RunOptions())
    if "clips" not in given and any(pair.clip for pair in iterate_pairs(run / "pairs.csv")):
        before["clips"] = "frames"
    return before | given


def made_folder_of(run: Path) -> Path | None:
    """:func:`made_folder` of a run that was begun.

    Raises:
        OptionError: its options are no whole numbers.
    """
    options = read_run(run)["options"] if (run / "run.json").is_file() else {}
    asked = {key: options.get(key) for key in ("occluders", "low_resolution")}
    for key, value in asked.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise OptionError(f"run.json of {run} says {key} = {value!r}; wanted a whole number. Start a new --out.")
    return made_folder(run, **asked)


def open_reader(run: Path, root: Path) -> ImageReader:
    """The reader of a run's images: with the targets it made, and links as its options allow them.

    Args:
        run: the run's folder.
        root: the data set's root.
    """
    options = read_run(run)["options"] if (run / "run.json").is_file() else {}
    return ImageReader(
        root,
        drawn=made_folder_of(run),
        occluders=options.get("occluders") is not None,
        follow_links=bool(options.get("follow_links")),
    )


def knows_people(run: Path) -> bool:
    """Whether a run's pair list says who is who; without, nobody can be retrieved (:mod:`eval.datasets.people`)."""
    return not (run / "run.json").is_file() or read_run(run)["people"] != "photos"


def made_folder(run: Path, *, occluders: int | None = None, low_resolution: int | None = None) -> Path | None:
    """Where a run keeps the targets it makes (:mod:`eval.protocols`); ``None`` for one whose targets are left as they are.

    Seed and size are part of the path, so that what a run with others left behind is never read.
    """
    if low_resolution is None:
        return None if occluders is None else run / "occluded" / str(occluders)
    drawn = "" if occluders is None else f"-occluded-{occluders}"
    return run / "lowered" / f"{low_resolution}{drawn}"


def read_judges(run: Path) -> dict[str, Any]:
    """``judges.json``: who judged.

    Raises:
        OptionError: missing or damaged, or by definitions of another version.
    """
    judges = _checked(run / "judges.json", JudgesFile)
    check_definitions(judges)
    return judges


def check_definitions(judges: dict[str, Any]) -> None:
    """Refuse numbers that mean something else than this version's.

    Raises:
        OptionError: the records were made by other definitions.
    """
    if (found := judges.get("definitions", 1)) != DEFINITIONS:
        raise OptionError(
            f"This run was judged by definitions {found}, this is version {DEFINITIONS} (docs/evaluation.md says what changed). "
            "Remove records.jsonl, gallery.jsonl, judges.json and features/ and judge again; the images stay."
        )


def read_gallery_summary(run: Path) -> dict[str, Any]:
    """``gallery.json``: sizes and thresholds."""
    return _checked(run / "gallery.json", GalleryFile)


def read_card(run: Path, label: str) -> dict[str, Any]:
    """The card of a method; ``label`` is one of ``run.json``'s."""
    return _checked(run / "methods" / f"{label}.json", MethodCard)


def read_study_key(path: Path) -> dict[str, Any]:
    """The key of a blind study; it may come back from whoever made the study."""
    return _checked(path, StudyKey)


def _checked(path: Path, kind: type[BaseModel]) -> dict[str, Any]:
    value = read_json(path)
    try:
        kind.model_validate(value)
    except ValidationError as error:
        place, got, wanted = first_problem(error)
        where = f"{path.name}: {place}" if place else path.name
        raise OptionError(
            f"{where} cannot be used (got {got}, wanted {wanted}). Run the stage that writes it again, or start a new --out."
        ) from error
    return dict(value)
