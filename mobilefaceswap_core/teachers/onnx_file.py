"""Somebody's swapper in an ONNX file: an image input and an embedding input, an image output (the inswapper layout).

Inputs are told apart by rank: ``(1, 3, S, S)`` is the aligned target in RGB [0, 1], ``(1, 512)`` the unit embedding of the
source by this project's identity encoder. Outputs: the face ``(1, 3, S, S)`` in [0, 1] and, optionally, a mask
``(1, 1, S, S)``. A network trained with another recogniser needs its own ``module:factory``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, ImageError, WeightsError
from ..files.digest import file_sha256
from ..swapper import SwapperInfo
from ..types import AlignedFace, CropSpec, SwappedCrop


class OnnxSwapper:
    """Run the file with onnxruntime on the CPU.

    Raises:
        WeightsError: when the file is missing, or its inputs are not an image and an embedding.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendError("ONNX methods need onnxruntime: pip install onnxruntime.") from error
        if not path.is_file():
            raise WeightsError(f"No ONNX file at {path}; give the path of the swapper.")
        from ..identity.encoder import load_identity_encoder

        try:
            self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own kinds for damaged files
            raise WeightsError(f"{path.name}: onnxruntime cannot read it ({error}).") from error
        inputs = {len(i.shape): i for i in self._session.get_inputs()}
        if set(inputs) != {2, 4}:
            shapes = [i.shape for i in self._session.get_inputs()]
            raise WeightsError(
                f"{path.name}: inputs are {shapes}; wanted an image (1, 3, S, S) and an embedding (1, 512)."
            )
        self._image, self._embedding = inputs[4].name, inputs[2].name
        size = inputs[4].shape[2]
        self._encoder = load_identity_encoder("cpu")
        self.info = SwapperInfo(
            name=path.stem,
            title=f"ONNX file {path.name}",
            crop=CropSpec(size if isinstance(size, int) else 224),
            licence="as stated by its author",
            source="file on disk",
            weights_sha256={path.name: file_sha256(path)},
            device="cpu / onnxruntime",
        )

    def condition(self, sources: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Mean unit embedding ``(1, 512)``."""
        from ..faces.geometry import warp_to_crop

        scale = 224.0 / self.info.crop.size_px
        shift = (scale - 1.0) / 2.0
        grown = np.array([[scale, 0, shift], [0, scale, shift]])
        mean = self._encoder.embed([warp_to_crop(s.image, grown, 224) for s in sources]).mean(0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)[None]

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[NDArray[np.float32]]) -> list[SwappedCrop]:
        """One run per target."""
        chosen = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        results = []
        for target, condition in zip(targets, chosen, strict=True):
            image = np.ascontiguousarray(target.image.transpose(2, 0, 1)[None], np.float32) / 255.0
            face, *rest = self._session.run(None, {self._image: image, self._embedding: condition})
            if face.shape != image.shape:
                raise ImageError(f"{self.info.name} gave {face.shape}, wanted {image.shape}")
            pixels = (np.clip(face[0].transpose(1, 2, 0), 0, 1) * 255).round().astype(np.uint8)
            mask = rest[0].reshape(pixels.shape[:2]) if rest else np.ones(pixels.shape[:2])
            results.append(SwappedCrop(pixels, np.clip(mask, 0, 1).astype(np.float32)))
        return results
