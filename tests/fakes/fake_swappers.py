"""Swappers with known outcomes, named by tests as ``tests.fakes.fake_swappers:...`` methods."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from mobilefaceswap_core.errors import NoFaceError
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import CropSpec, SwappedCrop


class _Base:
    def __init__(self, name: str) -> None:
        self.info = SwapperInfo(name, f"test swapper {name}", CropSpec(112), "none", "tests", match_colours=False)

    def condition(self, sources):
        return sources[0].image

    def swap(self, targets, conditions):
        chosen = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        return [SwappedCrop(*self.one(t.image, c)) for t, c in zip(targets, chosen, strict=True)]


class Nothing(_Base):
    """Returns the target: mask 0."""

    def one(self, target, source):
        return target, np.zeros(target.shape[:2], np.float32)


class Average(_Base):
    """Half source, half target."""

    def one(self, target, source):
        return ((target.astype(int) + source) // 2).astype(np.uint8), np.ones(target.shape[:2], np.float32)


class Grey(_Base):
    """Wipes the face out."""

    def one(self, target, source):
        return np.full_like(target, 128), np.ones(target.shape[:2], np.float32)


class Refuses(_Base):
    """Fails on targets whose brightness is even in steps of four levels, with an error of its own kind."""

    def one(self, target, source):
        if int(target.mean() / 4) % 2 == 0:
            raise NoFaceError("this target is even")
        return target, np.zeros(target.shape[:2], np.float32)


class Killer(Average):
    """Average that kills its own process after as many swaps as the file ``KILL_AFTER`` names."""

    def one(self, target, source):
        counter = Path(os.environ["KILL_AFTER"])
        left = int(counter.read_text()) - 1
        counter.write_text(str(left))
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().one(target, source)


def nothing():
    return Nothing("nothing")


def average(device):
    return Average(f"average-{device}")


def grey():
    return Grey("grey")


def refuses():
    return Refuses("refuses")


def killer():
    return Killer("average-cpu")


def not_a_swapper():
    return 7
