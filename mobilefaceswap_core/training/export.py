"""From a trained network to a file that ships: float16 safetensors with finite statistics, its spec and its card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..files.atomic import write_bytes
from ..files.digest import file_sha256
from ..weights.load import read_safetensors
from .loop.checkpoints import CHECKPOINT, load_checkpoint

_LARGEST = 65504.0  # of float16
PART_BYTES = 15 * 2**20  # parts stay below 16 MB, which repositories and forms take without large-file storage
# Names of the trunk's parts in the first, flat layout of the compact student.
_FLAT_TRUNK = {
    "e_mean": "embedding_mean",
    "e_std": "embedding_std",
    "m_mean": "map_mean",
    "m_std": "map_std",
    "reduce": "reduce",
    "map_in": "map_in",
    "t1": "linear1",
    "n1": "norm1",
    "t2": "linear2",
    "n2": "norm2",
}
_ENCODER_STAGES = 5
_MASK_HEAD = "idn.mask."


def shipping_tensors(network: nn.Module) -> dict[str, Tensor]:
    """A network's tensors as they ship: float16, batch-norm statistics float32, counters left out.

    Raises:
        TrainingError: a value is not finite, or too large for float16.
    """
    tensors = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        tensor = tensor.detach().cpu().contiguous()
        largest = float(tensor.abs().max()) if tensor.numel() else 0.0
        statistics = "running_" in name
        if not torch.isfinite(tensor).all() or (not statistics and largest > _LARGEST):
            raise TrainingError(
                f"{name} cannot be exported: its largest value is {largest:g}. The run diverged; export an earlier checkpoint."
            )
        keep = statistics or not tensor.is_floating_point()
        tensors[name] = tensor if keep else tensor.half()
    return tensors


def write_network(network: nn.Module, path: Path, *, layout: str, facts: Mapping[str, str]) -> Path:
    """Write a network's file, and beside it ``.spec.json`` and ``.card.md``.

    Args:
        layout: the class that holds these tensors.
        facts: how it was trained and what was measured; kept in the file's metadata, the spec and the card.
    """
    return write_network_parts(network, path, layout=layout, facts=facts, part_bytes=None)[0]


def write_network_parts(
    network: nn.Module, path: Path, *, layout: str, facts: Mapping[str, str], part_bytes: int | None = PART_BYTES
) -> list[Path]:
    """Like :func:`write_network`, in parts of at most ``part_bytes`` where one file would be larger.

    Parts are named ``NAME-00001-of-00003.safetensors``; whoever reads one of them reads all.
    """
    from huggingface_hub import split_torch_state_dict_into_shards
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = shipping_tensors(network)
    whole = sum(t.numel() * t.element_size() for t in tensors.values()) + 1
    split = split_torch_state_dict_into_shards(
        tensors, filename_pattern=path.stem + "{suffix}" + path.suffix, max_shard_size=part_bytes or whole
    )
    files = []
    for name, keys in sorted(split.filename_to_tensors.items()):
        file = path.with_name(name)
        write_bytes(file, save({key: tensors[key] for key in keys}, metadata={"layout": layout, **facts}))
        files.append(file)
    spec = {
        "file": path.name,
        "files": {file.name: {"sha256": file_sha256(file), "size": file.stat().st_size} for file in files},
        "layout": layout,
        "parameters": sum(p.numel() for p in network.parameters()),
        "largest_statistic": max((float(t.abs().max()) for n, t in tensors.items() if "running_" in n), default=0.0),
        "facts": dict(facts),
    }
    write_bytes(path.with_suffix(".spec.json"), (json.dumps(spec, indent=2) + "\n").encode())
    write_bytes(path.with_suffix(".card.md"), card(spec).encode())
    return files


def card(spec: Mapping[str, object]) -> str:
    """A model card of what is known about a file; figures appear only if they were measured."""
    facts, files = spec["facts"], spec["files"]
    assert isinstance(facts, Mapping) and isinstance(files, Mapping)
    listed = "\n".join(f"| `{name}` | {file['size']:,} | `{file['sha256']}` |" for name, file in files.items())
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return (
        f"# {spec['file']}\n\n"
        f"Layout `{spec['layout']}`, {spec['parameters']:,} parameters.\n\n"
        f"| file | bytes | SHA-256 |\n|---|---|---|\n{listed}\n\n"
        f"Largest batch-norm statistic {spec['largest_statistic']:.3g} (float16 holds {_LARGEST:g}).\n\n"
        f"| fact | value |\n|---|---|\n{rows}\n\n"
        "Weights inherit the terms of the photos they were trained on. The figures above come from the training run's own\n"
        "validation pairs; compare with another file by `python -m mobilefaceswap_core.training evaluate`.\n"
    )


def mean_tensors(networks: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of several networks' tensors, batch-norm statistics included (model soups, Wortsman et al. 2022).

    Sensible only for networks that share a stretch of training: of others the mean is no network at all.

    Raises:
        TrainingError: fewer than two networks, or their tensors differ in name or shape.
    """
    if len(networks) < 2:
        raise TrainingError(f"Got {len(networks)} network to average; give two or more.")
    first, *others = networks
    shapes = {name: tensor.shape for name, tensor in first.items()}
    for other in others:
        if {name: tensor.shape for name, tensor in other.items()} != shapes:
            raise TrainingError(
                "These networks differ in names or shapes of their tensors; average files of one layout."
            )
    return {name: torch.stack([network[name].float() for network in networks]).mean(0) for name in first}


