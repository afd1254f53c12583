"""The page in headless Firefox at a phone's size: the same swap as Python's, a camera, a clip, and what is kept for the next visit."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.student.swapper import Student
from mobilefaceswap_core.types import AlignedFace
from tests.fakes.built_page import Isolated, served
from tests.fakes.firefox import FIREFOX, Firefox, firefox

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not FIREFOX, reason="no Firefox: install the package or set MOBILEFACESWAP_FIREFOX"),
]
SWAPPED = """async (text) => {
    const {StudentHere} = await import('./student.js');
    const {Runtime} = await import('./runtime.js');
    const {Swapper} = await import('./swap.js');
    const runtime = await Runtime.load('wasm');
    const student = new StudentHere(runtime);
    const swapper = new Swapper(runtime, null, null, {watermark: null, occlusion: null}, student);
    await swapper.usePortrait('average_1');
    const data = Uint8ClampedArray.from(atob(text), (c) => c.charCodeAt(0));
    const {face} = await swapper.swapCrop({width: 224, height: 224, data});
    let said = '';
    for (const byte of face.data) said += String.fromCharCode(byte);
    return btoa(said);
}"""


@pytest.fixture(scope="module")
def window(page_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """The page, opened once for all tests here."""
    with served(page_folder, Isolated) as address, firefox(tmp_path_factory.mktemp("profile")) as opened:
        opened.goto(address + "?run=wasm")
        opened.wait_for("document.documentElement.dataset.ready !== undefined")
        yield opened


def test_a_crop_is_swapped_as_python_swaps_it(window: Firefox, student: Student, person: object) -> None:
    rng = np.random.default_rng(2)
    crop = cv2.resize(rng.integers(0, 256, (14, 14, 3), np.uint8), (224, 224), interpolation=cv2.INTER_CUBIC)
    sent = np.dstack([crop, np.full((224, 224), 255, np.uint8)]).tobytes()
    got = np.frombuffer(base64.b64decode(window.evaluate(SWAPPED, base64.b64encode(sent).decode())), np.uint8)
    want = student.swap([AlignedFace(crop, np.eye(2, 3))], [person])[0].image  # type: ignore[list-item]
    assert np.abs(got.reshape(224, 224, 4)[..., :3].astype(int) - want).max() <= 2


def test_a_photo_is_swapped_a_clip_of_the_camera_is_recorded_and_all_is_kept(
    window: Firefox, tmp_path: Path, portrait: np.ndarray
) -> None:
    photo = read_image(Path(__file__).parents[2] / "demo" / "examples" / "portraits" / "average_3.webp").image
    cv2.imwrite(str(tmp_path / "photo.png"), photo[..., ::-1])
    window.give_file("#photo", tmp_path / "photo.png")
    window.click("#agree")
    window.wait_for("document.querySelector('#status').textContent.startsWith('1 of 1 faces swapped')")
    url = window.evaluate("async () => document.querySelector('#result').toDataURL()")
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    face = np.s_[150:350, 150:350]
    assert np.abs(shown[face].astype(int) - photo[face]).mean() > 4
    assert window.evaluate("async () => document.documentElement.scrollWidth <= innerWidth"), "it has to be scrolled"
    window.click("#camera")  # Firefox's shows no face; its pictures are drawn all the same
    window.wait_for("document.querySelector('#fps').textContent !== ''")
    window.click("#record")
    window.wait_for("document.querySelector('#recorded').textContent !== ''")
    window.click("#record")
    window.wait_for("!document.querySelector('#clip').hidden")
    window.click("#camera")
    kept = "(await Promise.all((await caches.keys()).map(async (n) => (await (await caches.open(n)).keys()).length)))"
    window.wait_for(f"navigator.serviceWorker.controller !== null && {kept}.some((count) => count > 20)")
