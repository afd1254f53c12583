"""inswapper: InsightFace's closed 128-px swapper, run from its ONNX file.

There is no paper and no code of the network; its input contract is that of ``insightface.model_zoo.inswapper``:
target crop 128, RGB in [0, 1]; identity = unit embedding of buffalo_l's recogniser ``w600k_r50.onnx`` times the 512 x 512
matrix stored in the file, brought to unit length. Output: RGB in [0, 1] at 128.

The 128 crop puts the five points of the 112 template 8 px further right, so the recogniser's 112 crop is columns 8 to 120
and rows 0 to 112 of it: one crop serves both networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import WeightsError
from ..files.digest import file_sha256
from ..runtime.sessions import open_session
from ..swapper import SwapperInfo
from ..types import CropSpec, Image
from . import released
from .embedding_swapper import EmbeddingSwapper

CROP = CropSpec(128, "arcface_128", "similarity")
GENERATOR_FILE, RECOGNISER_FILE = released.INSWAPPER


class InswapperGenerator:
    """The ONNX network with the tensors in and out that every generator here has."""

    def __init__(self, session: Any, emap: NDArray[np.float32]) -> None:
        self._session = session
        self._emap = emap
        inputs = {tuple(item.shape[1:]): item.name for item in session.get_inputs()}
        if set(inputs) != {(3, 128, 128), (512,)} or len(session.get_outputs()) != 1:
            raise WeightsError(f"this is not inswapper_128: its inputs are {sorted(map(str, inputs))}")
        self._image_name, self._latent_name = inputs[3, 128, 128], inputs[512,]

    def __call__(self, targets: Tensor, embedding: Tensor) -> tuple[Tensor, None]:
        """``(N, 3, 128, 128)`` in [0, 1] and ``(N, 512)`` unit -> ``(N, 3, 128, 128)`` in [0, 1], no mask."""
        latent = embedding.float().cpu().numpy() @ self._emap
        latent /= np.linalg.norm(latent, axis=1, keepdims=True)
        images = np.ascontiguousarray(targets.float().cpu().numpy())
        # The file has a fixed batch of one.
        rows = [
            self._session.run(None, {self._image_name: images[i : i + 1], self._latent_name: latent[i : i + 1]})[0]
            for i in range(len(images))
        ]
        return torch.from_numpy(np.concatenate(rows)).to(targets.device), None


class BuffaloRecogniser:
    """buffalo_l's ArcFace ResNet-50, fed from the 128 crop."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def embed(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """``(N, 512)`` embeddings of 128 crops."""
        faces = np.stack([crop[:112, 8:120] for crop in crops]).astype(np.float32)
        x = np.ascontiguousarray((faces - 127.5).transpose(0, 3, 1, 2) / 127.5, np.float32)
        return np.concatenate([self._session.run(None, {self._input: row[None]})[0] for row in x])


def read_emap(path: Path) -> NDArray[np.float32]:
    """The identity matrix of an inswapper file: its last initialiser, 512 x 512.

    Raises:
        WeightsError: not an ONNX file, or without such a matrix.
    """
    import onnx

    try:
        initialisers = onnx.load(path).graph.initializer
        emap = onnx.numpy_helper.to_array(initialisers[-1])
    except Exception as error:  # onnx raises protobuf, index and value errors for files that are not its own
        raise WeightsError(
            f"{path} is not a readable ONNX file ({type(error).__name__}); download it again."
        ) from error
    if emap.shape != (512, 512):
        raise WeightsError(
            f"{path} ends with a tensor {emap.shape}, wanted the (512, 512) identity matrix of inswapper."
        )
    return np.asarray(emap, np.float32)


def load(
    *, device: torch.device | str = "cpu", path: Path | None = None, recogniser_path: Path | None = None
) -> EmbeddingSwapper:
    """inswapper as a swapper.

    Args:
        device: where both networks run.
        path: ``inswapper_128.onnx``; ``None`` looks in the checkpoint folder and in InsightFace's.
        recogniser_path: ``w600k_r50.onnx``; likewise.

    Raises:
        WeightsError: a file is not present, or is not what its name says.
        BackendError: ONNX Runtime is missing or lacks the device.
    """
    generator_file = released.locate(GENERATOR_FILE, path)
    recogniser_file = released.locate(RECOGNISER_FILE, recogniser_path)
    sessions = [
        open_session(
            file,
            device=str(device),
            must_have_device=True,
            threads=None,
            remedy="It is no ONNX file; download it again.",
        )
        for file in (generator_file, recogniser_file)
    ]
    generator = InswapperGenerator(sessions[0], read_emap(generator_file))
    recogniser = BuffaloRecogniser(sessions[1])
    info = SwapperInfo(
        name="inswapper",
        title="inswapper 128 (InsightFace)",
        crop=CROP,
        licence=GENERATOR_FILE.licence,
        source="insightface.model_zoo",
        weights_sha256={file.name: file_sha256(file) for file in (generator_file, recogniser_file)},
        device=f"{torch.device(device)} / onnxruntime",
        match_colours=False,
    )
    return EmbeddingSwapper(info, generator, recogniser.embed, device=device)
