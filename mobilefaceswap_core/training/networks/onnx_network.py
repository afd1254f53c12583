"""Any ONNX file as a differentiable, frozen torch module: plain graphs as they are, others through onnx2torch (an extra)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import BackendError, OptionError
from ...identity.contract import INPUT_PX
from ...identity.encoder import load_identity_encoder
from ...weights.load import weights_path
from .onnx_layers import OnnxLayers, runs_here

SECOND = "recogniser_mobilefacenet_192"
# crops (N, 3, S, S) in [0, 1] -> unit embeddings (N, D) and, where the network gives one, its last map
Recogniser = Callable[[Tensor], tuple[Tensor, Tensor | None]]


def network_from_onnx(path: Path, *, outputs: Sequence[str] = (), device: torch.device | str = "cpu") -> nn.Module:
    """Convert a file.

    Args:
        outputs: values to return instead of the graph's outputs; what they do not need is left out.

    Raises:
        OptionError: no such file or value.
        BackendError: onnx2torch is not usable here, or does not know an operator of the graph.
    """
    if not path.is_file():
        raise OptionError(f"ONNX file {path} does not exist.")
    import onnx
    import onnx.utils

    model = onnx.load(str(path))
    if outputs:
        known = {name for node in model.graph.node for name in node.output}
        if unknown := [name for name in outputs if name not in known]:
            raise OptionError(f"{path.name} has no value {unknown[0]!r}; look up names with a viewer such as Netron.")
        model = onnx.shape_inference.infer_shapes(model)  # the extractor needs the shapes of the values it cuts at
        model = onnx.utils.Extractor(model).extract_model([model.graph.input[0].name], list(outputs))
    if runs_here(model.graph):
        return OnnxLayers(model.graph).to(device).eval()
    try:
        from onnx2torch import convert
    except Exception as error:  # onnx2torch imports torchvision, which fails in several ways on a wrong wheel
        raise BackendError(
            f"{path.name} has operators that need onnx2torch and torchvision ({error}); install both."
        ) from error
    try:
        network = convert(model)
    except NotImplementedError as error:
        raise BackendError(
            f"onnx2torch cannot convert {path.name}: {error}. Export it with other operators."
        ) from error
    return network.to(device).eval().requires_grad_(False)


def load_recogniser(name: str, *, device: torch.device | str = "cpu") -> Recogniser:
    """A recogniser for identity losses.

    Args:
        name: ``shipped`` (the student's encoder), ``second`` (another MobileFaceNet that ships for this loss alone), or an
            ONNX file that reads 112 x 112 RGB as ``(rgb255 - 127.5) / 127.5`` (InsightFace's form).
    """
    if name == "shipped":
        return load_identity_encoder(device)
    network = network_from_onnx(weights_path(SECOND) if name == "second" else Path(name), device=device)

    def recognise(crops: Tensor) -> tuple[Tensor, Tensor | None]:
        small = F.interpolate(crops, size=(INPUT_PX, INPUT_PX), mode="area")
        return F.normalize(network(small * 2 - 1).float().flatten(1), dim=1), None

    return recognise
