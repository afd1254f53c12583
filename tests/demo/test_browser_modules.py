"""The page's modules without a browser: types, layout, and their own tests, which compare them with the core."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demo.browser import runtime, webassembly
from demo.browser.build import HERE
from demo.browser.constants import constants, constants_js, write_constants
from mobilefaceswap_core.blend import colour, mask, occlusion, outline
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.types import CropSpec
from mobilefaceswap_core.weights.load import spec_of
from tests.fakes import page_golden

OWN = ("page", "tests", "webassembly", "jsconfig.json", ".prettierignore", "package.json", "package-lock.json")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, node_modules: Path) -> Path:
    """A copy of the page's sources with the core's numbers and the tools of ``package-lock.json``."""
    folder = tmp_path_factory.mktemp("workshop")
    for name in OWN:
        copy = shutil.copytree if (HERE / name).is_dir() else shutil.copy
        copy(HERE / name, folder / name)
    write_constants(folder / "page" / "constants.js")
    (folder / "node_modules").symlink_to(node_modules)
    return folder


@pytest.mark.parametrize("script", ["check", "format:check", "test"])
def test_the_pages_own_checks_pass(script: str, workshop: Path) -> None:
    done = subprocess.run(["npm", "run", script], cwd=workshop, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_type_check_finds_a_wrong_type(workshop: Path) -> None:
    wrong = workshop / "page" / "wrong.js"
    wrong.write_text("import { distance } from './align.js';\n\nexport const apart = distance('a', [0, 0]);\n")
    try:
        done = subprocess.run(["npm", "run", "check"], cwd=workshop, capture_output=True, text=True, timeout=300)
    finally:
        wrong.unlink()
    assert done.returncode != 0
    assert "page/wrong.js" in done.stdout


def test_the_runtime_that_ships_is_the_one_that_the_lock_file_pins(node_modules: Path, tmp_path: Path) -> None:
    runtime.unpack(tmp_path / "runtime")
    for name in runtime.NAMES:
        pinned = node_modules / "onnxruntime-web" / "dist" / name
        written = tmp_path / "runtime" / name
        data = written.read_bytes() if written.is_file() else lzma.decompress(Path(f"{written}.xz").read_bytes())
        assert data == pinned.read_bytes(), name


@pytest.mark.parametrize("name", webassembly.BUILDS)
def test_the_webassembly_that_ships_was_made_from_its_source(name: str) -> None:
    data, build = (webassembly.FOLDER / name).read_bytes(), webassembly.BUILDS[name]
    changed = f"{build.sources[0].name} or what belongs to it was changed: run `python -m demo.browser.webassembly`"
    assert data.endswith(build.digest()), changed
    relaxed_madd = bytes([0xFD, 0x85, 0x02])
    assert (relaxed_madd in data) == ("relaxed" in name)


def test_no_complaint_is_silenced() -> None:
    for path in [*(HERE / "page").glob("*.js"), *(HERE / "tests").glob("*.js")]:
        assert not re.search(r"@ts-(ignore|nocheck|expect-error)", path.read_text(encoding="utf-8")), path.name


def test_the_stored_answers_are_those_of_the_core() -> None:
    stored = json.loads(page_golden.FILE.read_text(encoding="utf-8"))
    computed = page_golden.golden()
    assert stored.keys() == computed.keys()
    for name, answer in computed.items():
        if isinstance(answer, list):
            # A level of 255 may come out differently on another processor.
            np.testing.assert_allclose(
                np.array(stored[name], float), answer, atol=1 if isinstance(answer[0], int) else 1e-6, err_msg=name
            )
        else:
            assert stored[name] == answer, name


def test_the_page_computes_with_the_cores_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour, "MEAN_STRENGTH", 0.123)
    assert constants()["COLOUR"]["MEAN_STRENGTH"] == 0.123
    assert "MEAN_STRENGTH: 0.123," in constants_js()


def test_the_pages_choices_are_the_cores() -> None:
    defaults = {choice.name.upper(): choice.default for choice in CHOICES}
    offered = constants()["CHOICES"]
    assert offered.items() <= defaults.items()
    assert offered.keys() == {
        "OCCLUSION",
        "BEARD",
        "PUPILS",
        "FOLDS",
        "BROWS",
        "GAZE",
        "LIDS",
        "MOUTH",
        "TEXTURE",
        "STRENGTH",
    }
    assert "OCCLUSION: true," in constants_js()
    assert "TEXTURE: /** @type {number | null} */ (null)," in constants_js()


def test_the_page_offers_the_ranges_of_the_core() -> None:
    page = (HERE / "page" / "index.html").read_text(encoding="utf-8")
    for choice in CHOICES:
        if choice.name in ("texture", "strength"):
            assert f'id="{choice.name}" type="range" min="{choice.low:g}" max="{choice.high:g}"' in page


def test_occlusion_reads_the_crop_that_the_page_cuts_out() -> None:
    assert spec_of(occlusion.NAME).crop == CropSpec()
    assert CropSpec().size_px == outline.WEIGHT_PX


def test_no_module_of_the_page_repeats_a_number_of_the_finish() -> None:
    shared = constants()
    groups = (
        "COLOUR",
        "DETAIL",
        "MASK",
        "CHOICES",
        "FOLDS",
        "GAZE",
        "LIDS",
        "MOUTH",
        "OUTLINE",
        "STEADY",
        "REGIONS",
        "NATIVE",
        "OCCLUSION",
        "TEXTURE",
    )
    finish = [shared[group] for group in groups]
    names = {name for group in finish for name in group}
    modules = (
        "colour",
        "detail",
        "mask",
        "finish",
        "paste",
        "beard",
        "hues",
        "pupils",
        "folds",
        "gaze",
        "lids",
        "mouth",
        "outline",
        "steady",
        "features",
        "native",
        "occlusion",
        "texture",
        "luma",
    )
    for name in (*modules, "filters", "shapes", "memory"):
        code = (HERE / "page" / f"{name}.js").read_text(encoding="utf-8")
        assert not re.findall(rf"\b({'|'.join(names)})\b\s*[=:]\s*[\d\[]", code), name
        # Luma is a sum of thirds and the like; what is left are counts, halves, shapes of arrays.
        assert not re.findall(r"(?<![\w.])0\.\d+", code), name


def test_lengths_of_the_mask_are_whole_pixels_of_any_crop() -> None:
    assert mask.MaskOptions().in_pixels(224) == (11, 11, 7, 11, 10)
    for side in (16, 112, 256, 512):
        lengths = mask.MaskOptions().in_pixels(side)
        assert all(length >= 1 for length in lengths)
        assert all(length % 2 == 1 for length in lengths[:4])


def test_the_numbers_are_written_by_a_command(tmp_path: Path) -> None:
    root = HERE.parent.parent
    code = "from pathlib import Path; import demo.browser.constants as c; c.write_constants(Path('constants.js'))"
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=120)
    assert (tmp_path / "constants.js").read_text(encoding="utf-8") == constants_js()
