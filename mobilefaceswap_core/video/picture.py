"""One frame of a clip: read as RGB, changed where a face is pasted and nowhere else.

Clips are planar YUV. Converting a whole frame to RGB and back changes every pixel of it, so a face is blended into the
planes themselves: pixels the face does not cover stay bit-identical up to the encoder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..blend.paste import paste_back, touched_rectangle
from ..faces.geometry import compose, invert, scale_of, warp
from ..files.codecs import upright as upright_pixels
from ..files.colourspace import FULL_RANGE, LIMITED_RANGE, SD_HEIGHT, Colourspace, colourspace_of
from ..files.frames import converted as _convert
from ..files.frames import reformatted, rgb_of
from ..files.images import LoadedImage
from ..types import Image, Mask, Matrix

_PLANAR = re.compile(r"yuva?j?4\d\dp(9|10|12|14|16)?(le)?")
_SAME_SAMPLES = {"nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "p010le": "yuv420p10le"}
_SAME_SAMPLES |= {"yuyv422": "yuv422p", "uyvy422": "yuv422p", "p210le": "yuv422p10le", "p012le": "yuv420p12le"}


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a frame is shown: ``pts * time_base`` seconds, for ``duration`` units (0 when unknown)."""

    index: int
    pts: int
    time_base: Fraction
    duration: int = 0

    @property
    def seconds(self) -> float:
        return float(self.pts * self.time_base)


class Picture(Protocol):
    """A frame of a clip, however it is stored: what the stages of a video job pass along."""

    stamp: Stamp

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        ...

    def rgb(self) -> Image:
        """``(H, W, 3)`` RGB uint8, to read; writing into it has no effect on the frame."""
        ...

    def paste(self, crop: Image, weight: Mask, crop_from_frame: Matrix) -> None:
        """Blend a swapped crop in; see :func:`mobilefaceswap_core.blend.paste.paste_back`."""
        ...

    def video_frame(self, pixel_format: str) -> Any:
        """An ``av.VideoFrame`` in this pixel format."""
        ...


@dataclass(slots=True)
class YuvPicture:
    """A decoded frame in planar YUV.

    Attributes:
        frame: ``av.VideoFrame``; shared with the decoder until the first paste, which copies it.
    """

    stamp: Stamp
    frame: Any
    colourspace: Colourspace
    _owned: bool = False

    @property
    def size_px(self) -> tuple[int, int]:
        return self.frame.width, self.frame.height

    def rgb(self) -> Image:
        return rgb_of(self.frame, self.colourspace)

    def paste(self, crop: Image, weight: Mask, crop_from_frame: Matrix) -> None:
        if not self._owned:
            self.frame.make_writable()  # the decoder still predicts from its own copy
            self._owned = True
        paste_planes(planes_of(self.frame), crop, weight, crop_from_frame, self.colourspace)

    def video_frame(self, pixel_format: str) -> Any:
        if self.frame.format.name == pixel_format:
            return self.frame
        return _convert(self.frame, pixel_format, self.colourspace)


@dataclass(slots=True)
class RgbPicture:
    """A frame of an animation, an image sequence or an RGB clip.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8.
        alpha: ``(H, W)`` uint8 or ``None``.
        like: the file of an image sequence the frame came from.
    """

    stamp: Stamp
    image: Image
    alpha: NDArray[np.uint8] | None = None
    like: LoadedImage | None = None
    _owned: bool = field(default=False)

    @property
    def size_px(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    def rgb(self) -> Image:
        return self.image

    def paste(self, crop: Image, weight: Mask, crop_from_frame: Matrix) -> None:
        if not self._owned:
            self.image, self._owned = self.image.copy(), True
        paste_back(self.image, crop, weight, crop_from_frame, out=self.image)

    def video_frame(self, pixel_format: str) -> Any:
        import av

        pixels = self.image if self.alpha is None else np.dstack([self.image, self.alpha])
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(pixels), format="rgb24" if self.alpha is None else "rgba"
        )
        return _rgb_to(frame, pixel_format)


def picture_of(frame: Any, stamp: Stamp, *, orientation: int) -> YuvPicture | RgbPicture:
    """A frame of a clip from a decoded ``av.VideoFrame``, brought upright.

    Args:
        frame: as it was decoded.
        stamp: of the picture.
        orientation: how the frame lies; see :class:`~mobilefaceswap_core.files.frames.Orientations`.
    """
    name = frame.format.name
    if name in _SAME_SAMPLES:
        frame = _convert(frame, _SAME_SAMPLES[name], colourspace_of(frame))
    elif name.startswith("gray"):
        deep = frame.format.components[0].bits > 8
        frame = _convert(frame, "yuv420p10le" if deep else "yuv420p", colourspace_of(frame))
    if _PLANAR.fullmatch(frame.format.name):
        colourspace = colourspace_of(frame)
        lies = orientation != 1
        return YuvPicture(stamp, turned(frame, orientation, colourspace) if lies else frame, colourspace, lies)
    transparent = any(component.is_alpha for component in frame.format.components) or name == "pal8"
    pixels = reformatted(frame, format="rgba" if transparent else "rgb24").to_ndarray()
    pixels = upright_pixels(pixels, orientation)
    alpha = np.ascontiguousarray(pixels[..., 3]) if transparent else None
    return RgbPicture(stamp, np.ascontiguousarray(pixels[..., :3]), alpha)


