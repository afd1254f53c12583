"""Which files other authors release for their methods, and where they are looked for; nothing here opens one.

None of these files ships: their licences forbid it or are not stated. A file is found by name where
:mod:`~mobilefaceswap_core.weights.published` looks, or given by its path. What models there are is asked by programs that swap
without PyTorch, so this module does not import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from ..files.digest import file_sha256
from ..weights.published import own_folder, shared_folders


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file that its authors publish and this project only reads.

    Attributes:
        file: its name as published.
        licence: as stated by the authors.
        origin: repository or package it belongs to.
        remedy: one sentence that says how to get it.
        sha256: known digests; empty where none is public.
        places: further folders where another package keeps it.
    """

    file: str
    licence: str
    origin: str
    remedy: str
    sha256: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def expected_path(checkpoint: Checkpoint) -> Path:
    """Where the file is, or where it belongs if it is nowhere; the file is not opened."""
    candidates = _candidates(checkpoint)
    return next((path for path in candidates if path.is_file()), candidates[0])


def locate(checkpoint: Checkpoint, path: Path | None = None) -> Path:
    """The checkpoint's file.

    Args:
        checkpoint: what is wanted.
        path: a file chosen by the caller; its digest is then not compared, only reported.

    Raises:
        WeightsError: there is no such file, or a file found by name has none of the known digests.
    """
    if path is not None:
        if not path.is_file():
            raise WeightsError(
                f"{path} is not a file; wanted {checkpoint.file} of {checkpoint.origin}. {checkpoint.remedy}"
            )
        return path
    found = expected_path(checkpoint)
    if not found.is_file():
        raise WeightsError(
            f"Weights not present: {checkpoint.file} of {checkpoint.origin} ({checkpoint.licence}). {checkpoint.remedy} "
            f"Put it into {own_folder()}, or set MOBILEFACESWAP_HOME."
        )
    if checkpoint.sha256 and (digest := file_sha256(found)) not in checkpoint.sha256:
        raise WeightsError(
            f"{found} has SHA-256 {digest}, wanted {' or '.join(checkpoint.sha256)}. The download is damaged or another "
            "version; fetch it again, or name the file by its path if you trust it."
        )
    return found


def _candidates(checkpoint: Checkpoint) -> list[Path]:
    folders = [own_folder(), *shared_folders(), *(Path(place).expanduser() for place in checkpoint.places)]
    return [folder / checkpoint.file for folder in folders]


_SIMSWAP_LICENCE = "CC BY-NC 4.0, non-commercial"
_SIMSWAP_REMEDY = (
    "Follow docs/guidance/preparation.md of neuralchen/SimSwap: latest_net_G.pth is in checkpoints.zip (folder people), "
    "arcface_checkpoint.tar lies beside it."
)
_SIMSWAP_GENERATOR = Checkpoint("latest_net_G.pth", _SIMSWAP_LICENCE, "neuralchen/SimSwap", _SIMSWAP_REMEDY)
_SIMSWAP_RECOGNISER = Checkpoint("arcface_checkpoint.tar", _SIMSWAP_LICENCE, "neuralchen/SimSwap", _SIMSWAP_REMEDY)
SIMSWAP = (_SIMSWAP_GENERATOR, _SIMSWAP_RECOGNISER)

_GHOST_LICENCE = "Apache-2.0 (repository)"
_GHOST_REMEDY = "Run download_models.sh of ai-forever/ghost."
GHOST_GENERATORS = {
    blocks: Checkpoint(
        f"G_unet_{blocks}block{'s' * (blocks > 1)}.pth", _GHOST_LICENCE, "ai-forever/ghost", _GHOST_REMEDY
    )
    for blocks in (1, 2, 3)
}
GHOST_RECOGNISER = Checkpoint("backbone.pth", "InsightFace, non-commercial", "ai-forever/ghost", _GHOST_REMEDY)
GHOST = (GHOST_GENERATORS[2], GHOST_RECOGNISER)  # the authors' main model has two blocks

_INSIGHTFACE_LICENCE = "InsightFace model zoo: non-commercial research only"
_INSWAPPER_GENERATOR = Checkpoint(
    "inswapper_128.onnx",
    _INSIGHTFACE_LICENCE,
    "InsightFace's model zoo",
    "InsightFace no longer distributes it openly; ask its authors, or use a copy you already have.",
    # Two copies are in circulation, both checked by the programs that use them (554,253,681 and 555,303,150 bytes).
    sha256=(
        "e4a3f08c753cb72d04e10aa0f7dbe6deebbf39567d4ead6dce08e98aa49e16af",
        "a290273ed497312095dac48cdef20feec9d5208298223dd01288ab202b54bea7",
    ),
    places=("~/.insightface/models",),
)
_INSWAPPER_RECOGNISER = Checkpoint(
    "w600k_r50.onnx",
    _INSIGHTFACE_LICENCE,
    "InsightFace's buffalo_l pack",
    "`insightface.app.FaceAnalysis(name='buffalo_l')` downloads the pack.",
    sha256=("4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",),
    places=("~/.insightface/models/buffalo_l",),
)
INSWAPPER = (_INSWAPPER_GENERATOR, _INSWAPPER_RECOGNISER)
