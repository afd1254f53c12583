"""What happens to pictures on their way: recompression, resizing, cropping, video."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image as PillowImage

from mobilefaceswap_core.types import Image

Attack = Callable[[Image], Image]


def encoded(format_name: str, quality: int | None = None) -> Attack:
    """Encode and decode again with Pillow's defaults (JPEG: 4:2:0)."""

    def attack(image: Image) -> Image:
        buffer = io.BytesIO()
        PillowImage.fromarray(image).save(buffer, format_name, **({} if quality is None else {"quality": quality}))
        return np.array(PillowImage.open(buffer).convert("RGB"))

    return attack


def half(image: Image) -> Image:
    """Half the width and height, averaged."""
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def cropped(image: Image) -> Image:
    """10 % of the width and height cut away, unevenly: 7 % left and top, 3 % right and bottom."""
    height, width = image.shape[:2]
    return np.ascontiguousarray(
        image[round(0.07 * height) : height - round(0.03 * height), round(0.07 * width) : width - round(0.03 * width)]
    )


def both(first: Attack, second: Attack) -> Attack:
    """One after the other."""
    return lambda image: second(first(image))


ATTACKS: dict[str, Attack] = {
    "PNG": encoded("PNG"),
    "JPEG 75": encoded("JPEG", 75),
    "WebP 80": encoded("WEBP", 80),
    "half size": half,
    "10 % crop": cropped,
    "10 % crop + JPEG 75": both(cropped, encoded("JPEG", 75)),
    "half size + JPEG 75": both(half, encoded("JPEG", 75)),
    "JPEG 50": encoded("JPEG", 50),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


def h264(frames: Sequence[Image], path: Path, *, crf: int) -> list[Image]:
    """Encode with libx264 (preset medium, 25 frames a second) and decode again."""
    height, width = (side & ~1 for side in frames[0].shape[:2])
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            clip.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24"))
            )
        clip.mux(stream.encode())
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
