"""The table of contracts of published networks that take part in the finish: masks and enhancers.

A row says what a network wants to be given and what it gives back, as the table of swappers does
(:mod:`mobilefaceswap_core.teachers.contracts`). Where the files are, and their licences, is in
:mod:`mobilefaceswap_core.weights.published`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from ..types import CropSpec
from ..weights.published import PUBLISHED

Role = Literal["occluder", "parser", "enhancer"]
Triple = tuple[float, float, float]

TABLE = Path(__file__).with_name("stage_contracts.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContract:
    """How one network is run. It reads ``(picture - mean) / std`` of a square in [0, 1].

    Attributes:
        name: as in :mod:`~mobilefaceswap_core.weights.published`, and as it is chosen by.
        title: one line for people.
        paper: where it was described.
        licence: of the weights.
        role: ``occluder`` sees what hides a face, ``parser`` also which part is where, ``enhancer`` draws it anew.
        size_px: side of what it reads and gives.
        output: ``visible`` (a probability that a pixel is visible face), ``labels`` (scores of the 19 classes of
            CelebAMask-HQ), or the ``face``, normalised as what was read.
        template: five-point template of its crop; empty where it reads the swapper's own.
        order: of the colours it reads.
        channels_last: whether it reads ``(1, S, S, 3)`` and gives ``(1, S, S, C)``.
        mean: per channel.
        std: per channel.
        fidelity: whether it has an input ``weight`` of one number from 0 to 1: how close it stays to what it is given.
    """

    name: str
    title: str
    paper: str
    licence: str
    role: Role
    size_px: int
    output: Literal["visible", "labels", "face"]
    template: str = ""
    order: Literal["rgb", "bgr"] = "rgb"
    channels_last: bool = False
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    fidelity: bool = False

    @property
    def crop(self) -> CropSpec | None:
        """How its crop is cut out; ``None`` for the swapper's own."""
        return CropSpec(self.size_px, self.template, "similarity") if self.template else None


@cache
def stage_contracts() -> dict[str, StageContract]:
    """The published masks and enhancers by name, with the licences that they are published under."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: _contract(name, row) for name, row in table.items()}


def _contract(name: str, row: dict[str, object]) -> StageContract:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return StageContract(name=name, licence=PUBLISHED[name].licence, **values)  # type: ignore[arg-type]
