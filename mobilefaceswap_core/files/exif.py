"""What a photo says about itself beside its pixels: what a result carries on, and what is left out and said so.

When and with what a photo was taken is kept. Where, by whom and whose is kept on request only: a swapped picture is often
passed on by somebody else than the photo was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base

# Of the main directory and of EXIF's own, by name; EXIF 3.0, tables 3 to 8. Orientation is applied to the pixels, and size,
# thumbnail and colour layout belong to the file that is left.
_MAIN = ("Make", "Model", "DateTime", "Software")
_OWN = (
    "DateTimeOriginal", "DateTimeDigitized", "OffsetTime", "OffsetTimeOriginal", "OffsetTimeDigitized", "SubsecTime",
    "SubsecTimeOriginal", "SubsecTimeDigitized", "ExposureTime", "FNumber", "ExposureProgram", "ISOSpeedRatings",
    "ShutterSpeedValue", "ApertureValue", "BrightnessValue", "ExposureBiasValue", "MaxApertureValue", "MeteringMode",
    "LightSource", "Flash", "FocalLength", "FocalLengthIn35mmFilm", "ExposureMode", "WhiteBalance", "DigitalZoomRatio",
    "SceneCaptureType", "LensMake", "LensModel", "LensSpecification",
)  # fmt: skip
_PERSONAL_MAIN = ("Artist", "Copyright", "HostComputer", "XPAuthor", "XPComment", "XPKeywords", "XPSubject", "XPTitle")
_PERSONAL_OWN = ("UserComment", "CameraOwnerName", "BodySerialNumber", "LensSerialNumber", "ImageUniqueID")


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one photo.

    Attributes:
        main: tags of the main directory by number.
        own: tags of EXIF's own directory by number.
        personal: tags that say where, by whom or whose, by directory and number.
        location: it says where it was taken.
        dpi: resolution for print, across and down, or ``None``.
    """

    main: dict[int, Any] = field(default_factory=dict)
    own: dict[int, Any] = field(default_factory=dict)
    personal: dict[tuple[int, int], Any] = field(default_factory=dict)
    location: bool = False
    dpi: tuple[float, float] | None = None

    def exif(self, *, personal: bool) -> PillowImage.Exif:
        """The tags for a result; empty if the photo has none.

        Args:
            personal: with those that say where, by whom or whose.
        """
        found = PillowImage.Exif()
        for number, value in self.main.items():
            found[number] = value
        if self.own:
            found.get_ifd(IFD.Exif).update(self.own)
        if personal:
            for (directory, number), value in self.personal.items():
                if directory:
                    found.get_ifd(directory)[number] = value
                else:
                    found[number] = value
        return found


def facts_of(picture: PillowImage.Image) -> Facts:
    """Of an opened file; damaged tags count as missing."""
    try:
        exif = picture.getexif()
        own, place = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
    except (ValueError, TypeError, KeyError, OSError, SyntaxError, AttributeError, LookupError):
        return Facts(dpi=_dpi(picture))
    personal = {(0, number): exif[number] for number in _numbers(_PERSONAL_MAIN) if number in exif}
    personal |= {(IFD.Exif, number): own[number] for number in _numbers(_PERSONAL_OWN) if number in own}
    personal |= {(IFD.GPSInfo, number): value for number, value in place.items()}
    return Facts(
        {number: exif[number] for number in _numbers(_MAIN) if number in exif},
        {number: own[number] for number in _numbers(_OWN) if number in own},
        personal,
        bool(place),
        _dpi(picture),
    )


def _numbers(names: tuple[str, ...]) -> list[int]:
    return [Base[name].value for name in names]


def _dpi(picture: PillowImage.Image) -> tuple[float, float] | None:
    value = picture.info.get("dpi")
    if value is None and picture.format == "WEBP":  # where this package puts it, as no chunk of the format says it
        exif = picture.getexif()
        value = exif.get(Base.XResolution), exif.get(Base.YResolution)
    try:
        across, down = (float(part) for part in value or ())
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across < 100_000 and 1 <= down < 100_000 else None
