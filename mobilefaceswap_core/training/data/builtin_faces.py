"""A small pack made at run time from photos that come with installed packages, so that training can be tried offline.

Photos: the portraits in ``demo/examples`` of a source checkout (averages of many faces), scikit-image's astronaut (public
domain) and insightface's sample photos, each where it is installed. Enough to see a network learn, not to train one.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...errors import OptionError
from ...files.packs import Pack
from .prepare import PrepareOptions, photos_in, prepare

_REPOSITORY = Path(__file__).resolve().parents[2]
# Package, and its photos by path inside it.
_PHOTOS = {"skimage": ("data/astronaut.png",), "insightface": ("data/images/t1.jpg", "data/images/Tom_Hanks_54745.png")}
_FEWEST = 4  # people, below which no pair can be held out


def builtin_photos() -> list[Path]:
    """The photos that are installed here."""
    examples = _REPOSITORY / "demo" / "examples"
    found = photos_in([examples]) if examples.is_dir() else []
    for package, names in _PHOTOS.items():
        spec = importlib.util.find_spec(package)
        folders = list(spec.submodule_search_locations or []) if spec else []
        found += [path for folder in folders for name in names if (path := Path(folder) / name).is_file()]
    return found


def builtin_pack() -> Pack:
    """Detect and align the faces of :func:`builtin_photos`; about ten seconds, nothing is written.

    Raises:
        OptionError: fewer than four faces.
    """
    options = PrepareOptions(people="each_face", smallest_px=60.0, sharpness=0.0)
    pack, report = prepare(builtin_photos(), name="builtin", options=options)
    if len(pack) < _FEWEST:
        raise OptionError(
            f"Only {len(pack)} faces were found in the photos that come with installed packages ({report.text()}). Install "
            "scikit-image and insightface, or name packs of your own in data.packs."
        )
    return pack