def smaller(picture: Picture, shorter_px: int) -> Picture:
    """A picture whose shorter side has at most so many pixels, averaged over areas; sides are even then.

    Args:
        picture: of a clip; not changed.
        shorter_px: a picture that is no larger comes back as it is.
    """
    before = picture.size_px
    scale = shorter_px / min(before)
    if scale >= 1:
        return picture
    width, height = (max(2, 2 * round(scale * side / 2)) for side in before)
    if isinstance(picture, YuvPicture):
        frame = reformatted(picture.frame, width=width, height=height, interpolation="AREA")
        return replace(picture, frame=_described(frame, picture.frame), _owned=True)
    alpha = picture.alpha if isinstance(picture, RgbPicture) else None
    pixels, small = (
        None if layer is None else cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
        for layer in (picture.rgb(), alpha)
    )
    return RgbPicture(
        picture.stamp, np.asarray(pixels, np.uint8), None if small is None else np.asarray(small, np.uint8)
    )


def planes_of(frame: Any) -> list[NDArray[Any]]:
    """Views ``(h, w)`` of the planes, uint8 or uint16; writing into them writes into the frame."""
    views = []
    for plane in frame.planes:
        dtype = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
        rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
        views.append(rows[: plane.height, : plane.width])
    return views


def paste_planes(
    planes: list[NDArray[Any]], crop: Image, weight: Mask, crop_from_frame: Matrix, colourspace: Colourspace
) -> None:
    """Blend a swapped crop into the Y, U and V planes of a frame, in place.

    Args:
        planes: luma ``(H, W)`` and two chroma planes of any subsampling; further planes (alpha) are left alone.
        crop: ``(S, S, 3)`` RGB uint8.
        weight: ``(S, S)`` in [0, 1]; 0 at the crop's border.
        crop_from_frame: ``(2, 3)``.
        colourspace: of the planes.

    Note:
        Chroma samples are taken as centred on their block of luma samples; H.264's usual siting lies half a luma sample
        further left, which no soft edge shows.
    """
    luma = planes[0]
    height, width = luma.shape
    rectangle = touched_rectangle(weight, crop_from_frame, (height, width))
    if rectangle is None:
        return
    step_y, step_x = -(-height // planes[1].shape[0]), -(-width // planes[1].shape[1])
    left, top = rectangle[0] // step_x * step_x, rectangle[1] // step_y * step_y
    right, bottom = -(-rectangle[2] // step_x) * step_x, -(-rectangle[3] // step_y) * step_y  # whole blocks, for chroma
    region_from_frame = np.array([[1.0, 0, -left], [0, 1.0, -top]])
    region_from_crop = compose(region_from_frame, invert(crop_from_frame))
    size = (right - left, bottom - top)
    alpha = warp(weight, region_from_crop, size)
    # In the crop, which is smaller than a large face; and warped as planes of floats, for which OpenCV has faster code.
    codes: NDArray[Any] = crop
    if colourspace.curve is not None:
        codes = colourspace.curve.codes_of_shown(crop)
    elif colourspace.bits > 8:
        codes = crop.astype(np.float32)
    yuv = cv2.split(cv2.transform(codes, colourspace.yuv_from_rgb()))
    top_value = 2**colourspace.bits - 1
    _blend(luma[top:bottom, left:right], _spread(yuv[0], region_from_crop, size), alpha, top_value)
    small = (size[0] // step_x, size[1] // step_y)
    if step_x * step_y > 1:
        alpha = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    chroma_from_luma = np.array([[1 / step_x, 0, (1 / step_x - 1) / 2], [0, 1 / step_y, (1 / step_y - 1) / 2]])
    for plane, values in zip(planes[1:3], yuv[1:], strict=True):
        area = plane[top // step_y : bottom // step_y, left // step_x : right // step_x]
        _blend(area, _spread(values, compose(chroma_from_luma, region_from_crop), small), alpha, top_value)


def _spread(plane: NDArray[Any], region_from_crop: Matrix, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """A crop's plane at the place and size where it is blended in."""
    values, halves = plane.astype(np.float32), scale_of(region_from_crop) <= 1 / 2
    # Cubic keeps a face that is larger than its crop from looking washed out. At half the size linear is the mean of four pixels.
    way = cv2.INTER_LINEAR if halves else cv2.INTER_CUBIC
    return warp(values, region_from_crop, size_px, border=cv2.BORDER_REPLICATE, interpolation=way)


def _blend(area: NDArray[Any], values: NDArray[np.float32], alpha: NDArray[Any], top_value: int) -> None:
    """``area`` towards ``values`` by ``alpha``, in place; the two may reach over the area's lower and right border."""
    height, width = area.shape
    values, alpha = values[:height, :width], alpha[:height, :width]
    if area.dtype == np.uint8:
        levels = np.clip(np.rint(values), 0, top_value).astype(np.uint8)
        area[...] = cv2.blendLinear(levels, area, alpha, 1 - alpha)  # rounded; where alpha is 0 the pixel is as it was
        return
    before = area.astype(np.float32)
    # Where alpha is 0 the sum is exactly `before`, so rounding leaves the pixel as it was.
    blended = cv2.add(before, cv2.multiply(alpha, cv2.subtract(values, before)))
    np.clip(np.rint(blended, out=blended), 0, top_value, out=blended)
    area[...] = blended.astype(area.dtype)


def turned(frame: Any, orientation: int, colourspace: Colourspace) -> Any:
    """A frame brought upright from an EXIF orientation, sample by sample."""
    import av

    lies = orientation >= 5  # its sides change places
    ratios = [(frame.planes[0].width / p.width, frame.planes[0].height / p.height) for p in frame.planes[1:3]]
    if lies and any(x != y for x, y in ratios) and abs(ratios[0][0] - ratios[0][1]) > 0.6:
        # 4:2:2 would need a format with the other axis halved; full chroma loses nothing.
        frame = _convert(frame, re.sub(r"4[0-9][0-9]p", "444p", frame.format.name), colourspace)
    width, height = (frame.height, frame.width) if lies else (frame.width, frame.height)
    result = av.VideoFrame(width, height, frame.format.name)
    for source, target in zip(planes_of(frame), planes_of(result), strict=True):
        target[...] = upright_pixels(source, orientation)
    return _described(result, frame)


def padded(frame: Any, width: int, height: int) -> Any:
    """A frame enlarged to the right and below by repeating its border."""
    import av

    result = av.VideoFrame(width, height, frame.format.name)
    for source, target in zip(planes_of(frame), planes_of(result), strict=True):
        wide, high = target.shape[1] - source.shape[1], target.shape[0] - source.shape[0]
        target[...] = np.pad(source, ((0, high), (0, wide)), mode="edge")
    return _described(result, frame)


def fitted(frame: Any, width: int, height: int) -> Any:
    """A frame of another size in the middle of one of this size, as large as it fits, black around it."""
    import av

    if not _PLANAR.fullmatch(frame.format.name):
        return reformatted(frame, width=width, height=height)
    scale = min(width / frame.width, height / frame.height)
    inner = [
        max(2, min(side, round(own * scale)) // 2 * 2) for side, own in ((width, frame.width), (height, frame.height))
    ]
    small = reformatted(frame, width=inner[0], height=inner[1])
    result = av.VideoFrame(width, height, frame.format.name)
    colourspace = colourspace_of(frame)
    unit = 2 ** (colourspace.bits - 8)
    for number, (source, target) in enumerate(zip(planes_of(small), planes_of(result), strict=True)):
        target[...] = (0 if colourspace.full_range else 16 * unit) if number == 0 else 128 * unit
        top, left = (target.shape[0] - source.shape[0]) // 2, (target.shape[1] - source.shape[1]) // 2
        target[top : top + source.shape[0], left : left + source.shape[1]] = source
    return _described(result, frame)


def _described(frame: Any, like: Any) -> Any:
    frame.pts = like.pts
    if like.time_base is not None:  # a frame that was made of pixels has none yet
        frame.time_base = like.time_base
    frame.colorspace, frame.color_range = like.colorspace, like.color_range
    frame.color_primaries, frame.color_trc = like.color_primaries, like.color_trc
    return frame


def _rgb_to(frame: Any, pixel_format: str) -> Any:
    """RGB(A) to a video format; YUV is written as BT.601 or BT.709 by size, limited range, and says so."""
    if pixel_format == frame.format.name:
        return frame
    if not pixel_format.startswith("yuv"):
        return reformatted(frame, format=pixel_format)
    is_small = min(frame.width, frame.height) <= SD_HEIGHT
    matrix = Colourspace("bt601" if is_small else "bt709", False)
    result = reformatted(
        frame,
        format=pixel_format,
        dst_colorspace=matrix.swscale_code,
        src_color_range=FULL_RANGE,
        dst_color_range=LIMITED_RANGE,
    )
    result.colorspace, result.color_range = (
        (6 if is_small else 1),
        LIMITED_RANGE,
    )  # AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT709
    return result
