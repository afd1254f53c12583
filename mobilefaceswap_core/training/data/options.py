"""Which faces are trained on; the same for every program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Which faces are trained on.

    Attributes:
        packs: ``.npz`` files of ``prepare``; the word ``builtin`` stands for the faces shipped with the dependencies.
        weights: how often each pack is drawn, one number per pack; empty means 1 for all.
        hold_out: fraction of the identities never trained on. Which ones depends on their names alone, so that adding a
            pack keeps the others' hold-out.
        limit: at most this many crops of each pack; 0 means all.
        size_px: side of the crops in memory.
        closed: as many crops more, as a fraction of each pack, whose eyes are drawn shut or half shut (see ``lids.py``): hardly a
            photo shows closed eyes, every clip does.
        sharpness: crops softer than this are never drawn, by the measure of ``prepare``. A soft source makes a soft teacher
            output. 0 draws all.
    """

    packs: tuple[str, ...] = ("builtin",)
    weights: tuple[float, ...] = ()
    hold_out: float = 0.05
    limit: int = 0
    size_px: int = 224
    sharpness: float = 0.0
    closed: float = 0.0
