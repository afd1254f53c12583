"""Every swapper by name: what ``--model`` accepts, and which one is used when nobody chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OptionError
from .plugins import SWAPPERS, is_reference, make, package_of, registered
from .runtime.devices import choose_device, device_name
from .student.mobile.formats import RUNNABLE_SUFFIXES, format_of_path
from .swapper import Swapper

if TYPE_CHECKING:
    import torch

# The student has the best figures (model card), is the only one that is fast enough for clips, and what its 224 px lack on
# large faces comes back while they are finished (blend/).
DEFAULT_MODEL = "student"
FILE_SUFFIXES = (".safetensors", ".onnx", *RUNNABLE_SUFFIXES)  # of files that are models


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of ``--model``.

    Attributes:
        name: as given on the command line.
        about: one line for people.
        files: what must be there besides the package's own files; empty when it ships.
        get: how to get missing files.
        load: ``(device, backend, threads) -> Swapper``.
    """

    name: str
    about: str
    files: tuple[Path, ...]
    get: str
    load: Callable[[torch.device, str, int | None], Swapper]

    @property
    def present(self) -> bool:
        return all(path.is_file() for path in self.files)


def _student(device: torch.device | str, backend: str, threads: int | None) -> Swapper:
    from .student.swapper import load_student

    return load_student(device=device, backend=backend, threads=threads)


