"""What a data set adapter returns, and the small things they share."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.formats import photos_in
from mobilefaceswap_core.files.ordinary import check_ordinary
from mobilefaceswap_core.types import CropSpec

from ..images import inside
from ..pairs import Pair, draw_pairs
from .people import People

MAX_LIST_BYTES = 64 << 20  # CelebA's list of 202,599 photos has 3.4 million bytes


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pairs to swap and where their images are.

    Attributes:
        name: as given to ``--dataset``.
        root: folder that image references are relative to.
        pairs: the pair list.
        problems: one message per thing that was left out, naming the file and line.
        aligned: the crop contract when every image is an aligned face crop; ``None`` for photos and frames.
        note: one line on origin and licence for the foot of a table.
        people: where identities come from (:mod:`eval.datasets.people`).
    """

    name: str
    root: Path
    pairs: Sequence[Pair]
    problems: Sequence[str] = field(default_factory=tuple)
    aligned: CropSpec | None = None
    note: str = ""
    people: People = "listed"


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """What every adapter is told.

    Attributes:
        root: the data set's folder; for ``builtin`` and ``builtin-clips`` the folder to write the images into.
        count: pairs wanted, or ``None`` for the adapter's default.
        seed: of every draw.
        identities: labels to use, or ``None`` for all.
        pair_file: CSV or official JSON pair list, where the adapter takes one.
        frames: frames per video, evenly spaced (FaceForensics++), or of a clip (``builtin-clips``).
        consecutive: frames that follow each other at each of these places (FaceForensics++).
        aligned: whether the images are aligned 112-template crops.
        follow_links: whether links may lead out of the root.
        detector: of the swapping pipeline, which decides whether a source frame shows a usable face (FaceForensics++).
        device: of that detector.
        say: where progress is told.
    """

    root: Path
    count: int | None = None
    seed: int = 0
    identities: Collection[str] | None = None
    pair_file: Path | None = None
    frames: int = 10
    consecutive: int = 1
    aligned: bool = False
    follow_links: bool = False
    detector: str = "auto"
    device: str = "cpu"
    say: Callable[[str], None] = lambda message: None


def aligned_spec(request: DatasetRequest) -> CropSpec | None:
    """The crop contract of a folder of aligned crops, or ``None``."""
    return CropSpec() if request.aligned else None


def require_folder(root: Path, wanted: str) -> None:
    """Raise when the data set's folder is missing."""
    if not root.is_dir():
        raise OptionError(f"No folder at {root}; --root must be {wanted}.")


def image_files(folder: Path) -> list[Path]:
    """Photos straight inside a folder, sorted by name; hidden ones are left out.

    Raises:
        ImageError: the folder cannot be listed.
    """
    return photos_in(folder)


def readable(root: Path, photos: Sequence[Path], request: DatasetRequest) -> tuple[list[str], list[str]]:
    """References of the photos that may be read, and a sentence for each link that leads out of the root.

    Args:
        root: the data set's.
        photos: below it.
        request: says whether links are followed.
    """
    references, problems, base = [], [], root.resolve()
    for photo in photos:
        reference = photo.relative_to(root).as_posix()
        if inside(base, reference, follow_links=request.follow_links) is None:
            problems.append(f"{reference}: a link that leads out of the root; left out. --follow-links reads it")
        else:
            references.append(reference)
    return references, problems


def drawn_pairs(
    images: Mapping[str, Sequence[str]],
    request: DatasetRequest,
    problems: Sequence[str],
    *,
    count: int,
    sources: Mapping[str, Sequence[str]] | None = None,
) -> list[Pair]:
    """:func:`eval.pairs.draw_pairs`, whose refusal also says what was left out of the data set.

    Raises:
        OptionError: fewer than two identities are left.
    """
    try:
        return draw_pairs(images, count=request.count or count, seed=request.seed, sources=sources)
    except OptionError as error:
        more = f" Left out were {len(problems)}: {problems[0]}." if problems else ""
        raise OptionError(f"{error}{more}") from error


def keep_identities(images: Mapping[str, list[str]], wanted: Collection[str] | None) -> dict[str, list[str]]:
    """Restrict to the wanted labels.

    Raises:
        OptionError: when none of the wanted labels is there.
    """
    if wanted is None:
        return dict(images)
    kept = {k: v for k, v in images.items() if k in set(wanted)}
    if not kept:
        raise OptionError(
            f"None of the {len(wanted)} identities of --identities is in the data set (it has {len(images)}, such as "
            f"{', '.join(sorted(images)[:3])})."
        )
    return kept


def read_small_text(path: Path, option: str) -> str:
    """A list in a text file.

    Raises:
        OptionError: missing, not UTF-8, or larger than any list of names is.
    """
    check_ordinary(path, error=OptionError, wanted="a list in a text file")
    try:
        size = path.stat().st_size
        if size > MAX_LIST_BYTES:
            raise OptionError(f"{option} {path.name} has {size} bytes; wanted at most {MAX_LIST_BYTES}.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise OptionError(f"{option} {path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise OptionError(f"{option} {path.name}: not text in UTF-8 ({error}).") from error


def read_identities(path: Path) -> list[str]:
    """Labels from a JSON list or a text file with one label per line; ``#`` starts a comment."""
    text = read_small_text(path, "--identities")
    if text.lstrip().startswith("["):
        try:
            labels = json.loads(text)
        except json.JSONDecodeError as error:
            raise OptionError(f"--identities {path.name} line {error.lineno}: not JSON ({error.msg}).") from error
        except (RecursionError, ValueError) as error:
            raise OptionError(f"--identities {path.name}: wanted a JSON list of labels ({error}).") from error
        if not all(isinstance(label, (str, int)) for label in labels):
            raise OptionError(f"--identities {path.name}: wanted a JSON list of labels.")
        return [str(label) for label in labels]
    return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]
