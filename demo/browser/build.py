"""Build the page: ``python -m demo.browser`` writes a folder that any static host can serve.

It joins the page's own files, the core's numbers, ONNX Runtime Web (fetched by npm, the version that
``package-lock.json`` pins), the detector's networks, the student as a pair of ONNX files, and the texts that belong to
core and demo.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

from mobilefaceswap_core import __version__
from mobilefaceswap_core.blend.occlusion import NAME as OCCLUSION
from mobilefaceswap_core.blend.occlusion_network import OcclusionNet, occlusion_graph
from mobilefaceswap_core.errors import BackendError, OutputError
from mobilefaceswap_core.files.atomic import remove_leftovers, write_bytes, written_whole
from mobilefaceswap_core.marking.metadata import metadata_text
from mobilefaceswap_core.marking.onnx_watermark import watermark_graph
from mobilefaceswap_core.student.export_pair import export_pair
from mobilefaceswap_core.student.identity_graph import halve
from mobilefaceswap_core.student.swapper import load_student
from mobilefaceswap_core.weights import weights_path
from mobilefaceswap_core.weights.load import load_into, load_tensors

from ..texts import LANGUAGES, consent_words
from .constants import write_constants

HERE = Path(__file__).parent
DEFAULT_OUT = HERE / "dist"
_PORTRAITS = HERE.parent / "examples" / "portraits"
# Two builds of the runtime: with WebGPU, and the smaller one without. Each is a loader, its module and its binary.
_RUNTIME = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
_NETWORKS = ("detector_ultraface_rfb320", "landmarks_68")
_NPM_SECONDS = 600


def build(out: Path = DEFAULT_OUT, *, runtime: Path | None = None, identity: bool = True) -> Path:
    """Write the page.

    Args:
        out: folder to write; replaced whole when it holds an earlier build.
        runtime: ``dist`` folder of an installed onnxruntime-web; fetched with npm if not given.
        identity: include the network that reads a source photo; without it the page takes prepared files only.

    Returns:
        ``out``.

    Raises:
        BackendError: npm is missing, or failed.
        OutputError: ``out`` is a folder of something else, or cannot be written.
    """
    if out.exists() and any(out.iterdir()) and not (out / "index.html").is_file():
        raise OutputError(f"{out} holds other files and would be replaced; give an empty or new folder.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out.parent)
        with tempfile.TemporaryDirectory() as temporary, written_whole(out, replacing=True) as page:
            shutil.copytree(HERE / "page", page)
            write_constants(page / "constants.js")
            _add_runtime(page / "runtime", runtime or fetch_runtime(Path(temporary)))
            _add_networks(page / "models", identity=identity)
            _add_texts(page / "data")
            shutil.copytree(_PORTRAITS, page / "portraits")
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error}). Give another folder with --out.") from error
    return out


def fetch_runtime(folder: Path) -> Path:
    """Install onnxruntime-web below a folder with npm; its ``dist`` folder.

    Raises:
        BackendError: npm is missing, or failed.
    """
    return install_packages(folder, tools=False) / "onnxruntime-web" / "dist"


def install_packages(folder: Path, *, tools: bool) -> Path:
    """Install what ``package-lock.json`` pins below a folder with npm; its ``node_modules`` folder.

    Args:
        folder: an existing one; gets a copy of the two package files.
        tools: also what only checks the page: TypeScript and Prettier.

    Raises:
        BackendError: npm is missing, or failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise BackendError("npm was not found. Install Node.js 18 or newer, or give --runtime.")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    # The packages' own install scripts are for other uses of them; none is run.
    # What npm has kept from before will do, for the lock file holds its hash; and a missing network is told at once.
    patience = [
        "--prefer-offline",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=2000",
        "--fetch-retry-maxtimeout=2000",
    ]
    which = ["--include=dev"] if tools else ["--omit=dev"]
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *which, *patience]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_NPM_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"npm could not be run ({error}). Install Node.js again, or give --runtime.") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("npm error", "npm ERR"))]
        why = said[0] if said else f"exit status {done.returncode}"
        raise BackendError(f"npm could not install the packages ({why}). Check the connection to its registry.")
    return folder / "node_modules"


def _add_runtime(folder: Path, runtime: Path) -> None:
    folder.mkdir()
    for name in _RUNTIME:
        if not (runtime / name).is_file():
            raise BackendError(f"{runtime} has no {name}; give the dist folder of the onnxruntime-web that is pinned.")
        shutil.copy(runtime / name, folder / name)


def _add_networks(folder: Path, *, identity: bool) -> None:
    folder.mkdir()
    for name in _NETWORKS:
        shutil.copy(weights_path(name), folder / f"{name}.onnx")
    write_bytes(folder / "watermark.onnx", halve(watermark_graph("student")).SerializeToString())
    occlusion = OcclusionNet().eval().requires_grad_(False)
    load_into(occlusion, load_tensors(OCCLUSION), what=OCCLUSION)
    write_bytes(folder / "occlusion.onnx", halve(occlusion_graph(occlusion)).SerializeToString())
    if identity:
        export_pair(load_student(backend="torch"), folder)


def _add_texts(folder: Path) -> None:
    folder.mkdir()
    # The page fills in the model's name, which it knows only when a source is loaded.
    text = metadata_text(model="{model}", version=__version__)
    (folder / "mark.json").write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
    for language in LANGUAGES:
        (folder / f"consent.{language}.html").write_text(consent_html(language), encoding="utf-8")


def consent_html(language: str) -> str:
    """What visitors agree to, without the last paragraph: it tells how the app's results are marked, not the page's."""
    paragraphs = consent_words(language).strip().split("\n\n")
    return MarkdownIt().render("\n\n".join(paragraphs[:-1]))
