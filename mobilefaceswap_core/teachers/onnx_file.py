"""A swapper from an ONNX file: what the file is, is read from its graph and metadata, never from its name.

Accepted are

* any swapper with a contract: a TOML file beside it, or one that is given (:mod:`.contracts`);
* a file that ``export`` wrote, told by its metadata: baked with its source inside, or dynamic with its ``.npz`` beside it;
* InsightFace's inswapper, told by its SHA-256; its own recogniser ``w600k_r50.onnx`` must be on disk;
* somebody's generator: an image ``(1, 3, S, S)`` in RGB [0, 1] and a unit embedding ``(1, 512)`` in, the face
  ``(1, 3, S, S)`` in [0, 1] and, optionally, a mask ``(1, 1, S, S)`` out. An embedding means nothing without the recogniser
  it comes from, so the metadata must name that: ``encoder_sha256``, the SHA-256 of the encoder's weights. This project has
  one to offer, the encoder that ships. ``crop`` may hold a :class:`~mobilefaceswap_core.types.CropSpec` as a JSON object.

Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import ImageError, OptionError, WeightsError
from ..faces.geometry import recut
from ..files.digest import file_sha256
from ..identity.contract import MOBILEFACENET_CONTRACT
from ..identity.encoder import load_identity_encoder
from ..runtime.sessions import device_of, open_session
from ..student.contract import KINDS_WITH_SOURCE, check_format, is_export, stated_crop
from ..student.exported import load_conditioned_onnx
from ..swapper import Swapper, SwapperInfo
from ..types import AlignedFace, CropSpec, SwappedCrop
from ..weights.load import spec_of
from . import inswapper
from .contract_swapper import load_contract_swapper
from .contracts import find_contract

Shape = tuple[int | None, ...]
EMBEDDING = 512  # length of the embeddings of every recogniser here
_DEFAULT_PX = 224  # of a generator that leaves its size open and states no crop
_ACCEPTED = (
    "Accepted are files that `python -m mobilefaceswap_core export` wrote, InsightFace's inswapper_128 as published, and a "
    "generator with the inputs image (1, 3, S, S) and embedding (1, 512) and the output face (1, 3, S, S), whose metadata "
    "name its recogniser as encoder_sha256; and any swapper whose contract lies beside it as FILE.toml or is given with "
    "--contract. Anything else can be wrapped in a function and named as module:factory."
)


@dataclass(frozen=True, slots=True)
class OnnxCard:
    """What an ONNX file says about itself.

    Attributes:
        inputs: shape by name; ``None`` for a size that the file leaves open. Constants are left out.
        outputs: likewise.
        properties: the file's metadata.
    """

    inputs: dict[str, Shape] = field(default_factory=dict)
    outputs: dict[str, Shape] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        sides = (
            ", ".join(f"{name} {_written(shape)}" for name, shape in side.items())
            for side in (self.inputs, self.outputs)
        )
        return "inputs {}; outputs {}".format(*(side or "none" for side in sides))


def read_card(path: Path) -> OnnxCard:
    """Inputs, outputs and metadata of a file; weights kept outside it are not looked for, and nothing is run.

    Raises:
        WeightsError: there is no such file, or it is not ONNX.
    """
    import onnx

    if not path.is_file():
        raise WeightsError(f"There is no file {path}; give the path of an ONNX swapper, or make one with `export`.")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's error types differ between versions
        raise WeightsError(f"{path} is not a network in ONNX ({type(error).__name__}). {_ACCEPTED}") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    return OnnxCard(
        {value.name: _shape(value) for value in model.graph.input if value.name not in constants},
        {value.name: _shape(value) for value in model.graph.output},
        {item.key: item.value for item in model.metadata_props},
    )


def holds_source(path: Path) -> bool:
    """Whether a file swaps in a person of its own and takes no source photo.

    Raises:
        WeightsError: there is no such file, or it is not ONNX.
    """
    card = read_card(path)
    return is_export(card.properties) and card.properties.get("kind") in KINDS_WITH_SOURCE


def load_onnx_swapper(
    path: Path,
    *,
    device: torch.device | str = "cpu",
    backend: str = "auto",
    threads: int | None = None,
    contract: str | None = None,
) -> Swapper:
    """The swapper in a file.

    Args:
        path: the file.
        device: where a foreign generator runs; exported files run on the CPU.
        backend: of a file with a contract.
        threads: CPU threads of an exported file.
        contract: see :func:`~.contracts.find_contract`.

    Raises:
        WeightsError: no such file, not ONNX, or nothing this package knows; the message says what was found in it.
        BackendError: ONNX Runtime is missing.
    """
    card = read_card(path)
    exported = is_export(card.properties)  # says itself how it is run, whatever lies beside it
    stated = find_contract(path, contract) if contract is not None or not exported else None
    if stated is not None:
        return load_contract_swapper(replace(stated, name=path.stem), path, device=device, backend=backend)
    if exported:
        if (kind := card.properties.get("kind")) not in KINDS_WITH_SOURCE:
            check_format(card.properties, path)
            raise WeightsError(
                f"{path} is one of two files of an exported pair ({kind}), which only works together with the other and is "
                "meant for browsers. Use the model it was exported from, or `export` a person into one file."
            )
        return load_conditioned_onnx(path, threads=threads)
    image, embedding = _generator_inputs(card, path)
    digest = file_sha256(path)
    if digest in inswapper.GENERATOR_FILE.sha256:
        return inswapper.load(device=device, path=path)
    _check_encoder(card, path, digest)
    return OnnxSwapper(open_session(path, device=str(device)), image, embedding, _card_info(card, path, image, digest))


def _generator_inputs(card: OnnxCard, path: Path) -> tuple[str, str]:
    """Names of the image and the embedding input."""
    images = [name for name, shape in card.inputs.items() if len(shape) == 4 and shape[1] in (3, None)]
    vectors = [name for name, shape in card.inputs.items() if len(shape) == 2]
    faces = [shape for shape in card.outputs.values() if len(shape) in (0, 4)]  # a traced file may leave the rank open
    if len(card.inputs) != 2 or len(images) != 1 or len(vectors) != 1 or not faces or len(card.outputs) > 2:
        raise WeightsError(f"{path} is no swapper that is known here: {card}. {_ACCEPTED}")
    if (length := card.inputs[vectors[0]][1]) != EMBEDDING:
        raise WeightsError(f"{path} wants embeddings of {length} numbers, wanted {EMBEDDING}: {card}. {_ACCEPTED}")
    return images[0], vectors[0]


def _check_encoder(card: OnnxCard, path: Path, digest: str) -> None:
    """Raises :class:`WeightsError` unless the file names the encoder that ships."""
    own = spec_of(MOBILEFACENET_CONTRACT.name).files[0].sha256
    named = card.properties.get("encoder_sha256")
    if named is None:
        raise WeightsError(
            f"{path} takes an embedding and does not say of which recogniser ({card}; SHA-256 {digest[:16]}, which is no "
            "published inswapper_128). With the embedding of another recogniser it would draw a stranger. If it was trained "
            f"with this package's encoder, add the metadata encoder_sha256 = {own} to it (onnx.helper.set_model_props); if not, "
            "write a function that returns a Swapper with the right recogniser, and name it as module:factory."
        )
    if named != own:
        raise WeightsError(
            f"{path} wants the recogniser with the SHA-256 {named}; this package has {own} ({MOBILEFACENET_CONTRACT.name}). "
            "Write a function that returns a Swapper with its recogniser, and name it as module:factory."
        )


def _card_info(card: OnnxCard, path: Path, image: str, digest: str) -> SwapperInfo:
    """What tables and marks say of a foreign generator."""
    sides = {side for side in card.inputs[image][2:] if side is not None}
    stated = "crop" in card.properties
    crop = stated_crop(card.properties, path) if stated else CropSpec(min(sides, default=_DEFAULT_PX))
    if sides - {crop.size_px}:
        raise WeightsError(f"{path}: its image is {_written(card.inputs[image])}, wanted {crop.size_px} px squares.")
    return SwapperInfo(
        name=path.stem,
        title=f"ONNX file {path.name}",
        crop=crop,
        licence=card.properties.get("licence", "as stated by its author"),
        source=card.properties.get("source", "file on disk"),
        weights_sha256={path.name: digest},
    )


class OnnxSwapper:
    """Somebody's generator, run by ONNX Runtime with the embedding of the encoder that ships.

    Args:
        session: of the file.
        image: name of the image input.
        embedding: name of the embedding input.
        info: with the generator's crop.
    """

    def __init__(self, session: Any, image: str, embedding: str, info: SwapperInfo) -> None:
        self._session = session
        self._image, self._embedding = image, embedding
        self._encoder = load_identity_encoder("cpu")
        self.info = replace(info, device=device_of(session))

    def condition(self, sources: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Mean unit embedding ``(1, 512)``.

        Raises:
            ImageError: no photo was given.
        """
        if not sources:
            raise ImageError("No source photo was given; at least one is needed.")
        read = MOBILEFACENET_CONTRACT.crop
        mean = self._encoder.embed([recut(s.image, self.info.crop, read) for s in sources]).mean(0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)[None]

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[NDArray[np.float32]]) -> list[SwappedCrop]:
        """One run per target.

        Raises:
            OptionError: neither one condition nor one per target.
            ImageError: the network returns an image of another size.
        """
        if len(conditions) not in (1, len(targets)):
            raise OptionError(
                f"Got {len(conditions)} conditions for {len(targets)} targets; give one, or one per target."
            )
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


def _shape(value: Any) -> Shape:
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim)


def _written(shape: Shape) -> str:
    return "(" + ", ".join("?" if side is None else str(side) for side in shape) + ")"
