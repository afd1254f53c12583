"""ONNX Runtime Web as it ships: compressed, so that the page is built from what is installed, without npm or a network.

    python -m demo.browser.runtime DIST

packs the files again from the ``dist`` folder of the onnxruntime-web that ``package-lock.json`` pins; a test compares both.
"""

from __future__ import annotations

import argparse
import lzma
import shutil
from pathlib import Path

from mobilefaceswap_core.errors import BackendError, SwapError
from mobilefaceswap_core.files.atomic import write_bytes

FOLDER = Path(__file__).parent / "onnxruntime_web"
# Two builds: with WebGPU, and the smaller one without. Each is a loader, its module and its binary.
NAMES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)


def unpack(folder: Path) -> None:
    """Write the runtime's files into a new folder, its binaries of 41 MB as they are packed here, 6 MB: the page unpacks them.

    Raises:
        BackendError: a file is missing or damaged.
    """
    folder.mkdir()
    for name in NAMES:
        packed = FOLDER / f"{name}.xz"
        try:
            data = lzma.decompress(packed.read_bytes())
        except (FileNotFoundError, lzma.LZMAError) as error:
            raise BackendError(f"{packed.name} is missing or damaged ({error}). Install the package again.") from error
        if name.endswith(".wasm"):
            shutil.copy(packed, folder / packed.name)
        else:
            (folder / name).write_bytes(data)


def pack(dist: Path) -> None:
    """Compress the files that the page needs from an installed onnxruntime-web.

    Raises:
        BackendError: one of them is not there.
    """
    for name in NAMES:
        if not (dist / name).is_file():
            raise BackendError(f"{dist} has no {name}; give the dist folder of the onnxruntime-web that is pinned.")
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        write_bytes(FOLDER / f"{name}.xz", lzma.compress((dist / name).read_bytes(), preset=9 | lzma.PRESET_EXTREME))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.browser.runtime", description=__doc__.splitlines()[0])
    parser.add_argument("dist", type=Path, help="dist folder of an installed onnxruntime-web")
    options = parser.parse_args(arguments)
    try:
        pack(options.dist)
    except SwapError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
