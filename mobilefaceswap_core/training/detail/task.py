"""Training of the sharpening network on faces whose answer is known and whose guide cannot be copied."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...blend.finish import swapped_crop
from ...blend.sharpen import NAME, feature_shift
from ...blend.sharpen_network import STRIDE, SharpenNet, fine_band, moved, sharpened, twice
from ...errors import NoFaceError, OptionError
from ...faces.landmarks68 import JAW
from ...models import load_swapper
from ...swapper import Swapper
from ...types import AlignedFace, Image
from ...weights.load import load_into, load_tensors, read_safetensors
from ..data import augment
from ..data.faces import Faces, split
from ..export import write_network
from ..loop.trainer import Task, batch_generator
from .guides import Corners, Sample, cut, displaced, displacement, matched, seen_elsewhere, seen_through, softened
from .options import DetailConfig

LAYOUT = "mobilefaceswap_core.blend.sharpen_network.SharpenNet"
_VALIDATION_SAMPLES, _GRID_SAMPLES = 24, 6
_PATCH_PX = 16  # of the answer; how much detail there is is compared patch by patch
_CANDIDATES = 24  # of them the one whose landmarks lie nearest guides
_NEAR, _FEATURES_COUNT = 0.05, 3.0  # of the crop's side; a pixel at a feature counts this much more than one on a cheek


class DetailTask(Task):
    """See :class:`~.options.DetailConfig`.

    Raises:
        OptionError: crops or a window of a side that the network cannot read.
        WeightsError: ``start`` is no sharpening network.
    """

    def __init__(self, config: DetailConfig, faces: Faces, *, device: torch.device | str = "cpu") -> None:
        side, multiple = config.data.size_px, 2 * STRIDE
        if config.window_px % multiple or not 0 < config.window_px <= side or side % 2:
            raise OptionError(
                f"Got crops of data.size_px={side} and a window of window_px={config.window_px}; wanted an even side, and a "
                f"window no larger that is a multiple of {multiple}."
            )
        self.config, self.faces, self.device = config, faces, torch.device(device)
        self._training, self._kept = split(faces, config.data.hold_out, seed=config.loop.seed)
        torch.manual_seed(config.loop.seed)  # initialisation only
        self.network = SharpenNet().to(self.device)
        if config.start != "scratch":
            shipped = config.start == "shipped"
            tensors = load_tensors(NAME) if shipped else read_safetensors([Path(config.start)])
            load_into(self.network, tensors, what=config.start)
        self._lumas = _lumas_of(faces.crops)
        self._soft = self._drawn_soft(load_swapper("student", device="cpu")) if config.soft else {}
        self._held_out: Sample | None = None

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        sample = self.draw(self._training, self.config.loop.batch, generator)
        plan = self.network(sample.lumas)
        return self._terms(sample, sharpened(sample.lumas, sample.fine, plan))

    def _terms(self, sample: Sample, out: Tensor) -> dict[str, Tensor]:
        weights, answer, counts = self.config.losses, sample.answer, sample.counts
        off = (out - answer).abs()
        terms = {"pixels": weights.pixels * (F.avg_pool2d(off, 4) * counts).mean()}
        slopes = [(out.diff(dim=way) - answer.diff(dim=way)).abs() for way in (2, 3)]
        terms["gradients"] = weights.gradients * sum((slope.mean() for slope in slopes), off.new_zeros(()))
        ours, theirs = (F.avg_pool2d(fine_band(luma).abs(), _PATCH_PX) for luma in (out, answer))
        terms["energy"] = weights.energy * (ours - theirs).abs().mean()
        return terms

    @torch.no_grad()
    def draw(self, among: Tensor, count: int, generator: Generator) -> Sample:
        """Windows about features: what is soft, what guides, and the answer."""
        faces, side, window = self.faces, self.config.data.size_px, self.config.window_px
        chosen = faces.draw(count, generator, among=among)
        others, points = self._alike(chosen, among, generator), faces.landmarks[chosen]
        corners, guide_points = self._windows(points, generator), displaced(points, generator)
        shown = torch.where(augment.chance(count, self.config.others, generator), others, chosen)
        warp = displacement(guide_points, faces.landmarks[shown] - guide_points, side // 4)
        answers = cut(self._lumas[chosen], corners, window).float() / 255
        seen = seen_through(self._lumas[shown].float() / 255, warp, corners, window)
        guides = seen_elsewhere(matched(seen, answers), generator)
        soft = self._soft_windows(chosen, answers, corners, generator)
        lumas = torch.cat([soft, F.avg_pool2d(guides, 2)], 1)
        shift = _shift_of(lumas)
        aligned = torch.cat([soft, moved(lumas[:, 1:], shift)], 1)
        fine = moved(fine_band(guides), 2 * twice(shift))
        counts = cut(self._counts(points, side // 4), corners, window, scale=4)
        return Sample(aligned, fine, answers, counts).mirrored(augment.coin(count, generator))

    def _alike(self, chosen: Tensor, among: Tensor, generator: Generator) -> Tensor:
        """For each crop another of about the same pose and expression, as a target is of its swapped face."""
        landmarks = self.faces.landmarks
        drawn = self.faces.draw(len(chosen) * _CANDIDATES, generator, among=among).view(len(chosen), -1)
        far = (landmarks[drawn] - landmarks[chosen][:, None]).norm(dim=3).mean(2)
        far = far.masked_fill(drawn == chosen[:, None], torch.inf)
        return drawn.gather(1, far.argmin(1, keepdim=True))[:, 0]

    def _soft_windows(self, chosen: Tensor, answers: Tensor, corners: Corners, generator: Generator) -> Tensor:
        """The student's drawing where there is one, else the answer made soft."""
        soft = softened(F.avg_pool2d(answers, 2), generator)
        for place, index in enumerate(chosen.tolist()):
            if index in self._soft:
                drawn = self._soft[index][None, None].to(self.device).float() / 255
                soft[place] = cut(drawn, corners[place : place + 1], self.config.window_px, scale=2)[0]
        return soft

    def _counts(self, points: Tensor, side: int) -> Tensor:
        """How much a pixel counts: more at brows, eyes, nose and mouth."""
        half = side // 2  # it is smooth
        cells = (torch.arange(half, device=points.device) + 0.5) / half
        y, x = torch.meshgrid(cells, cells, indexing="ij")
        far = torch.cdist(torch.stack([x, y], 2).reshape(1, -1, 2), points[:, JAW.stop :]).amin(2)
        near = torch.exp(-0.5 * (far / _NEAR).square()).reshape(-1, 1, half, half)
        return 1 + _FEATURES_COUNT * twice(near)

    def _windows(self, points: Tensor, generator: Generator) -> list[tuple[int, int]]:
        """Left and top of each sample's window: a random feature lies in it; multiples of four."""
        side, window = self.config.data.size_px, self.config.window_px
        which = torch.randint(JAW.stop, points.shape[1], (len(points),), generator=generator, device=points.device)
        middle = points[torch.arange(len(points), device=points.device), which] * side
        corner = middle - window / 2 + augment.uniform((len(points), 2), generator) * (window / 4)
        corner = (corner.clamp(0, side - window) / 4).floor().long() * 4
        return [(int(left), int(top)) for left, top in corner.tolist()]

    def _drawn_soft(self, student: Swapper) -> dict[int, Tensor]:
        """Lumas of the student's swaps of some faces onto themselves, ``(S/2, S/2)`` uint8 by index."""
        count = min(self.config.soft, len(self.faces))
        spread = torch.linspace(0, len(self.faces) - 1, count).long().unique().tolist()
        own, side = student.info.crop.size_px, self.config.data.size_px // 2
        drawn = {}
        for index in spread:
            face = self.faces.aligned(index)
            scale, smaller = own / len(face.image), cv2.resize(face.image, (own, own), interpolation=cv2.INTER_AREA)
            assert face.landmarks is not None  # every pack has them
            target = AlignedFace(smaller, face.crop_from_frame, face.landmarks * scale)  # type: ignore[arg-type]
            try:
                swapped = student.swap([target], [student.condition([target])])[0]
            except NoFaceError:
                continue
            luma = cv2.cvtColor(swapped_crop(target, swapped, student.info), cv2.COLOR_RGB2GRAY)
            drawn[index] = torch.from_numpy(luma if own == side else cv2.resize(luma, (side, side)))
        return drawn

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """On held-out people: error against that of an enlargement, and how much fine detail there is against the answer's."""
        if not len(self._kept):
            return {}
        sample = self._validation()
        plan = network(sample.lumas)
        out, plain = sharpened(sample.lumas, sample.fine, plan), twice(sample.lumas[:, :1], mode="bicubic")
        whole = plain + sample.fine - fine_band(plain)
        wanted = fine_band(sample.answer).abs().mean()
        return {
            "error": float((out - sample.answer).abs().mean() * 255),
            "enlarged_error": float((plain - sample.answer).abs().mean() * 255),
            "fine_band_error": float((whole - sample.answer).abs().mean() * 255),
            "detail": float(fine_band(out).abs().mean() / wanted),
            "enlarged_detail": float(fine_band(plain).abs().mean() / wanted),
            "fine_share": float(plan[:, 0].mean()),
            "middle_share": float(plan[:, 1].mean()),
        }

    def _validation(self) -> Sample:
        if self._held_out is None:
            generator = batch_generator(self.config.loop.seed, 1, 0, self.device)
            self._held_out = self.draw(self._kept, _VALIDATION_SAMPLES, generator)
        return self._held_out

    @torch.no_grad()
    def grid(self, network: nn.Module) -> Image | None:
        """Rows: enlarged, sharpened, the answer, the guide; the first held-out ones."""
        if not len(self._kept):
            return None
        sample = self._validation().first(_GRID_SAMPLES)
        out = sharpened(sample.lumas, sample.fine, network(sample.lumas))
        large, guide = (twice(luma, mode="bicubic") for luma in sample.lumas.split(1, 1))
        shown = (large, out, sample.answer, guide + sample.fine - fine_band(guide))
        rows = [torch.cat(list(part.clamp(0, 1).expand(-1, 3, -1, -1)), 2) for part in shown]
        return (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        return [write_network(network, folder / f"{NAME}.safetensors", layout=LAYOUT, facts=facts)]


def _lumas_of(crops: Tensor) -> Tensor:
    """``(N, 1, S, S)`` uint8 of ``(N, 3, S, S)``, the grey by which the stage reads pictures."""
    greys = [cv2.cvtColor(crop.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY) for crop in crops.cpu()]
    return torch.from_numpy(np.stack(greys))[:, None].to(crops.device)


def _shift_of(lumas: Tensor) -> Tensor:
    """Where the guide has each feature, ``(N, 2, S, S)``, as the stage finds it."""
    levels = (lumas * 255).cpu().numpy()
    found = np.stack([feature_shift(soft, guide).transpose(2, 0, 1) for soft, guide in levels])
    return torch.from_numpy(found).to(lumas)
