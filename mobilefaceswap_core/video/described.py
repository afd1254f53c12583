"""What a clip says about its pictures beside their samples: static HDR metadata, fields, and the rate; for encoders."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..files.frames import side_data

_MASTERING, _LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_CHROMATICITY, _LUMINANCE = 50_000, 10_000  # units of H.265, D.3.28: 0.00002, and 0.0001 cd/m2
_BOTH_KNOWN = 20  # ints of AVMasteringDisplayMetadata before its two flags; libavutil/mastering_display_metadata.h


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """Static HDR metadata in the words of x264 and x265; each empty where the clip has none.

    Attributes:
        mastering: primaries, white and luminance of the display it was graded on.
        light: brightest picture element and brightest picture average, cd/m2.
    """

    mastering: str = ""
    light: str = ""

    def __bool__(self) -> bool:
        return bool(self.mastering or self.light)

    def parameters(self, encoder: str) -> dict[str, str]:
        """What to tell an encoder; empty for one that cannot be told."""
        names = {"libx264": ("mastering-display", "cll"), "libx265": ("master-display", "max-cll")}.get(encoder)
        values = () if names is None else zip(names, (self.mastering, self.light), strict=True)
        return {name: value for name, value in values if value}


def hdr_metadata(frame: Any) -> HdrMetadata:
    """Of a decoded ``av.VideoFrame``."""
    mastering = light = ""
    for side in side_data(frame):
        if side.type.name == _MASTERING:
            mastering = _mastering(bytes(side))
        elif side.type.name == _LIGHT and len(bytes(side)) >= 8:
            light = "{},{}".format(*struct.unpack_from("=II", bytes(side)))
    return HdrMetadata(mastering, light)


def _mastering(data: bytes) -> str:
    if len(data) < 4 * (_BOTH_KNOWN + 2):
        return ""
    values = struct.unpack_from(f"={_BOTH_KNOWN + 2}i", data)
    if not (values[_BOTH_KNOWN] and values[_BOTH_KNOWN + 1]):
        return ""
    ratios = [Fraction(values[n], values[n + 1]) if values[n + 1] else Fraction(0) for n in range(0, _BOTH_KNOWN, 2)]
    red, green, blue, white = ([round(v * _CHROMATICITY) for v in ratios[n : n + 2]] for n in (0, 2, 4, 6))
    low, high = (round(value * _LUMINANCE) for value in ratios[8:10])
    points = "".join(
        f"{name}({x},{y})" for name, (x, y) in zip(("G", "B", "R", "WP"), (green, blue, red, white), strict=True)
    )
    return f"{points}L({high},{low})"
