"""What settings of x264 cost: processor time, and file size at equal quality, on clips of one's own.

    python -m tests.encoder_speed CLIP...

Settings take turns on the same frames, so a busy machine is busy for all of them. Each is run at three qualities; time and size
are read off where the mean SSIM is that of ``veryfast`` at CRF 18. See docs/speed.md.
"""

from __future__ import annotations

import io
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.video import EncodeOptions
from mobilefaceswap_core.video.writer import AUTO_PRESETS, X264_AUTO

FRAMES = 60
AUTO = ":".join(f"{name}={value}" for name, value in X264_AUTO.items())
SETTINGS: dict[str, tuple[dict[str, str], tuple[float, ...]]] = {  # name: options of the encoder, and CRFs
    "veryfast": ({"preset": "veryfast"}, (16, 18, 20)),
    "auto": ({"preset": AUTO_PRESETS["libx264"], "x264-params": AUTO}, (16, EncodeOptions().crf, 19)),
    "auto, subme 2": ({"preset": AUTO_PRESETS["libx264"], "x264-params": f"{AUTO}:subme=2"}, (16, 17.5, 19)),
    "superfast": ({"preset": "superfast"}, (18, 20, 22)),
    "ultrafast": ({"preset": "ultrafast"}, (17, 20, 23)),
}


class Coded(NamedTuple):
    """One encoding: kilobytes, mean SSIM in decibels, and milliseconds of all processors, per frame."""

    kilobytes: float
    ssim_db: float
    cpu_ms: float


def main() -> None:
    """Print a row for each clip and setting."""
    cv2.setNumThreads(1)
    print("| clip | setting | processor time | size at equal SSIM |\n|---|---|---|---|")
    for path in map(Path, sys.argv[1:]):
        frames = first_frames(path)
        wanted = None
        for name, (options, qualities) in SETTINGS.items():
            coded = [encoded(frames, {**options, "crf": f"{crf:g}"}) for crf in qualities]
            wanted = wanted or coded[1]
            table = np.array([(one.ssim_db, np.log(one.kilobytes), one.cpu_ms) for one in coded])
            table = table[np.argsort(table[:, 0])]
            log_size, spent = (np.interp(wanted.ssim_db, table[:, 0], column) for column in table[:, 1:].T)
            size = np.exp(log_size) / wanted.kilobytes
            print(f"| {path.stem} | {name} | {spent:.1f} ms, {spent / wanted.cpu_ms:.2f} | {size:.2f} |", flush=True)


def first_frames(path: Path) -> list[Any]:
    """The first frames of a clip, decoded."""
    with av.open(str(path)) as clip:
        return [frame for frame, _ in zip(clip.decode(video=0), range(FRAMES), strict=False)]


def encoded(frames: list[Any], options: dict[str, str]) -> Coded:
    """Encode frames into memory and compare them with what comes out."""
    file = io.BytesIO()
    started = time.process_time()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for index, frame in enumerate(frames):
            frame.pict_type, frame.pts, frame.time_base = 0, index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    spent = time.process_time() - started
    with av.open(io.BytesIO(file.getvalue())) as clip:
        pairs = zip(frames, clip.decode(video=0), strict=True)
        alike = [ssim(luma(before), luma(after)) for number, (before, after) in enumerate(pairs) if number % 3 == 0]
    return Coded(
        len(file.getvalue()) / 1e3 / len(frames), -10 * np.log10(1 - np.mean(alike)), 1e3 * spent / len(frames)
    )


def luma(frame: Any) -> NDArray[np.float32]:
    """The first plane ``(H, W)`` of a frame in planar YUV."""
    return frame.to_ndarray()[: frame.height].astype(np.float32)  # type: ignore[no-any-return]


def ssim(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean SSIM of two planes of 0 to 255, over windows of 8 x 8 (Wang et al. 2004, with a box)."""
    window, first, second = (8, 8), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = cv2.blur(a, window), cv2.blur(b, window)
    variances = cv2.blur(a * a, window) - mean_a**2 + cv2.blur(b * b, window) - mean_b**2
    shared = cv2.blur(a * b, window) - mean_a * mean_b
    top, bottom = (
        (2 * mean_a * mean_b + first) * (2 * shared + second),
        (mean_a**2 + mean_b**2 + first) * (variances + second),
    )
    return float((top / bottom).mean())


if __name__ == "__main__":
    main()
