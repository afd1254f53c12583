"""Make the example portraits: six average faces, each the mean of 80 faces that no camera ever saw.

    python -m demo.examples.average_faces PACK.npz [--out demo/examples/portraits]

PACK holds face crops drawn by generators of the StyleGAN family: ``buf`` and ``off`` (crop i is the WebP
``buf[off[i]:off[i + 1]]``, a similarity crop on the ArcFace template) and ``lm`` (N, 68, 2), landmarks in [0, 1] of the
crop. The crops are not shipped; the portraits are. Nothing is drawn at random: the same pack gives the same portraits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from mobilefaceswap_core.faces.head_pose import head_pose
from mobilefaceswap_core.files.atomic import written_whole
from mobilefaceswap_core.files.packs import Pack, read_pack
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.types import Image, Points

Float = NDArray[np.float32]

# A crop near the middle of each wanted group, found by k-means (k = 20) on the embeddings of the frontal crops. Only
# its neighbourhood matters: the group is re-centred twice, and 80 crops are averaged.
ANCHORS = (3746, 6728, 8304, 1890, 2975, 1858)
CROPS_PER_PORTRAIT = 80
PORTRAIT_PX = 512
# Side of the crop inside the portrait; the rest is background, which detectors need around a face.
CROP_PX = 432
WEBP_QUALITY = 90
CROP_LEFT_PX, CROP_TOP_PX = (PORTRAIT_PX - CROP_PX) // 2, 50
BACKGROUND = np.array([198.0, 197.0, 195.0], np.float32)
# Frontal, level and with closed lips: what blends without ghosts and makes a good source.
MAX_YAW_DEG, MAX_PITCH_DEG, MAX_LIP_GAP = 7.0, 10.0, 0.03


def is_frontal(landmarks: Points) -> bool:
    pose = head_pose(landmarks)
    gap = np.linalg.norm(landmarks[62] - landmarks[66]) / pose.scale_px
    return abs(pose.yaw_deg) < MAX_YAW_DEG and abs(pose.pitch_deg) < MAX_PITCH_DEG and bool(gap < MAX_LIP_GAP)


def group_around(anchor: int, embeddings: Float, count: int) -> NDArray[np.int64]:
    """Rows of the ``count`` embeddings nearest to the anchor's neighbourhood, after re-centring twice."""
    centre = embeddings[anchor]
    for _ in range(3):
        nearest = np.argsort(-(embeddings @ centre), kind="stable")[:count]
        centre = embeddings[nearest].mean(0)
    return nearest


