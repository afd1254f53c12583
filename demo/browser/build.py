"""Build the page: ``python -m demo.browser`` writes a folder that any static host can serve.

It joins the page's own files, the core's numbers, ONNX Runtime Web as it ships (:mod:`.runtime`), the detector's
networks, the student as a pair of ONNX files, and the texts that belong to core and demo.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
from markdown_it import MarkdownIt
from safetensors.numpy import save

from mobilefaceswap_core import __version__
from mobilefaceswap_core.blend.occlusion import NAME as OCCLUSION
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.detect.ultraface import of_any_size
from mobilefaceswap_core.errors import OutputError
from mobilefaceswap_core.files.atomic import remove_leftovers, write_bytes, written_whole
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.marking.carriers import BLUE, COARSE, FINE
from mobilefaceswap_core.marking.metadata import clip_tags, metadata_text, xmp_packet
from mobilefaceswap_core.marking.watermark import LOUDNESS
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.student.contract import BLUE_EYES
from mobilefaceswap_core.student.export_pair import IDENTITY_FILE, export_pair, source_file
from mobilefaceswap_core.student.identity_graph import halve, roughen
from mobilefaceswap_core.student.swapper import Student, load_student
from mobilefaceswap_core.weights import weights_path
from mobilefaceswap_core.weights.load import load_arrays

from ..texts import LANGUAGES, consent_words
from . import hidden_mark, landmark_network, packing, runtime, webassembly
from .constants import write_constants
from .icons import ICON, write_icons
from .offline import write_service_worker

HERE = Path(__file__).parent
_PORTRAITS = HERE.parent / "examples" / "portraits"
_BOXES = "detector_ultraface_rfb320"

_DESCRIPTION = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.DOTALL | re.MULTILINE)


def build(out: Path, *, identity: bool = True) -> Path:
    """Write the page.

    Args:
        out: folder to write; replaced whole when it holds an earlier build.
        identity: include the network that reads a source photo; without it the page takes prepared files only.

    Returns:
        ``out``.

    Raises:
        BackendError: the runtime that ships is missing or damaged.
        OutputError: ``out`` is a folder of something else, or cannot be written.
    """
    if out.exists() and any(out.iterdir()) and not (out / "index.html").is_file():
        raise OutputError(f"{out} holds other files and would be replaced; give an empty or new folder.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out.parent)
        with written_whole(out, replacing=True) as page:
            shutil.copytree(HERE / "page", page)
            write_constants(page / "constants.js")
            for module in page.glob("*.js"):
                module.write_text(without_descriptions(module.read_text(encoding="utf-8")), encoding="utf-8")
            runtime.unpack(page / "runtime")
            for name in webassembly.BUILDS.keys() - {webassembly.INLINED}:
                packing.write(page / "runtime" / name, (webassembly.FOLDER / name).read_bytes())
            _add_networks(page / "models", identity=identity)
            _add_texts(page / "data")
            shutil.copytree(_PORTRAITS, page / "portraits")
            write_icons(page / "icons")
            shutil.copy(ICON, page / "icons")
            write_service_worker(page)
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error}). Give another folder with --out.") from error
    return out


def without_descriptions(module: str) -> str:
    """A module of the page without what describes its parts, a third of it: comments of their own lines that begin with two stars.

    What type checkers read within a line stays, and so does every other comment.
    """
    return _DESCRIPTION.sub("", module)


def _add_networks(folder: Path, *, identity: bool) -> None:
    folder.mkdir()
    write_bytes(folder / f"{_BOXES}.onnx", halve(of_any_size(weights_path(_BOXES))).SerializeToString())
    of_own_layers = {
        "watermark": hidden_mark.tensors("student", COARSE),
        "watermark_fine": hidden_mark.tensors("student", FINE),
        # The page searches no strength; nine faces of ten are read at the weakest.
        "watermark_blue": hidden_mark.tensors("student", BLUE, strength=LOUDNESS[BLUE].weakest),
        landmark_network.NAME: landmark_network.tensors(),
        "occlusion": {name: array.astype(np.float16) for name, array in load_arrays(OCCLUSION).items()},
    }
    for name, tensors in of_own_layers.items():
        write_bytes(folder / f"{name}.safetensors", save(tensors))
    if identity:
        student = load_student(backend="torch")
        export_pair(student, folder, glasses=True)
        exact = onnx.load(folder / IDENTITY_FILE)
        write_bytes(folder / IDENTITY_FILE, roughen(exact).SerializeToString())
        _add_portraits(student, folder)
    for path in list(folder.iterdir()):
        packing.replace(path)


def _add_portraits(student: Student, folder: Path) -> None:
    """What the page would make of the portraits as photos: 0.8 MB each, and no need of the identity network."""
    pipeline, said = Pipeline(student, load_detector("lite")), {}
    for path in sorted(_PORTRAITS.iterdir()):
        source = pipeline.prepare_source([read_image(path).image])
        kernels = np.frombuffer(source_file(source.condition.weights), np.uint8).reshape(-1, 4)
        # All first bytes of the numbers, then all second ones: those that rounding left empty come together.
        write_bytes(folder / f"{path.stem}.kernels", kernels.T.tobytes())
        said[path.stem] = {BLUE_EYES: source.blue_eyes}
    write_bytes(folder / "portraits.json", json.dumps(said).encode())


def _add_texts(folder: Path) -> None:
    folder.mkdir()
    # The page fills in the model's name, which it knows only when a source is loaded.
    said = {"model": "{model}", "version": __version__}
    text = {"picture": metadata_text(**said), "clip": {"tags": clip_tags(**said), "packet": xmp_packet(**said)}}
    (folder / "mark.json").write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
    for language in LANGUAGES:
        (folder / f"consent.{language}.html").write_text(consent_html(language), encoding="utf-8")


def consent_html(language: str) -> str:
    """What visitors agree to, without the last paragraph: it tells how the app's results are marked, not the page's."""
    paragraphs = consent_words(language).strip().split("\n\n")
    return MarkdownIt().render("\n\n".join(paragraphs[:-1]))
