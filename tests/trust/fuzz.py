"""Coverage-guided fuzzing of the parsers of bytes, with Atheris where it is installed; not part of the tests.

``python -m tests.trust.fuzz TARGET [-runs=N] [-max_total_time=SECONDS] [CORPUS]``, TARGET one of ``npz``,
``safetensors``, ``metadata``, ``pdparams``, ``image``. A target fails when anything but an error of the package escapes.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mobilefaceswap_core.errors import OptionError, SwapError


def npz(data: bytes, path: Path) -> None:
    """Packs, parity files, caches of embeddings."""
    from mobilefaceswap_core.files.npz import read_npz

    path.write_bytes(data)
    read_npz(path, error=OptionError, what="archive")


def safetensors(data: bytes, path: Path) -> None:
    """Weights."""
    from mobilefaceswap_core.weights.load import read_safetensors

    path.write_bytes(data)
    read_safetensors([path])


def metadata(data: bytes, path: Path) -> None:
    """What verification reads, and what marking writes into."""
    from mobilefaceswap_core.marking.metadata import embed_metadata, read_metadata

    path.write_bytes(data or b"x")
    read_metadata(path)
    embed_metadata(data, model="student", version="1")


def pdparams(data: bytes, path: Path) -> None:
    """The authors' pickles."""
    from mobilefaceswap_core.student.official import read_pdparams

    read_pdparams(io.BytesIO(data), name="fuzzed")


def image(data: bytes, path: Path) -> None:
    """Photos."""
    from mobilefaceswap_core.files.images import read_image

    read_image(data, max_pixels=1_000_000)


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "npz": npz, "safetensors": safetensors, "metadata": metadata, "pdparams": pdparams, "image": image,
}  # fmt: skip


def main() -> None:
    """Fuzz until told to stop."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("Atheris is not installed: pip install atheris (wheels for Linux).") from None
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"wanted one of {', '.join(TARGETS)}")
    target = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.bin"

        def one(data: bytes) -> None:
            with contextlib.suppress(SwapError):
                target(data, path)

        # The first call imports what the target reads with; only code imported here is watched for new paths.
        with atheris.instrument_imports(
            include=["mobilefaceswap_core", "zipfile", "pickletools", "safetensors", "json"]
        ):
            one(b"x")
        atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
