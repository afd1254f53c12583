"""Results that a benchmark ships beside its videos: baselines that nobody has to run.

``ffpp:NAME`` reads FaceForensics++'s ``manipulated_sequences/NAME/{raw,c23,c40}/videos/TTT_SSS.mp4`` (target TTT, source SSS),
or folders of frames of that name in ``frames`` or ``images`` instead of ``videos``. The compression of the target's own video
is taken where it is there, otherwise the best one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.files.formats import CLIP_SUFFIXES, photos_in

from .images import split_reference
from .pairs import Pair

_PREFIX = "ffpp:"
MANIPULATED = "manipulated_sequences"
QUALITIES = ("raw", "c23", "c40")  # the best first
_KINDS = ("videos", "frames", "images")


def is_published(spec: str) -> bool:
    """Whether a method's name is that of published results."""
    return spec.startswith(_PREFIX)


def manipulated_clips(root: Path, name: str) -> Iterator[tuple[str, str, Path]]:
    """Compression, ``TTT_SSS`` and path of every clip of a method below the data set's root, the best compression first."""
    for quality in QUALITIES:
        for kind in _KINDS:
            folder = root / MANIPULATED / name / quality / kind
            for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
                if not entry.name.startswith(".") and (entry.is_dir() or entry.suffix.lower() in CLIP_SUFFIXES):
                    yield quality, entry.stem, entry


def manipulations(root: Path) -> list[str]:
    """Names of the methods whose results are below the data set's root."""
    folder = root / MANIPULATED
    found = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    return [name for name in found if not name.startswith(".") and next(manipulated_clips(root, name), None)]


class Published:
    """The clips of one method.

    Args:
        spec: ``ffpp:NAME``.
        root: the data set's.

    Raises:
        OptionError: no such results; the message lists those that are there.
    """

    def __init__(self, spec: str, root: Path | None) -> None:
        self._name = spec.removeprefix(_PREFIX)
        self._root = root
        if not self._clips:
            there = ", ".join(manipulations(root)) if root is not None else ""
            raise OptionError(
                f"The method {spec}: no {MANIPULATED}/{self._name}/*/videos/TTT_SSS.mp4 below the data set's root (there: "
                f"{there or 'none'}). It goes with --dataset ffpp."
            )

    @cached_property
    def _clips(self) -> dict[str, dict[str, Path]]:
        """By ``TTT_SSS``, then by compression."""
        found: dict[str, dict[str, Path]] = {}
        if self._root is not None and "/" not in self._name and self._name not in ("", ".", ".."):
            for quality, clip, path in manipulated_clips(self._root, self._name):
                found.setdefault(clip, {}).setdefault(quality, path)
        return found

    @property
    def title(self) -> str:
        """For people."""
        return f"{self._name}, results published with FaceForensics++"

    def reference(self, pair: Pair) -> str:
        """The reference of a pair's published frame.

        Raises:
            ImageError: there is none.
        """
        name = f"{pair.target_identity}_{pair.source_identity}"
        clips = self._clips.get(name)
        if not clips or self._root is None:
            raise ImageError(f"{self._name} has no clip {name}; results exist for the pairs of FaceForensics++ only")
        own = next((part for part in Path(pair.target).parts if part in QUALITIES), "")
        clip = clips.get(own) or next(iter(clips.values()))
        relative = clip.relative_to(self._root).as_posix()
        if not clip.is_dir():
            return f"{relative}#{pair.frame}"
        target, number = split_reference(pair.target)
        same = Path(target).name
        if number is None and (clip / same).is_file():
            return f"{relative}/{same}"
        files = photos_in(clip)
        if not 0 <= pair.frame < len(files):
            raise ImageError(f"{relative} holds {len(files)} frames; wanted frame {pair.frame}")
        return f"{relative}/{files[pair.frame].name}"
