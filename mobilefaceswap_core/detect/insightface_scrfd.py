"""The ``insightface`` detector: SCRFD of a model pack that is already on disk, or is downloaded on request.

The networks come from packs such as ``buffalo_l``, which InsightFace releases for non-commercial research only.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BackendError, OutputError, WeightsError
from ..faces.geometry import five_from_68
from ..files.atomic import write_bytes
from ..files.digest import file_sha256
from ..files.folders import insightface_folder
from ..files.images import check_image
from ..runtime.sessions import providers_for
from ..types import Face, Image, Points
from ..weights import WEIGHTS, weights_path
from ..weights.download import Progress
from ..weights.fetch import fetch_file
from ..weights.published import published
from .detector import DetectorInfo, Order, check_order, sort_faces
from .landmarks import LandmarkNetwork, upright_extent

PACKS = ("buffalo_l", "buffalo_m", "buffalo_s", "buffalo_sc", "antelopev2")  # in the order they are looked for
LICENCE = "InsightFace model pack {pack}: non-commercial research only"
_DETECTORS = ("det_*.onnx", "scrfd_*.onnx")
_LANDMARKS = "1k3d68.onnx"
_DETECT_PX = (640, 640)  # insightface's own default
_CLOSE_UP_PX = (160, 160)  # second try: a face that fills the picture is too large for SCRFD's anchors at 640
_THRESHOLD = 0.5  # insightface's own default
# SCRFD's box over the landmarks' extent: it reaches a little above the brows.
_TOP = 0.15


def find_pack(folder: Path | None = None) -> Path | None:
    """The first pack on disk that holds a detector, or ``None``."""
    models = (folder or insightface_folder()) / "models"
    # Some archives hold a folder of their own name.
    candidates = [models / name / nested for name in PACKS for nested in (".", name)]
    return next((path.resolve() for path in candidates if _detector_file(path) is not None), None)


def download_pack(name: str = "buffalo_l", *, progress: Progress | None = None) -> Path:
    """Fetch a pack from InsightFace's release, check its SHA-256, and unpack its networks.

    Raises:
        OptionError: unknown pack.
        WeightsError: no network, or another file than the expected one.
    """
    return unpack_pack(fetch_file(published(name), progress=progress).path)


def unpack_pack(archive: Path) -> Path:
    """Put the networks of a pack into the folder of its name, where the detector looks, and remove the archive.

    Raises:
        WeightsError: it is no archive, or there is no space.
    """
    target = archive.with_suffix("")
    target.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as pack:
            for member in pack.infolist():
                file = target / Path(member.filename).name  # the name alone: nothing can be written outside the folder
                if file.suffix == ".onnx":
                    write_bytes(file, pack.read(member))
    except (OSError, OutputError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{archive} could not be unpacked to {target} ({error}). Free some space and try again."
        ) from error
    archive.unlink(missing_ok=True)
    return target


class InsightFaceDetector:
    """SCRFD, with the pack's 68-landmark network when it has one and the ``lite`` one otherwise.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; what cannot be used falls back to the CPU and ``info`` says so.
        pack: folder with the pack's ONNX files; looked for on disk by default.

    Raises:
        BackendError: insightface is not installed, or there is no pack on disk.
    """

    def __init__(self, *, device: str = "auto", pack: Path | None = None, reason: str = "") -> None:
        try:
            from insightface.model_zoo import get_model
        except Exception as error:  # a broken optional package may raise anything at import; the caller can go without
            raise BackendError(
                f"insightface cannot be imported ({error}). Install it with `pip install insightface`, "
                "or use the detector lite."
            ) from error
        pack = pack or find_pack()
        detector_file = _detector_file(pack) if pack else None
        if pack is None or detector_file is None:
            raise BackendError(
                f"No InsightFace pack with a detector in {pack or insightface_folder() / 'models'}; wanted {', '.join(PACKS)}. "
                "Run `python -m mobilefaceswap_core fetch buffalo_l`, unpack one there, or use the detector lite."
            )
        providers = providers_for(device)
        self._detector = _open(get_model, detector_file, providers, "detection")
        landmark_file = pack / _LANDMARKS
        self._own_landmarks = (
            _open(get_model, landmark_file, providers, "landmark_3d_68") if landmark_file.is_file() else None
        )
        self._landmarks = LandmarkNetwork(weights_path("landmarks_68"), device=device)
        ids = 0 if providers[0] == "CUDAExecutionProvider" else -1
        self._detector.prepare(ids, input_size=_DETECT_PX, det_thresh=_THRESHOLD)
        files = {detector_file.name: file_sha256(detector_file)}
        if self._own_landmarks is not None:
            self._own_landmarks.prepare(ids)
            files[_LANDMARKS] = file_sha256(landmark_file)
        files |= {file.name: file.sha256 for file in WEIGHTS["landmarks_68"].files}
        self._info = DetectorInfo(
            name="insightface",
            title=f"InsightFace SCRFD ({pack.name}/{detector_file.name})",
            device=f"{'cuda' if ids == 0 else 'cpu'} / insightface on onnxruntime",
            licence=LICENCE.format(pack=pack.name),
            files=files,
            reason=reason,
        )

    @property
    def info(self) -> DetectorInfo:
        return self._info

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`Detector.detect`. The five points are SCRFD's own."""
        check_order(order)
        image = check_image(image)
        if min(image.shape[:2]) * min(_CLOSE_UP_PX) < max(image.shape[:2]):
            return []  # a strip, which the network would be given without a single row
        bgr = np.ascontiguousarray(image[..., ::-1])
        for size in (_DETECT_PX, _CLOSE_UP_PX):
            boxes, fives = self._detector.detect(bgr, input_size=size)
            if len(boxes):
                break
        faces = []
        for index, row in enumerate(np.asarray(boxes, np.float64)):
            landmarks = self._landmarks_in_box(image, bgr, row[:4])
            five = five_from_68(landmarks) if fives is None else np.asarray(fives[index], np.float64)
            faces.append(Face(row[:4], float(row[4]), five, landmarks))
        return sort_faces(faces, order)

    def landmarks(self, image: Image, face: Face) -> Points:
        """See :meth:`Detector.landmarks`."""
        image = check_image(image)
        if self._own_landmarks is None and face.landmarks is not None:
            return self._landmarks.refine(image, face.landmarks)
        box = face.box
        if face.landmarks is not None:
            _, frame_from_upright, low, high = upright_extent(face.landmarks)
            low = low - [0.0, _TOP * (high[1] - low[1])]
            corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]]) @ frame_from_upright.T
            box = np.concatenate([corners.min(0), corners.max(0)])
        return self._landmarks_in_box(image, np.ascontiguousarray(image[..., ::-1]), box)

    def _landmarks_in_box(self, image: Image, bgr: Image, box: np.ndarray[Any, Any]) -> Points:
        if self._own_landmarks is None:
            return self._landmarks.from_box(image, np.asarray(box, np.float64))[0]
        from insightface.app.common import Face as InsightFace

        points = self._own_landmarks.get(bgr, InsightFace(bbox=np.asarray(box, np.float32)))
        return np.asarray(points, np.float64)[:, :2].copy()


def _detector_file(pack: Path) -> Path | None:
    return next((path for pattern in _DETECTORS for path in sorted(pack.glob(pattern))), None)


def _open(get_model: Any, path: Path, providers: list[str], task: str) -> Any:
    try:
        model = get_model(str(path), providers=providers)
    except Exception as error:  # insightface lets through whatever its runtime raises for a damaged file
        raise WeightsError(f"insightface cannot load {path} ({error}). Download the pack again.") from error
    if getattr(model, "taskname", None) != task:
        raise WeightsError(f"{path}: got a network for {getattr(model, 'taskname', 'nothing known')}, wanted {task}.")
    return model
