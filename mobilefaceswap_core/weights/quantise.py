"""Store a safetensors file in int8 shards: ``python -m mobilefaceswap_core.weights.quantise IN.safetensors OUT_PREFIX``.

Every floating tensor of two or more axes and at least 1,024 elements becomes int8, symmetric, with one float32 scale per
output channel (axis 0) beside it as ``NAME::scale``, shaped to broadcast: ``(out, 1)``, ``(out, 1, 1, 1)``. Everything else
(batch norm, biases, small tensors) becomes float32. Shards are named ``OUT_PREFIX-00001-of-00003.safetensors``;
:func:`~mobilefaceswap_core.weights.load.read_safetensors` merges them and undoes the quantisation.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..errors import OptionError, WeightsError
from ..files.atomic import write_bytes
from ..files.digest import file_sha256
from .load import SCALE_SUFFIX

SHARD_BYTES = 9_500_000  # code hosts warn about, and this repository refuses, files over 10 MB
SMALLEST = 1024  # below this the saving is nothing and the error is not


def quantise(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric int8 per output channel.

    Args:
        tensor: ``(out, ...)`` floating.

    Returns:
        int8 of the same shape in [-127, 127], and float32 scales ``(out, 1, ...)``: ``tensor`` is about ``int8 * scale``,
        off by at most half a scale. A channel of zeros gets scale 1.
    """
    values = tensor.detach().float()
    if not torch.isfinite(values).all():
        raise WeightsError("a tensor to be quantised holds NaN or infinity; retrain or export it again in float32")
    peak = values.abs().amax(dim=tuple(range(1, values.ndim)), keepdim=True)
    scale = torch.where(peak > 0, peak / 127.0, torch.ones_like(peak))
    return (values / scale).round().clamp(-127, 127).to(torch.int8), scale


def quantise_all(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with its large tensors in int8 and their scales added."""
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel() >= SMALLEST:
            stored[name], stored[name + SCALE_SUFFIX] = quantise(tensor)
        else:
            stored[name] = tensor.detach().float() if tensor.is_floating_point() else tensor
    return stored


def shards(tensors: Mapping[str, Tensor], *, limit_bytes: int = SHARD_BYTES) -> list[dict[str, Tensor]]:
    """Split in order so that no shard's tensors exceed the limit. A larger single tensor gets a shard of its own."""
    parts: list[dict[str, Tensor]] = [{}]
    held = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if parts[-1] and held + size > limit_bytes:
            parts.append({})
            held = 0
        parts[-1][name] = tensor.contiguous()
        held += size
    return parts


def write_shards(tensors: Mapping[str, Tensor], prefix: Path) -> list[Path]:
    """Write ``prefix-00001-of-0000N.safetensors``...; each file appears complete or not at all.

    Raises:
        OutputError: a file cannot be written.
    """
    from safetensors.torch import save

    parts = shards(tensors)
    written: list[Path] = []
    for index, part in enumerate(parts, start=1):
        path = prefix.with_name(f"{prefix.name}-{index:05d}-of-{len(parts):05d}.safetensors")
        write_bytes(path, save(part))
        written.append(path)
    return written


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: quantise, write, and print what the weights registry needs (name, bytes, SHA-256)."""
    from safetensors.torch import load_file

    parser = argparse.ArgumentParser(prog="python -m mobilefaceswap_core.weights.quantise", description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN.safetensors")
    parser.add_argument("prefix", type=Path, metavar="OUT_PREFIX")
    options = parser.parse_args(argv)
    if not options.source.is_file():
        raise OptionError(f"{options.source} is not a file; give an existing .safetensors file")
    for path in write_shards(quantise_all(load_file(options.source)), options.prefix):
        print(path.name, path.stat().st_size, file_sha256(path))


if __name__ == "__main__":
    main()