def warp_to_shape(crop: Float, landmarks: Points, shape: Points) -> Float:
    """Bring a crop's landmarks onto ``shape`` by a thin plate spline; both ``(68, 2)`` in pixels of the crop."""
    side_px, step = crop.shape[0], 16
    # The spline is smooth: a coarse grid of it, enlarged, is exact to a fraction of a pixel.
    ticks = np.arange(0, side_px + step, step, dtype=np.float64)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    # Smoothing forgives landmark noise of about a pixel.
    spline = RBFInterpolator(shape, landmarks, kernel="thin_plate_spline", smoothing=2.0)
    coarse = spline(grid).reshape(len(ticks), len(ticks), 2).astype(np.float32)
    x, y = np.meshgrid(*[np.arange(side_px, dtype=np.float32) / step] * 2)
    maps = cv2.remap(coarse, x, y, cv2.INTER_LINEAR)
    return cv2.remap(  # type: ignore[return-value]
        crop, maps[..., 0], maps[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def refine(pictures: list[Float], rounds: int = 2) -> Float:
    """Mean of roughly aligned pictures, each moved onto the mean by smooth optical flow first: averages get crisper."""
    mean = np.mean(pictures, axis=0)
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    side = mean.shape[0]
    x, y = np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2)
    for _ in range(rounds):
        reference = _grey(mean)
        moved = np.zeros_like(mean)
        for picture in pictures:
            flow = cv2.GaussianBlur(
                flow_of.calc(reference, _grey(picture), np.zeros((side, side, 2), np.float32)), (0, 0), side / 60
            )
            map_x, map_y = x + flow[..., 0], y + flow[..., 1]
            moved += cv2.remap(picture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        mean = moved / len(pictures)
    return mean


def _grey(picture: Float) -> NDArray[np.uint8]:
    return cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def _inside(ticks: Float, first: float, last: float) -> Float:
    """1 between two ends, 0 outside, over 12 px."""
    return np.clip(np.minimum(ticks - first, last - ticks) / 12.0 + 0.5, 0, 1)


def finish(mean: Float) -> Image:
    """A portrait from an average crop: sharpened, with its edges carried on softly to the portrait's border."""
    soft = cv2.GaussianBlur(mean, (0, 0), 2.2)
    broad = cv2.GaussianBlur(mean, (0, 0), 9.0)
    sharp = np.clip(mean + 0.9 * (mean - soft) + 0.25 * (mean - broad), 0, 255)
    right, bottom = PORTRAIT_PX - CROP_PX - CROP_LEFT_PX, PORTRAIT_PX - CROP_PX - CROP_TOP_PX
    canvas = cv2.copyMakeBorder(sharp, CROP_TOP_PX, bottom, CROP_LEFT_PX, right, cv2.BORDER_REPLICATE)
    # Above the crop hair goes on as a dome, below it the neck goes on downwards; the sides fade into the background.
    blurred = cv2.GaussianBlur(canvas, (0, 0), 14.0, borderType=cv2.BORDER_REPLICATE)
    ticks = np.arange(PORTRAIT_PX, dtype=np.float32)
    inset = 12  # the outermost pixels of the mean are blurred by the alignment
    across = _inside(ticks, CROP_LEFT_PX + inset, CROP_LEFT_PX + CROP_PX - inset)
    down = _inside(ticks, CROP_TOP_PX + inset, CROP_TOP_PX + CROP_PX - inset)
    known = np.minimum.outer(down, across)[..., None]
    picture = canvas * known + blurred * (1 - known)
    centre_y = CROP_TOP_PX + 0.5 * CROP_PX
    sideways = np.abs(ticks - PORTRAIT_PX / 2) / (0.5 * CROP_PX)
    upwards = np.maximum(centre_y - ticks, 0) / (centre_y - 4)
    outline = (sideways[None] ** 2.5 + upwards[:, None] ** 2.5) ** (1 / 2.5)
    fade = cv2.GaussianBlur(np.clip((1.0 - outline) / 0.12, 0, 1), (0, 0), 4.0)[..., None]
    picture = picture * fade + BACKGROUND * (1 - fade)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def average_face(pack: Pack, members: NDArray[np.int64]) -> Image:
    """The portrait of one group of crops."""
    landmarks = pack.landmarks[members].astype(np.float64) * CROP_PX
    shape = landmarks.mean(0)
    crops = (pack.decode(int(index), CROP_PX).astype(np.float32) for index in members)
    return finish(refine([warp_to_shape(crop, points, shape) for crop, points in zip(crops, landmarks, strict=True)]))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=Path, help="npz file of synthetic face crops")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "portraits")
    options = parser.parse_args(arguments)
    pack = read_pack(options.pack, optional=("ids",))
    frontal = np.array([i for i, points in enumerate(pack.landmarks.astype(np.float64)) if is_frontal(points)])
    embeddings = load_identity_encoder().embed([pack.decode(int(i), 112) for i in frontal])
    options.out.mkdir(parents=True, exist_ok=True)
    for number, anchor in enumerate(ANCHORS, start=1):
        row = int(np.flatnonzero(frontal == anchor)[0])
        portrait = average_face(pack, frontal[group_around(row, embeddings, CROPS_PER_PORTRAIT)])
        path = options.out / f"average_{number}.webp"
        with written_whole(path) as part:
            cv2.imwrite(str(part), cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
        print(f"{path}: mean of {CROPS_PER_PORTRAIT} crops, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
