"""Tables of the hidden mark: survival, quality, false positives, speed, video, and the library it was compared with."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from mobilefaceswap_core.blend.memory import FaceMemory
from mobilefaceswap_core.errors import NoFaceError
from mobilefaceswap_core.faces.choose import choose_faces
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.marking import UNMARKED, MarkOptions
from mobilefaceswap_core.marking.carriers import BLUE, MARK_CROP, codeword
from mobilefaceswap_core.marking.reading import THRESHOLD, Reading, chance_of, read_crop, read_faces, read_together
from mobilefaceswap_core.marking.watermark import LOUDNESS, embed_crop, payload_for
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline, Source
from mobilefaceswap_core.swapper import Swapper
from mobilefaceswap_core.types import Image

from .attacks import ATTACKS, encoded, h264
from .photos import crop_224, scene, spread

Row = dict[str, Any]
SIDES_PX = (80, 130, 220, 400, 760)  # of the aligned crop in the picture; face boxes are about 0.80 of it
VIDEO_FRAMES = 24


def psnr_db(first: Image, second: Image, where: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio, over all pixels or those of a mask."""
    square = (first.astype(np.float64) - second) ** 2
    mean = square.mean() if where is None else square[where].mean()
    return float(10 * np.log10(255**2 / max(mean, 1e-12)))


def _swapped(pipeline: Pipeline, scene_image: Image, source: Source, marked: bool) -> Image:
    options = SwapOptions(marks=MarkOptions() if marked else UNMARKED)
    faces = pipeline.detect(scene_image)
    chosen = choose_faces(faces, source, "largest")
    return pipeline.swap_faces(scene_image, faces, chosen, options=options)[0]


def _swapped_clip(pipeline: Pipeline, frames: Sequence[Image], source: Source, marked: bool) -> list[Image]:
    """Frames of one face, with what is remembered of it from one to the next."""
    options, memory = SwapOptions(marks=MarkOptions() if marked else UNMARKED), FaceMemory()
    swapped = []
    for number, frame in enumerate(frames):
        faces = sorted(pipeline.detect(frame), key=lambda face: -face.size_px)[:1]
        chosen = dict.fromkeys(range(len(faces)), source)
        swapped.append(
            pipeline.swap_faces(
                frame, faces, chosen, options=options, moving=True, memories=[memory] * len(faces), time_s=number / 25
            )[0]
        )
    return swapped


def _surest(readings: Sequence[Reading]) -> Reading | None:
    return max(readings, key=lambda reading: reading.score, default=None)


class OnAffineCrops:
    """A swapper on crops cut out by an affine fit, as the authors' weights take them; only where the crop lies matters here."""

    def __init__(self, swapper: Swapper) -> None:
        self._swapper = swapper
        crop = replace(swapper.info.crop, fit="affine")
        self.info = replace(swapper.info, crop=crop, name=f"{swapper.info.name}-affine")
        self.condition, self.swap = swapper.condition, swapper.swap


