"""What others publish and this project can use: where each file is, how it is known, and under which licence.

None of it ships, and nothing here goes to the network; :mod:`.fetch` does, when somebody asks. A file is looked for in this
package's own folder, in the folders that ``MOBILEFACESWAP_MODELS`` names, and where facefusion, InsightFace or torch keep
the same file, so what one program has fetched serves the others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import OptionError
from ..files.folders import cache_folder, insightface_folder, torch_checkpoints_folder

Kind = Literal[
    "swapper", "recogniser", "converter", "occluder", "parser", "enhancer", "metric", "detector", "checkpoint"
]  # fmt: skip
Home = Literal["own", "cache", "insightface", "torch"]  # whose folder a fetched file goes to

COMMAND = "python -m mobilefaceswap_core fetch"
FOLDERS_VARIABLE = "MOBILEFACESWAP_MODELS"
# Below a checkout of facefusion, which people put into their home folder (`resolve_relative_path` in its source).
_FACEFUSION = "~/facefusion/.assets/models"

NON_COMMERCIAL = "non-commercial"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Published:
    """One file that can be had.

    Attributes:
        name: what ``fetch`` calls it.
        about: what it is for, in a line.
        kind: what it is.
        file: its name on disk, as published.
        licence: in a line.
        urls: addresses, the first one first.
        sha256: hex digest, or the first digits where no more are published; empty where none is.
        crc32: whether a CRC32 is published beside the file, as ``STEM.hash``.
        size: in bytes; ``None`` where nobody publishes it.
        needs: names of what it does not work without.
        home: whose folder it goes to.
        also: the same file under other names, relative to InsightFace's folder ``models``.
        results: what is made of it, relative to its folder; with all of them there the file is needed no more.
        drive: key of the file on Google Drive, which takes ``gdown`` to fetch.
    """

    name: str
    about: str
    kind: Kind
    file: str
    licence: str
    urls: tuple[str, ...] = ()
    sha256: str = ""
    crc32: bool = False
    size: int | None = None
    needs: tuple[str, ...] = ()
    home: Home = "own"
    also: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    drive: str = ""

    @property
    def digest(self) -> str:
        """How a file is known, for people."""
        if len(self.sha256) == 64:
            return "SHA-256"
        if self.sha256:
            return f"SHA-256 ({len(self.sha256)} digits)"
        return "CRC32" if self.crc32 else "none"


def own_folder() -> Path:
    """``teachers`` in the cache folder: what others trained, fetched or put there by hand."""
    return cache_folder() / "teachers"


def home_of(item: Published) -> Path:
    """The folder that a file is fetched to."""
    if item.home == "insightface":
        return insightface_folder() / "models"
    if item.home == "torch":
        return torch_checkpoints_folder()
    return own_folder() if item.home == "own" else cache_folder()


def shared_folders() -> list[Path]:
    """Folders of other programs: those of ``MOBILEFACESWAP_MODELS``, then the places where they usually are."""
    named = [part for part in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return [Path(part).expanduser() for part in (*named, _FACEFUSION)]


def find(item: Published) -> Path | None:
    """Where a file is, or the first thing made of it, or ``None``; it is not opened."""
    made = [home_of(item) / name for name in item.results]
    if made and all(path.is_file() for path in made):
        return made[0]
    folders = (home_of(item), *shared_folders())
    others = (insightface_folder() / "models" / name for name in item.also)
    return next((path for path in (*(folder / item.file for folder in folders), *others) if path.is_file()), None)


def expected(item: Published) -> Path:
    """Where a file is, or where it belongs if it is nowhere."""
    return find(item) or home_of(item) / item.file


def published(name: str) -> Published:
    """One entry.

    Raises:
        OptionError: no such name; the message lists the known ones.
    """
    try:
        return PUBLISHED[name]
    except KeyError:
        raise OptionError(f"Nothing called {name!r} is known; wanted one of {', '.join(PUBLISHED)}.") from None


def with_needs(names: list[str]) -> list[Published]:
    """The entries of some names and of all they need, each once, needs first.

    Raises:
        OptionError: a name is not known.
    """
    chosen: dict[str, Published] = {}

    def add(name: str) -> None:
        item = published(name)
        for other in item.needs:
            add(other)
        chosen[name] = item

    for name in names:
        add(name)
    return list(chosen.values())


_RECOGNISER = "arcface_w600k_r50"


def _facefusion(
    name: str,
    tag: str,
    about: str,
    licence: str,
    *,
    kind: Kind = "swapper",
    needs: tuple[str, ...] = (),
    **more: object,
) -> Published:
    """A release asset of facefusion 3.8.1; each has its CRC32 beside it and no SHA-256."""
    file = f"{name}.onnx"
    urls = (
        f"https://github.com/facefusion/facefusion-assets/releases/download/{tag}/{file}",
        f"https://huggingface.co/facefusion/{tag}/resolve/main/{file}",
    )
    return Published(name, about, kind, file, licence, urls, crc32=True, needs=needs, **more)  # type: ignore[arg-type]


def _converter(method: str) -> Published:
    about = f"turns embeddings of {_RECOGNISER} into those that {method} was trained with"
    return _facefusion(f"crossface_{method}", "models-3.4.0", about, UNKNOWN, kind="converter")


def _ghost(blocks: int) -> Published:
    about = f"GHOST at 256 px, {blocks} block{'s' * (blocks > 1)}"
    return _facefusion(
        f"ghost_{blocks}_256", "models-3.0.0", about, "Apache-2.0", needs=(_RECOGNISER, "crossface_ghost")
    )


def _hyperswap(letter: str) -> Published:
    about = f"HyperSwap 1{letter} at 256 px"
    return _facefusion(f"hyperswap_1{letter}_256", "models-3.3.0", about, "ResearchRAIL", needs=(_RECOGNISER,))


def _lpips(name: str, network: str, file: str, sha256: str) -> Published:
    """A backbone of torchvision; the first digits of its SHA-256 are part of its name."""
    about = f"{network}, a backbone that `eval` measures LPIPS with"
    url = f"https://download.pytorch.org/models/{file}"
    return Published(name, about, "metric", file, "BSD-3-Clause (torchvision)", (url,), sha256, home="torch")


def _gfpgan(version: str) -> Published:
    about = f"GFPGAN {version}, enhances the swapped face at 512 px"
    return _facefusion(f"gfpgan_{version}", "models-3.0.0", about, "Apache-2.0", kind="enhancer")


def _gpen(side: int) -> Published:
    about = f"GPEN, enhances the swapped face at {side} px"
    return _facefusion(f"gpen_bfr_{side}", "models-3.0.0", about, NON_COMMERCIAL, kind="enhancer")


def _xseg(number: int, tag: str) -> Published:
    about = f"XSeg {number}, sees what hides a face"
    return _facefusion(f"xseg_{number}", tag, about, "GPL-3.0", kind="occluder")


def _bisenet(layers: int, tag: str) -> Published:
    about = f"BiSeNet on ResNet-{layers}, sees the parts of a face and what hides it"
    return _facefusion(f"bisenet_resnet_{layers}", tag, about, "MIT", kind="parser")


_ITEMS = (
    _facefusion(
        "simswap_256", "models-3.0.0", "SimSwap at 256 px", NON_COMMERCIAL, needs=(_RECOGNISER, "crossface_simswap")
    ),
    _facefusion(
        "simswap_unofficial_512", "models-3.0.0", "SimSwap at 512 px, trained by others", NON_COMMERCIAL,
        needs=(_RECOGNISER, "crossface_simswap"),
    ),
    _facefusion(
        "inswapper_128", "models-3.0.0", "InsightFace's inswapper at 128 px", NON_COMMERCIAL,
        needs=(_RECOGNISER,), also=("inswapper_128.onnx",),
    ),
    _facefusion(
        "inswapper_128_fp16", "models-3.0.0", "inswapper at 128 px, half the bytes", NON_COMMERCIAL, needs=(_RECOGNISER,)
    ),
    _ghost(1),
    _ghost(2),
    _ghost(3),
    _facefusion(
        "hififace_unofficial_256", "models-3.1.0", "HifiFace at 256 px, trained by others", UNKNOWN,
        needs=(_RECOGNISER, "crossface_hififace"),
    ),
    _hyperswap("a"),
    _hyperswap("b"),
    _hyperswap("c"),
    _facefusion("blendswap_256", "models-3.0.0", "BlendSwap at 256 px, reads the source as a picture", NON_COMMERCIAL),
    _facefusion("uniface_256", "models-3.0.0", "UniFace at 256 px, reads the source as a picture", UNKNOWN),
    _facefusion(
        _RECOGNISER, "models-3.0.0", "the recogniser that most swappers take their identity from", NON_COMMERCIAL,
        kind="recogniser", also=("buffalo_l/w600k_r50.onnx",),
    ),
    _converter("simswap"),
    _converter("ghost"),
    _converter("hififace"),
    _xseg(1, "models-3.1.0"),
    _xseg(2, "models-3.1.0"),
    _xseg(3, "models-3.2.0"),
    _bisenet(18, "models-3.1.0"),
    _bisenet(34, "models-3.0.0"),
    _gfpgan("1.2"),
    _gfpgan("1.3"),
    _gfpgan("1.4"),
    _facefusion(
        "codeformer", "models-3.0.0", "CodeFormer, enhances the swapped face at 512 px", "S-Lab License 1.0 (non-commercial)",
        kind="enhancer",
    ),
    _gpen(256),
    _gpen(512),
    _gpen(1024),
    _lpips("lpips", "AlexNet", "alexnet-owt-7be5be79.pth", "7be5be79"),
    _lpips("lpips_vgg", "VGG-16", "vgg16-397923af.pth", "397923af"),
    _lpips("lpips_squeeze", "SqueezeNet 1.1", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0"),
    Published(
        name="buffalo_l",
        about="InsightFace's detector and landmarks; becomes the default detector",
        kind="detector",
        file="buffalo_l.zip",
        licence="InsightFace model pack buffalo_l: non-commercial research only",
        # The address is the one insightface 2.1 itself downloads from. Size and digest are those that several independent
        # projects pin for the asset of InsightFace's releases `v0.7` and `model-zoo`, which hold the same file.
        urls=("https://github.com/deepinsight/insightface/releases/download/model-zoo/buffalo_l.zip",),
        sha256="80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        size=288_621_354,
        home="insightface",
        results=("buffalo_l/det_10g.onnx",),
    ),
    Published(
        name="official",
        about="MobileFaceSwap, the authors' checkpoint; converted by itself",
        kind="checkpoint",
        file="checkpoints.tar",
        licence="none is stated; read the terms in the README of Seanseattle/MobileFaceSwap",
        sha256="8e45272de4cc55d64294d282bb7605343a406696a05209203065aa1b51aed58e",
        size=569_453_568,
        home="cache",
        results=("official/official_224.safetensors", "official/official_arcface.safetensors"),
        drive="1ZIzGLDB15GRAZAbkfNR0hNWdgQpxeA_r",  # linked from that README
    ),
)  # fmt: skip

PUBLISHED: dict[str, Published] = {item.name: item for item in _ITEMS}