def _official(device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .student.official_files import official_folder
    from .student.swapper import load_official

    return load_official(official_folder(), device=device, backend=backend, threads=threads)


def _teacher(device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .teachers.ours import load

    return load(device=device)


def _graphics(device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .teachers.graphics import GraphicsSwapper

    return GraphicsSwapper()


def _simswap(device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .teachers.simswap import load

    return load(device=device)


def _ghost(device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .teachers.ghost import load

    return load(device=device)


def _inswapper(device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .teachers.inswapper import load

    return load(device=device)


def entries() -> dict[str, ModelEntry]:
    """All known swappers: those whose files are missing, and those that other packages register, included.

    >>> list(entries())[:3]
    ['student', 'teacher', 'graphics']
    """
    from .student.official_files import NETWORK_FILE, RECOGNISER_FILE, official_folder
    from .teachers.released import GHOST, INSWAPPER, SIMSWAP, Checkpoint, expected_path

    def files(wanted: tuple[Checkpoint, ...]) -> tuple[tuple[Path, ...], str]:
        return tuple(map(expected_path, wanted)), " ".join(dict.fromkeys(checkpoint.remedy for checkpoint in wanted))

    official = tuple(official_folder() / name for name in (NETWORK_FILE, RECOGNISER_FILE))
    listed = (
        ModelEntry("student", "MobileFaceSwap, trained by this project", (), "", _student),
        ModelEntry("teacher", "SimSwap-like teacher, trained by this project", (), "", _teacher),
        ModelEntry("graphics", "landmark warp without weights", (), "", _graphics),
        ModelEntry(
            "official",
            "MobileFaceSwap, the authors' released weights",
            official,
            "`python -m mobilefaceswap_core fetch official`, or download checkpoints.tar from the authors' README, then "
            "`python -m mobilefaceswap_core convert checkpoints.tar`",
            _official,
        ),
        ModelEntry("simswap", "SimSwap 224, the authors' weights", *files(SIMSWAP), _simswap),
        ModelEntry("ghost", "GHOST, two blocks, the authors' weights", *files(GHOST), _ghost),
        ModelEntry("inswapper", "inswapper 128 of InsightFace", *files(INSWAPPER), _inswapper),
    )
    own = {entry.name: entry for entry in (*listed, *_published())}
    others = registered(SWAPPERS, taken=frozenset(("auto", *own)))
    return own | {
        name: ModelEntry(name, f"from the package {package_of(entry)}", (), "", partial(_from_reference, entry.value))
        for name, entry in others.items()
    }


def _published() -> Iterator[ModelEntry]:
    """The foreign swappers of the table of contracts."""
    from .teachers.contracts import contracts
    from .weights.published import COMMAND, expected, with_needs

    for name, contract in contracts().items():
        # The swapper first: what is shared with others comes after it.
        files = tuple(map(expected, reversed(with_needs([name]))))
        yield ModelEntry(name, contract.title, files, f"`{COMMAND} {name}`", partial(_by_contract, name))


def _by_contract(name: str, device: torch.device, backend: str, threads: int | None) -> Swapper:
    from .teachers.contract_swapper import load_contract_swapper
    from .teachers.contracts import contracts

    return load_contract_swapper(contracts()[name], device=device, backend=backend)


def _from_reference(reference: str, device: torch.device, backend: str, threads: int | None) -> Swapper:
    return make(reference, Swapper, device=device, backend=backend, threads=threads)


def available_swappers() -> list[str]:
    """Names whose files are all present."""
    return [name for name, entry in entries().items() if entry.present]


def holds_source(name: str) -> bool:
    """Whether a model swaps in a person of its own and takes no source photo.

    Raises:
        WeightsError: the name is that of an ONNX file that is missing or damaged.
    """
    if name.endswith(RUNNABLE_SUFFIXES):
        return True  # nothing else is written in those formats
    if not name.endswith(".onnx"):
        return False
    from .teachers.onnx_file import holds_source as file_holds_source

    return file_holds_source(Path(name))


def load_swapper(
    name: str = "auto",
    *,
    device: torch.device | str = "auto",
    backend: str = "auto",
    threads: int | None = None,
    contract: str | None = None,
) -> Swapper:
    """Load a swapper.

    Args:
        name: ``auto``, a name of :func:`entries`, the path of a ``.safetensors`` file in the student's layout, of an
            ``.onnx`` file of a kind that :mod:`mobilefaceswap_core.teachers.onnx_file` knows, or of a ``.tflite`` or
            ``.param`` file that :mod:`mobilefaceswap_core.student.mobile` wrote, or ``module:factory``: a
            function that returns a :class:`~mobilefaceswap_core.swapper.Swapper` and may take ``device``, ``backend`` and
            ``threads``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        backend: for the student, see :func:`~mobilefaceswap_core.student.backends.choose_backend`; for files of others
            ``onnxruntime`` or ``openvino``.
        threads: CPU threads of the student's backend.
        contract: of an ``.onnx`` file: a TOML file, or whose contract it keeps; see
            :func:`~mobilefaceswap_core.teachers.contracts.find_contract`.

    Raises:
        OptionError: unknown name, a factory that returns something else, or a contract that is none.
        WeightsError: the model's files are missing or damaged.
    """
    if name == "auto":
        name = DEFAULT_MODEL
    if contract is not None and not name.endswith(".onnx"):
        raise OptionError(f"--contract says how to run an .onnx file, got the model {name!r}; leave it out.")
    if name == DEFAULT_MODEL:  # neither it nor a CPU needs PyTorch, which the table of all swappers loads
        return _student(device_name(device) if isinstance(device, str) else device, backend, threads)
    where = choose_device(device) if isinstance(device, str) else device
    if name.endswith(".safetensors"):
        from .student.swapper import load_student

        return load_student(device=where, backend=backend, threads=threads, path=Path(name))
    if name.endswith(".onnx"):
        from .teachers.onnx_file import load_onnx_swapper

        return load_onnx_swapper(Path(name), device=where, backend=backend, threads=threads, contract=contract)
    if format_of_path(Path(name)) is not None:
        from .student.mobile.runners import load_exported

        return load_exported(Path(name), threads=threads)
    if is_reference(name):
        return _from_reference(name, where, backend, threads)
    known = entries()
    if name not in known:
        raise OptionError(
            f"Unknown model {name!r}; known are: {', '.join(known)}, the path of a file ending in "
            f"{', '.join(FILE_SUFFIXES)}, or module:factory."
        )
    return known[name].load(where, backend, threads)
