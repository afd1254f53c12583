"""Faces in the device's memory: crops, landmarks and identities of several packs, split by identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from ...errors import OptionError
from ...files.packs import Pack, read_pack
from ...types import AlignedFace
from .lids import close_eyes
from .options import DataOptions
from .prepare import sharpness as sharpness_of

BUILTIN = "builtin"
_CLOSED = (0.35, 1.0)  # how far drawn lids come down; less is hardly seen
_WINKS = 0.15  # of the faces with drawn lids close one eye
_NO_MATRIX = np.hstack([np.eye(2), np.zeros((2, 1))])


@dataclass(frozen=True, eq=False)
class Faces:
    """Crops of many people.

    Attributes:
        crops: ``(N, 3, S, S)`` RGB uint8 on the training device.
        landmarks: ``(N, 68, 2)`` float32 fractions of the crop, same device.
        identity: ``(N,)`` int64, equal for photos of one person.
        weight: ``(N,)`` float32, how often a crop is drawn.
        names: ``(N,)`` ``pack/label`` of each crop.
        fingerprint: hex digest of which crops these are, in order; stored pairs refer to it.
    """

    crops: Tensor
    landmarks: Tensor
    identity: Tensor
    weight: Tensor
    names: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.names)

    @property
    def device(self) -> torch.device:
        return self.crops.device

    def images(self, indices: Tensor) -> Tensor:
        """``(len(indices), 3, S, S)`` float32 in [0, 1]."""
        return self.crops[indices].float().div_(255)

    def aligned(self, index: int) -> AlignedFace:
        """One crop as swappers read it."""
        image = np.ascontiguousarray(self.crops[index].permute(1, 2, 0).cpu().numpy())
        return AlignedFace(image, _NO_MATRIX, self.landmarks[index].cpu().double().numpy() * image.shape[0])

    def draw(self, count: int, generator: Generator, *, among: Tensor | None = None) -> Tensor:
        """Indices drawn by weight, with replacement, among all crops or among those given."""
        weight = self.weight if among is None else self.weight[among]
        drawn = torch.multinomial(weight, count, replacement=True, generator=generator)
        return drawn if among is None else among[drawn]

    def same_person(self, indices: Tensor, generator: Generator) -> Tensor:
        """For each crop, a random crop of the same person (the crop itself where there is only one)."""
        order = torch.argsort(self.identity, stable=True)
        people = self.identity[order]
        wanted = self.identity[indices]
        first = torch.searchsorted(people, wanted)
        count = torch.searchsorted(people, wanted, right=True) - first
        chance = torch.rand(len(indices), generator=generator, device=self.device)
        return order[first + (chance * count).long().clamp(max=count - 1)]


def held_out_people(names: Iterable[str], fraction: float, *, seed: int) -> set[str]:
    """The people kept from training.

    Of each pack the given fraction, but two at least of a pack of four or more: those whose names have the smallest
    hashes. So the choice depends on names and seed alone, and adding a pack leaves the others' as it was.

    Args:
        names: ``pack/label``, repeated names allowed.
    """
    packs: dict[str, set[str]] = {}
    for name in names:
        packs.setdefault(name.split("/", 1)[0], set()).add(name)
    kept: set[str] = set()
    for people in packs.values():
        count = round(fraction * len(people))
        if fraction > 0 and len(people) >= 4:
            count = max(count, 2)
        kept.update(sorted(people, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())[:count])
    return kept


def split(faces: Faces, fraction: float, *, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the crops to train on, and of the held-out people's crops."""
    people = held_out_people(faces.names, fraction, seed=seed)
    kept = torch.tensor([name in people for name in faces.names], device=faces.device)
    return torch.nonzero(~kept)[:, 0], torch.nonzero(kept)[:, 0]


def load_faces(options: DataOptions, *, device: torch.device | str = "cpu") -> Faces:
    """Decode the packs onto a device.

    Raises:
        OptionError: a pack is missing, or numbers of packs and weights differ.
    """
    if options.weights and len(options.weights) != len(options.packs):
        raise OptionError(f"Got {len(options.weights)} weights for {len(options.packs)} packs; give one for each.")
    packs = [_open(name) for name in options.packs]
    weights = options.weights or (1.0,) * len(packs)
    return faces_from_packs(
        packs,
        weights,
        size_px=options.size_px,
        limit=options.limit,
        sharpness=options.sharpness,
        closed=options.closed,
        device=device,
    )


def faces_from_packs(
    packs: Sequence[Pack],
    weights: Sequence[float],
    *,
    size_px: int = 224,
    limit: int = 0,
    sharpness: float = 0.0,
    closed: float = 0.0,
    device: torch.device | str = "cpu",
) -> Faces:
    """Decode packs; see :class:`~.options.DataOptions` for the arguments."""
    digest = hashlib.sha256((f"{size_px}" + (f" closed {closed}" if closed else "")).encode())
    crops, landmarks, names, drawn = [], [], [], []
    for pack, weight in zip(packs, weights, strict=True):
        count = min(limit, len(pack)) if limit else len(pack)
        decoded, places = pack.decode_all(size_px, indices=range(count)), np.arange(count)
        points = pack.landmarks[:count]
        if closed:
            shut, their_points, of = _with_closed_eyes(decoded, points, closed, pack.name)
            decoded, points = np.concatenate([decoded, shut]), np.concatenate([points, their_points])
            places = np.concatenate([places, of])
        crops.append(torch.from_numpy(decoded))
        landmarks.append(torch.from_numpy(points))
        names += [f"{pack.name}/{pack.labels[place]}" for place in places]
        # Not left out: who is held out depends on all names.
        sharp = [sharpness <= 0 or sharpness_of(crop.transpose(1, 2, 0)) >= sharpness for crop in decoded]
        drawn.append(torch.tensor(sharp) * float(weight))
        digest.update(pack.buffer[: pack.offsets[count]].tobytes())
    if not names:
        raise OptionError("The packs hold no crop at all; give packs with faces.")
    people = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return Faces(
        torch.cat(crops).to(device),
        torch.cat(landmarks).to(device),
        torch.tensor([people[name] for name in names], device=device),
        torch.cat(drawn).to(device),
        tuple(names),
        digest.hexdigest(),
    )


def _with_closed_eyes(
    crops: NDArray[np.uint8], landmarks: NDArray[np.float32], share: float, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """Some crops once more with their eyes shut or half shut, their landmarks, and which crops they are.

    Args:
        crops: ``(N, 3, S, S)``.
        landmarks: ``(N, 68, 2)`` fractions of the crop.
        share: how many of them.
        name: of the pack; the choice depends on it alone.
    """
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    chosen = np.sort(random.permutation(len(crops))[: round(share * len(crops))])
    side = crops.shape[-1]
    shut, points = np.empty((len(chosen), *crops.shape[1:]), np.uint8), np.empty((len(chosen), 68, 2), np.float32)
    for place, index in enumerate(chosen):
        far = float(random.uniform(*_CLOSED))
        eyes = (far, far) if random.random() > _WINKS else ((far, 0.0) if random.random() < 0.5 else (0.0, far))
        image, moved = close_eyes(crops[index].transpose(1, 2, 0), landmarks[index].astype(np.float64) * side, eyes)
        shut[place], points[place] = image.transpose(2, 0, 1), moved / side
    return shut, points, chosen


def _open(name: str) -> Pack:
    if name == BUILTIN:
        from .builtin_faces import builtin_pack

        return builtin_pack()
    return read_pack(Path(name))