def survival(
    pipelines: Sequence[Pipeline], photos: Sequence[Path], count: int, *, sides_px: Sequence[int] = SIDES_PX
) -> tuple[list[Row], list[Row]]:
    """Swap, mark, paste back, attack, detect again, align, decode; and what the mark does to the picture."""
    chosen = spread(photos, 2 * count)
    random = np.random.default_rng(0)
    outcomes: dict[tuple[int, str], list[tuple[bool, bool, bool, float, float]]] = {}
    quality: dict[int, list[tuple[float, float, float]]] = {}
    for number in range(count):
        pipeline = pipelines[number % len(pipelines)]
        model = pipeline.swapper.info.name
        for side in sides_px:
            target = scene(crop_224(chosen[number]), side, turn_deg=float(random.uniform(-10, 10)))
            try:
                source = pipeline.prepare_source([scene(crop_224(chosen[-1 - number]), 224)])
            except NoFaceError:  # a photo without a findable face is no case
                continue
            clean, marked = (_swapped(pipeline, target, source, flag) for flag in (False, True))
            touched = (clean != target).any(-1)
            if not touched.any():
                continue
            rows, columns = np.flatnonzero(touched.any(1)), np.flatnonzero(touched.any(0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            similarity = (
                structural_similarity(clean[box], marked[box], channel_axis=-1)
                if min(clean[box].shape[:2]) > 7
                else 1.0
            )
            quality.setdefault(side, []).append((psnr_db(clean, marked), psnr_db(clean, marked, touched), similarity))
            for name, attack in ATTACKS.items():
                attacked = attack(marked)
                best = _surest(read_faces(attacked, pipeline.detector.detect(attacked)))
                accuracy = 0.5 if best is None else best.bit_accuracy(codeword(payload_for(model, best.form)))
                hit = best is not None and best.marked
                right = hit and best is not None and best.payload == payload_for(model, best.form)
                outcomes.setdefault((side, name), []).append(
                    (best is not None, hit, right, accuracy, best.score if best else 0.0)
                )
    survived = [
        {
            "crop_side_px": side,
            "attack": name,
            "n": len(values),
            "face_found": float(np.mean([v[0] for v in values])),
            "detected": float(np.mean([v[1] for v in values])),
            "payload_right": float(np.mean([v[2] for v in values])),
            "bit_accuracy": float(np.mean([v[3] for v in values])),
            "score_median": float(np.median([v[4] for v in values])),
        }
        for (side, name), values in sorted(outcomes.items())
    ]
    looks = [
        {
            "crop_side_px": side,
            "n": len(values),
            "psnr_picture_db": float(np.mean([v[0] for v in values])),
            "psnr_swapped_region_db": float(np.mean([v[1] for v in values])),
            "ssim_face_box": float(np.mean([v[2] for v in values])),
        }
        for side, values in sorted(quality.items())
    ]
    return survived, looks


def false_positives(photos: Sequence[Path], count: int) -> list[Row]:
    """Unmarked faces and textures through the complete search, mirrored too."""
    import skimage.data

    textures = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket()]
    random = np.random.default_rng(1)
    scores: dict[str, list[float]] = {"faces": [], "natural images": []}
    for path in spread(photos, round(0.8 * count)):
        scores["faces"].append(read_crop(crop_224(path)).score)
    for _ in range(count - len(scores["faces"])):
        texture = textures[random.integers(len(textures))]
        side = int(random.integers(100, min(texture.shape[:2])))
        top, left = (int(random.integers(0, edge - side)) for edge in texture.shape[:2])
        patch = cv2.resize(texture[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
        scores["natural images"].append(read_crop(patch).score)  # type: ignore[arg-type]
    everything = np.array(scores["faces"] + scores["natural images"])
    return [_scores_row(name, np.array(values)) for name, values in (*scores.items(), ("all", everything))]


def _scores_row(name: str, scores: np.ndarray) -> Row:
    return {
        "images": name,
        "n": len(scores),
        "false_positives": int((scores >= THRESHOLD).sum()),
        "score_mean": float(scores.mean()),
        "score_deviation": float(scores.std()),
        "score_max": float(scores.max()),
        "threshold": THRESHOLD,
        "bound_per_face": chance_of(THRESHOLD),
        # No event in n trials: the rate is below 3 / n with 95 % confidence.
        "rate_below_95": 3.0 / len(scores),
    }


def speed(photos: Sequence[Path]) -> list[Row]:
    """Median milliseconds of processor time of one thread."""
    cv2.setNumThreads(1)
    crop, mask = crop_224(photos[0]), np.ones((224, 224), np.float32)
    payload, loud = payload_for("student", BLUE), LOUDNESS[BLUE].moving
    timed: dict[str, Callable[[], object]] = {
        "embed a still": lambda: embed_crop(crop, mask, payload=payload),
        "embed a video frame": lambda: embed_crop(crop, mask, payload=payload, strength=loud),
        "read an unmarked face": lambda: read_crop(crop),
    }
    rows = []
    for name, call in timed.items():
        call()
        times = []
        for _ in range(3 if "read" in name else 40):
            started = time.process_time()
            call()
            times.append(1000 * (time.process_time() - started))
        rows.append({"what": name, "median_cpu_ms": float(np.median(times))})
    return rows


def video(pipeline: Pipeline, photos: Sequence[Path], clips: int) -> list[Row]:
    """A face moving through 720p, swapped, marked, encoded; frames alone and their vote."""
    chosen = spread(photos, 2 * clips)
    model = pipeline.swapper.info.name
    collected: dict[str, list[tuple[int, int, bool, float, float]]] = {}
    for number in range(clips):
        face = scene(crop_224(chosen[number]), 300)
        source = pipeline.prepare_source([scene(crop_224(chosen[-1 - number]), 224)])
        target = [_on_720p(face, index) for index in range(VIDEO_FRAMES)]
        clean, marked = (_swapped_clip(pipeline, target, source, is_marked) for is_marked in (False, True))
        difference = float(np.mean([psnr_db(a, b, (a != b).any(-1)) for a, b in zip(clean, marked, strict=True)]))
        for name, frames, crf in (
            ("crf 23", marked, 23),
            ("crf 28", marked, 28),
            ("crf 33", marked, 33),
            ("unmarked, crf 28", clean, 28),
        ):
            with tempfile.TemporaryDirectory() as folder:
                decoded = h264(frames, Path(folder) / "clip.mp4", crf=crf)
            found = [(f, faces[0]) for f in decoded[::2] if (faces := pipeline.detector.detect(f, order="size"))]
            crops = [align_face(f, face, MARK_CROP).image for f, face in found]
            alone = [reading for crop in crops if (reading := read_together([crop])) is not None]
            together = read_together(crops)
            hit = together is not None and together.marked and together.payload == payload_for(model, together.form)
            collected.setdefault(name, []).append(
                (len(alone), sum(r.marked for r in alone), hit, together.score if together else 0.0, difference)
            )
    return [
        {
            "clip": name,
            "clips": len(values),
            "frames_read": sum(v[0] for v in values),
            "frames_detected": sum(v[1] for v in values) / max(1, sum(v[0] for v in values)),
            "clips_detected": float(np.mean([v[2] for v in values])),
            "vote_score_min": min(v[3] for v in values),
            "psnr_marked_pixels_db": float(np.mean([v[4] for v in values])),
        }
        for name, values in collected.items()
    ]


def _on_720p(face: Image, index: int) -> Image:
    side = len(face)
    grow, turn = 1 + 0.004 * index, 0.3 * index
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2,) * 2, turn, grow)
    matrix[:, 2] += (200 + 4 * index, 80 + 1.5 * index)
    background = cv2.resize(cv2.GaussianBlur(face, (0, 0), 25), (1280, 720))
    placed = cv2.warpAffine(face, matrix, (1280, 720), borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones((side, side), np.float32), matrix, (1280, 720))[..., None]
    return np.rint(placed * inside + background * (1 - inside)).astype(np.uint8)


def library(photos: Sequence[Path], count: int) -> list[Row]:
    """The package blind-watermark (DWT-DCT-SVD) with the same 14 bits, told the right size, on the whole picture.

    It has no detector: it always returns bits, so only bit accuracy can be compared.
    """
    import blind_watermark

    blind_watermark.bw_notes.close()
    bits = np.array([payload_for("student") >> shift & 1 for shift in range(14)], bool)
    attacks = {name: ATTACKS[name] for name in ("PNG", "JPEG 75", "WebP 80", "half size", "10 % crop")}
    attacks["JPEG 90"] = encoded("JPEG", 90)
    accuracy: dict[str, list[float]] = {name: [] for name in attacks}
    quality, seconds = [], []
    for path in spread(photos, count):
        picture = scene(crop_224(path), 220)
        started = time.process_time()
        writer = blind_watermark.WaterMark(password_wm=1, password_img=1)
        writer.read_img(img=picture[..., ::-1].copy())
        writer.read_wm(bits.copy(), mode="bit")
        marked = np.clip(np.rint(writer.embed()), 0, 255).astype(np.uint8)[..., ::-1]
        seconds.append(time.process_time() - started)
        quality.append(psnr_db(picture, np.ascontiguousarray(marked)))
        for name, attack in attacks.items():
            attacked = np.ascontiguousarray(attack(np.ascontiguousarray(marked))[..., ::-1])
            if attacked.shape != picture.shape and name == "half size":
                attacked = cv2.resize(attacked, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            reader = blind_watermark.WaterMark(password_wm=1, password_img=1)
            found = reader.extract(embed_img=attacked, wm_shape=14, mode="bit")
            accuracy[name].append(float(((found > 0.5) == bits).mean()))
    return [
        {
            "attack": name,
            "n": len(v),
            "bit_accuracy": float(np.mean(v)),
            "all_bits_right": float(np.mean(np.array(v) == 1)),
            "psnr_picture_db": float(np.mean(quality)),
            "embed_ms": 1000 * float(np.median(seconds)),
        }
        for name, v in accuracy.items()
    ]
