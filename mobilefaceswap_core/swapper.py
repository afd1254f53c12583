"""The one interface of everything that swaps a face: student, teachers, graphics baseline, ONNX files.

A swapper sees aligned crops only. Detection, alignment, finishing, paste back and files belong to the pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from .types import AlignedFace, CropSpec, SwappedCrop


@dataclass(frozen=True, slots=True)
class SwapperInfo:
    """What a reader of a table or a page needs to know about a swapper.

    Attributes:
        name: short identifier, as given to ``--model``.
        title: one line for people.
        crop: how sources and targets are cut out.
        licence: licence of the weights ("none" for a swapper without weights).
        source: paper, repository or package the swapper comes from.
        weights_sha256: by file name; empty for a swapper without weights.
        device: device and backend really in use, such as ``cpu / onnxruntime``.
        needs_landmarks: whether sources and targets must carry 68 landmarks.
        match_colours: whether the pipeline should match colours after this swapper by default. A target of one tone gives its
            tone to the face either way.
        match_detail: whether it should then strengthen fine detail to the target's by default; for networks that draw soft.
        leave_glasses: whether a source's glasses are left out before it is read; for networks that draw half of them.
    """

    name: str
    title: str
    crop: CropSpec
    licence: str
    source: str
    weights_sha256: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    needs_landmarks: bool = False
    match_colours: bool = True
    match_detail: bool = False
    leave_glasses: bool = False


@runtime_checkable
class Swapper(Protocol):
    """Two pure functions and a description.

    ``condition`` turns photos of one person into an immutable value (for the student: predicted weights). ``swap`` is a
    function of targets and such values alone; nothing about a source is kept in the swapper, so two visitors can never
    get each other's face.
    """

    @property
    def info(self) -> SwapperInfo: ...

    def condition(self, sources: Sequence[AlignedFace]) -> Any:
        """What the sources become.

        Args:
            sources: one or more aligned photos of the same person, ``info.crop.size_px`` square.
        """
        ...

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Any]) -> list[SwappedCrop]:
        """Swap a batch.

        Args:
            targets: aligned targets.
            conditions: one value for all targets, or one per target.

        Returns:
            One crop per target, in order.
        """
        ...
