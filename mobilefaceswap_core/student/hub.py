"""A student as a folder or a Hub repository: ``config.json``, ``model.safetensors`` and a card.

>>> from mobilefaceswap_core.student.hub import from_pretrained, save_pretrained
>>> sorted(path.name for path in save_pretrained(from_pretrained("student"), "my-student").iterdir())
['README.md', 'config.json', 'model.safetensors']
>>> from_pretrained("my-student").info.name
'student'
>>> student = from_pretrained("someone/my-student", revision=commit)              # doctest: +SKIP

The recogniser is not in the folder: every student reads the one that ships with the package, and ``config.json`` says which
file that was, so that a student meets the embeddings it was trained on or is refused.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import torch

from ..errors import OptionError, WeightsError
from ..files.atomic import refused, remove_leftovers, written_whole
from ..files.digest import file_sha256
from ..weights.load import load_tensors, read_safetensors, spec_of
from .swapper import Student, load_student

FORMAT = 1
LAYOUT = "MobileFaceSwapNet.compact"
CONFIG_FILE, WEIGHTS_FILE, CARD_FILE = "config.json", "model.safetensors", "README.md"
_ENCODER = "encoder_mobilefacenet"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KEYS = frozenset({"format", "layout", "weights", "crop", "licence", "source", "encoder", "title"})


def save_pretrained(student: Student, folder: str | Path) -> Path:
    """Write a student that :func:`from_pretrained` reads back bit for bit.

    Args:
        student: of the compact layout, with the recogniser that ships.
        folder: new, or empty; it appears complete or not at all.

    Returns:
        The folder.

    Raises:
        OptionError: the folder holds something, or the student has another layout or recogniser.
        OutputError: the folder cannot be written.
    """
    from safetensors.torch import save

    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OptionError(f"{folder} exists and is not an empty folder; choose another name, or remove it first.")
    tensors = _own_tensors(student)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error
    remove_leftovers(folder.parent)
    with written_whole(folder) as part:
        part.mkdir()
        (part / WEIGHTS_FILE).write_bytes(save(tensors, metadata={"layout": LAYOUT}))
        config = _config(student, part / WEIGHTS_FILE)
        (part / CONFIG_FILE).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (part / CARD_FILE).write_text(_card(config), encoding="utf-8")
    return folder


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    offline: bool = False,
    cache: str | Path | None = None,
    device: torch.device | str = "cpu",
    backend: str = "auto",
    threads: int | None = None,
) -> Student:
    """Load a student from a folder, a Hub repository, or the package (``student``).

    Args:
        name: a folder that :func:`save_pretrained` wrote, a repository ``owner/name``, or ``student``. A folder that exists
            comes first.
        revision: of a repository: a full commit hash. Branches and tags move, so they are refused.
        offline: use only what is in the cache already.
        cache: of the Hub's files; ``HF_HOME`` decides if not given. ``HF_ENDPOINT`` names another server than the Hub.
        device: a torch device.
        backend: see :func:`~mobilefaceswap_core.student.backends.choose_backend`.
        threads: CPU threads of the backend.

    Raises:
        OptionError: not a folder and not a repository name, or no commit hash.
        WeightsError: a file is missing, damaged, of another layout, or cannot be fetched.
    """
    if str(name) == "student" and not Path(name).is_dir():
        return load_student(device=device, backend=backend, threads=threads)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _fetch(str(name), revision, offline=offline, cache=cache)
    elif revision is not None:
        raise OptionError(f"{folder} is a folder and has no revisions; leave revision out.")
    _read_config(folder)
    return load_student(device=device, backend=backend, threads=threads, path=folder / WEIGHTS_FILE)


def _own_tensors(student: Student) -> dict[str, torch.Tensor]:
    from .injection import CompactInjection

    network = student.network
    if not isinstance(network.injection, CompactInjection):
        raise OptionError(
            f"{student.info.name} is not of the layout {LAYOUT}, the only one that can be saved; the official weights stay in "
            "the folder that `convert` wrote."
        )
    encoder = load_tensors(_ENCODER)
    own = student.encoder.network.state_dict()
    if any(key not in own or not torch.equal(own[key].cpu(), value) for key, value in encoder.items()):
        raise OptionError(
            f"This student reads another recogniser than {_ENCODER}; only students of that one can be saved."
        )
    return {
        key: _smallest(value.detach().cpu())
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def _smallest(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of its own memory, in float16 where that loses nothing: the weights that ship are such values."""
    half = tensor.half()
    return (half if torch.equal(half.to(tensor.dtype), tensor) else tensor.clone()).contiguous()


def _config(student: Student, weights: Path) -> dict[str, Any]:
    info = student.info
    return {
        "format": FORMAT,
        "layout": LAYOUT,
        "title": info.title,
        "weights": {"file": WEIGHTS_FILE, "sha256": file_sha256(weights), "size": weights.stat().st_size},
        "crop": {"size_px": info.crop.size_px, "template": info.crop.template, "fit": info.crop.fit},
        "encoder": {"name": _ENCODER, "sha256": spec_of(_ENCODER).files[0].sha256},
        "licence": info.licence,
        "source": info.source,
    }