def student_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A student's tensors under the names that ship, and what is known of where they are from.

    Args:
        path: folder of a run, whose averaged network is taken, or a file in the shipped or the flat layout.

    Raises:
        TrainingError: a tensor of no student.
        WeightsError: no checkpoint in the folder, or a file that is missing or damaged.
    """
    if path.is_dir():
        state = load_checkpoint(path / CHECKPOINT)
        tensors, facts = state["average"], {"steps": str(state["step"])}
    else:
        tensors, facts = read_safetensors([path]), {"from": file_sha256(path)[:12]}
        if not any(name.startswith("idn.") for name in tensors):
            tensors = tensors_from_flat_layout(tensors)
    return {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}, facts


def with_mask_of(tensors: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A student's tensors with the mask head of another one, which reads features of the same size.

    A head trained alone (``only_mask``) fits the face it was trained on, and nearly as well one that moved on from it.

    Raises:
        TrainingError: the other one has no mask head, or one of other tensors.
    """
    head = {name: tensor for name, tensor in other.items() if name.startswith(_MASK_HEAD)}
    wanted = {name for name in tensors if name.startswith(_MASK_HEAD)}
    if not head or head.keys() != wanted:
        raise TrainingError(
            f"Got a mask head of {len(head)} tensors, wanted {len(wanted)}; give a student of this layout."
        )
    return {**tensors, **head}


def tensors_from_flat_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of the first, flat layout of the compact student to those of ``MobileFaceSwapNet.compact``.

    Flat names: ``pred.*`` the injection network, ``em.i`` and ``dm.i`` the pointwise kernels of encoder and decoder,
    ``final.*`` and ``mask.*`` the heads.

    Raises:
        TrainingError: a name that this layout does not have.
    """
    renamed = {}
    for name, tensor in tensors.items():
        head, *rest = name.split(".")
        if head in ("final", "mask"):
            new = f"idn.{name}"
        elif head == "em":
            new = f"injection.pointwise.{rest[0]}"
        elif head == "dm":
            new = f"injection.pointwise.{_ENCODER_STAGES + int(rest[0])}"
        elif head == "pred" and rest[0] in _FLAT_TRUNK:
            new = ".".join(["injection.trunk", _FLAT_TRUNK[rest[0]], *rest[1:]])
        elif head == "pred":
            new = ".".join(["injection", *rest])
        else:
            raise TrainingError(
                f"{name!r} is not a tensor of the flat student layout; wanted pred, em, dm, final or mask."
            )
        renamed[new] = tensor.contiguous()
    return renamed
