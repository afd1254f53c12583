"""UltraFace RFB-320: faces of a small picture of any size, as boxes with scores.

The file that ships reads 320 x 240 pixels, for its last operators know where the 4,420 anchors of that size lie. All others
are convolutions. So the network is loaded without those, and what they did is done here, for pictures of any size and only
for the anchors that are worth it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..runtime.sessions import device_of, open_session
from ..runtime.tensors import to_planes
from ..types import Image

if TYPE_CHECKING:
    import onnx

WIDTH, HEIGHT = 320, 240  # what the network was trained on
MEAN, STD = 127.0, 128.0
_LEVELS = (MEAN - np.arange(256, dtype=np.float32)) / np.float32(-STD)
# From the network's authors: side of an anchor's cell, and sides of the anchors in it, in pixels of the picture. They were cut
# to the training's pictures, the largest to 256 x 240.
_ANCHORS = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
# Rows of 32 and 64 pixels do not fit into 240, so the authors spread the anchors evenly: 30 and 60 apart, where the network's
# rows are 32 and 64 apart. What it has learnt to add is right on average over the rows: for anchors at these places of a cell.
_MIDDLES = {8: 4.0, 16: 8.0, 32: 8.0, 64: 24.0}
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
SCORES, OFFSETS = "scores", "462"  # values of the graph; the second is what the anchors' operators read


class UltraFace:
    """Holds the network; calls are pure and may come from several threads.

    Args:
        threads: on the CPU; the boxes are the same with any number.
        keeps_memory: see :func:`~mobilefaceswap_core.runtime.sessions.open_session`; worth it for who looks at large pictures
            all the time.
    """

    def __init__(self, path: Path, *, device: str = "cpu", threads: int = 1, keeps_memory: bool = False) -> None:
        content = of_any_size(path).SerializeToString()
        self._session = open_session(
            content, name=str(path), device=device, threads=threads, spinning=False, keeps_memory=keeps_memory
        )
        self._input = self._session.get_inputs()[0].name
        self.device = device_of(self._session)

    def find(self, picture: Image, *, above: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Boxes of the anchors that score higher than a limit, overlapping ones too.

        Args:
            picture: ``(H, W, 3)`` RGB uint8.
            above: in [0, 1].

        Returns:
            ``(N, 4)`` left, top, right, bottom in pixels, 0 at the left edge of the first, and ``(N,)`` scores in [0, 1].
        """
        height, width = picture.shape[:2]
        scores, offsets = self._session.run([SCORES, OFFSETS], {self._input: to_planes(picture[None], _LEVELS)})
        chosen = np.flatnonzero(scores[0, :, 1] > above)
        anchors, own = _anchors(width, height)[chosen], offsets[0, chosen].astype(np.float64)
        centres = anchors[:, :2] + _CENTRE_VARIANCE * own[:, :2] * anchors[:, 2:]
        halves = anchors[:, 2:] * np.exp(_SIZE_VARIANCE * own[:, 2:]) / 2
        return np.hstack([centres - halves, centres + halves]), scores[0, chosen, 1].astype(np.float64)


@lru_cache(maxsize=32)
def _anchors(width: int, height: int) -> NDArray[np.float64]:
    """``(P, 4)`` centre x, y, width and height of every anchor, in the network's order."""
    parts = []
    for cell, sides in _ANCHORS:
        columns, rows = -(-width // cell), -(-height // cell)
        y, x = np.mgrid[0:rows, 0:columns]
        x = (x + 0.5) * cell
        y = (y + 0.5) * (HEIGHT / rows) if height == HEIGHT else y * cell + _MIDDLES[cell]
        parts.append(np.stack([np.stack(np.broadcast_arrays(x, y, side, min(side, HEIGHT)), -1) for side in sides], 2))
    anchors = np.concatenate([part.reshape(-1, 4) for part in parts])
    anchors.flags.writeable = False
    return anchors


def of_any_size(path: Path) -> onnx.ModelProto:
    """The network reading pictures of any size and giving scores and offsets: for this module, and for the browser."""
    import onnx

    model = onnx.load(path)
    for place in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = f"side{place}"
    scores, offsets = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in (SCORES, OFFSETS)
    )
    last = next(number for number, node in enumerate(model.graph.node) if SCORES in node.output)
    del model.graph.node[last + 1 :], model.graph.output[:]  # what follows decodes the boxes of 4,420 anchors
    model.graph.output.extend([scores, offsets])
    read = {name for node in model.graph.node for name in node.input}
    constants = [tensor for tensor in model.graph.initializer if tensor.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    return model