def _read_config(folder: Path) -> dict[str, Any]:
    """The checked config of a folder whose weights are the described ones."""
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise WeightsError(f"{folder} has no {name}; wanted a folder that save_pretrained wrote.")
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{folder / CONFIG_FILE} is not valid JSON ({error}); save or fetch it again.") from error
    missing = sorted(_KEYS - config.keys()) if isinstance(config, dict) else sorted(_KEYS)
    if missing:
        raise WeightsError(f"{folder / CONFIG_FILE} lacks {missing[0]!r}; wanted a file that save_pretrained wrote.")
    if (config["format"], config["layout"]) != (FORMAT, LAYOUT):
        raise WeightsError(
            f"{folder} holds layout {config['layout']!r}, format {config['format']!r}; wanted {LAYOUT!r}, {FORMAT}. A newer "
            "version of this package may read it."
        )
    _check_inputs(folder, config)
    return config


def _check_inputs(folder: Path, config: dict[str, Any]) -> None:
    """The recogniser, crop and weights must be the described ones: a wrong one gives worse faces without any error."""
    encoder, spec = spec_of(_ENCODER), spec_of("student_224").crop
    wanted = None if spec is None else {"size_px": spec.size_px, "template": spec.template, "fit": spec.fit}
    if config["encoder"] != {"name": _ENCODER, "sha256": encoder.files[0].sha256}:
        raise WeightsError(
            f"{folder} was trained with the recogniser {config['encoder']!r}, this package ships {_ENCODER} "
            f"{encoder.files[0].sha256[:16]}...; use the package version it was saved with."
        )
    if config["crop"] != wanted:
        raise WeightsError(f"{folder} reads crops of {config['crop']!r}, this layout is used with {wanted!r}.")
    digest = file_sha256(folder / WEIGHTS_FILE)
    if not isinstance(config["weights"], dict) or digest != config["weights"].get("sha256"):
        raise WeightsError(
            f"{folder / WEIGHTS_FILE} has SHA-256 {digest[:16]}..., not the one in {CONFIG_FILE}; it is damaged or was "
            "replaced. Save or fetch it again."
        )
    read_safetensors([folder / WEIGHTS_FILE])


def _fetch(name: str, revision: str | None, *, offline: bool, cache: str | Path | None) -> Path:
    """Folder of a repository's files in the Hub's cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise OptionError(f"{name!r} is neither a folder here nor a repository such as owner/name.")
    if revision is None or not _COMMIT.fullmatch(revision):
        raise OptionError(
            f"{name} needs revision=COMMIT, the 40 hexadecimal digits of a commit; got {revision!r}. Branches and tags can "
            "change under you; the repository's page lists its commits."
        )
    options: dict[str, Any] = {"revision": revision, "cache_dir": cache, "local_files_only": offline}
    options["endpoint"] = os.environ.get("HF_ENDPOINT")  # read now; the library reads it when it is imported
    try:
        paths = [Path(hf_hub_download(name, file, **options)) for file in (CONFIG_FILE, WEIGHTS_FILE)]
    except LocalEntryNotFoundError as error:
        remedy = "fetch it once without offline=True" if offline else "check the connection and the names"
        raise WeightsError(f"{name} at {revision[:12]} is not in the cache and was not fetched; {remedy}.") from error
    except HFValidationError as error:
        raise OptionError(f"{name!r} is no repository name ({error}).") from error
    except (HfHubHTTPError, OSError) as error:
        raise WeightsError(
            f"{name} at {revision[:12]} cannot be fetched ({type(error).__name__}). Check the name, the commit and whether "
            "the repository is public, then try again."
        ) from error
    return paths[0].parent


def _card(config: dict[str, Any]) -> str:
    """A model card that says only what the config knows."""
    crop, weights = config["crop"], config["weights"]
    return (
        "---\nlibrary_name: mobilefaceswap\ntags:\n- face-swapping\n- mobilefaceswap\n---\n\n"
        f"# {config['title']}\n\n"
        "A MobileFaceSwap student: it predicts from one photo of a source the kernels of a small network, which then swaps "
        "every target.\n\n"
        "```python\n"
        "from mobilefaceswap_core.detect import load_detector\n"
        "from mobilefaceswap_core.student.hub import from_pretrained\n"
        "from mobilefaceswap_core.pipeline import Pipeline\n\n"
        'pipeline = Pipeline(from_pretrained("this/repository", revision="..."), load_detector())\n'
        "```\n\n"
        "| | |\n|---|---|\n"
        f"| layout | `{config['layout']}` |\n"
        f"| crop | {crop['size_px']} px, {crop['template']} template, {crop['fit']} |\n"
        f"| recogniser | `{config['encoder']['name']}`, ships with the package |\n"
        f"| licence of the weights | {config['licence']} |\n"
        f"| source | {config['source']} |\n"
        f"| SHA-256 of `{weights['file']}` | `{weights['sha256']}` |\n\n"
        "Swap faces only of people who agreed, and mark results as what they are.\n"
    )
