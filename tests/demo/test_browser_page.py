"""The page in use, in headless Chromium with a fake camera: on a static host, and in the app."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from demo.build import build_demo, launch_options
from demo.settings import Settings
from demo.work.engine import Engine
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.faces.landmarks68 import NOSE_TIP
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.marking import verify_file
from mobilefaceswap_core.models import load_swapper
from mobilefaceswap_core.student.export import export_baked
from mobilefaceswap_core.student.swapper import Student
from mobilefaceswap_core.types import CropSpec
from tests.fakes.built_page import PATIENCE_MS, PORTRAITS, chromium, rims, swaying, with_glasses, write_camera

pytestmark = pytest.mark.browser
SPEC = CropSpec()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def browser(page_url: str, folder: Path) -> Iterator[Any]:
    camera = write_camera(folder / "camera.mjpeg")
    with chromium("--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                  f"--use-file-for-fake-video-capture={camera}") as opened:  # fmt: skip
        yield opened


@pytest.fixture
def visit(browser: Any, page_url: str) -> Iterator[Any]:
    """Opens the page as a new visitor; errors in its scripts, and requests to other hosts, fail the test."""
    contexts, errors = [], []

    def watch(request: Any) -> None:
        if not request.url.startswith((page_url.removesuffix("index.html"), "blob:", "data:")):
            errors.append(f"asked for {request.url}")

    def open_page(query: str = "", **context: Any) -> Any:
        # What a service worker does is a test of its own: it may load the page again.
        contexts.append(browser.new_context(service_workers="block", **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", watch)
        page.goto(page_url + query)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@functools.cache
def judges() -> tuple[Any, Any]:
    return load_detector("lite"), load_identity_encoder()


def similarity(image: np.ndarray, source: np.ndarray) -> float:
    """Cosine of the identities of two photos' first faces."""
    detector, encoder = judges()
    faces = [align_face(i, detector.detect(i)[0], SPEC).image for i in (image, source)]
    one, other = encoder.embed(faces)
    return float(one @ other)


def shown(page: Any) -> np.ndarray:
    """What the canvas shows."""
    data = page.evaluate("document.querySelector('#result').toDataURL()")
    return cv2.cvtColor(
        cv2.imdecode(np.frombuffer(base64.b64decode(data.split(",")[1]), np.uint8), 1), cv2.COLOR_BGR2RGB
    )


def fps(page: Any) -> float:
    page.get_by_text(re.compile(r"[\d.]+ frames per second")).wait_for()
    return float(re.search(r"[\d.]+", page.inner_text("#fps"))[0])


def test_the_camera_is_swapped_and_a_saved_picture_is_marked(visit: Any, folder: Path, portrait: np.ndarray) -> None:
    page = visit()
    page.click("#camera")
    assert page.is_visible("#consent") and not page.is_visible("#result")
    page.click("#agree")
    page.wait_for_selector("#result[data-swapped='1']")
    assert fps(page) > 0
    frame = shown(page)
    assert frame.shape == (360, 480, 3)
    assert similarity(frame, portrait) > similarity(swaying(1)[0], portrait) + 0.1
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(folder / "saved.png")
    report = verify_file(folder / "saved.png")
    assert report.marked and report.metadata.model == "student"
    assert report.metadata.source_type.endswith("compositeWithTrainedAlgorithmicMedia")
    assert report.watermark.found and report.watermark.model == "student"
    page.select_option("#run-on", "wasm")  # the networks are loaded again
    page.get_by_text("Loading the networks").wait_for()
    page.get_by_text("The camera is swapped live.").wait_for()
    before = shown(page)
    for _ in range(100):
        page.wait_for_timeout(100)
        if moved := (shown(page) != before).any():
            break
    assert moved  # it goes on
    page.click("#camera")
    assert page.inner_text("#camera") == "Start camera"
    page.click("#camera")  # no second question
    page.wait_for_selector("#result[data-swapped='1']")
    assert not page.is_visible("#consent")


def test_a_photo_is_swapped_with_a_file_made_by_export(visit: Any, student: Student, person: Any, folder: Path) -> None:
    export_baked(student, person, folder / "face.onnx", half=True)
    page = visit("?run=wasm")
    page.set_input_files("#source-file", str(folder / "face.onnx"))
    assert page.inner_text("#chosen-source") == "In use: face.onnx"
    page.set_input_files("#photo", str(PORTRAITS[2]))
    page.click("#agree")
    page.get_by_text(re.compile(r"1 of 1 faces swapped")).wait_for()
    before, after = read_image(PORTRAITS[2]).image, shown(page)
    assert similarity(after, read_image(PORTRAITS[1]).image) > similarity(before, read_image(PORTRAITS[1]).image) + 0.1
    corner = after[-60:, -200:].astype(int) - before[-60:, -200:]
    assert (np.abs(corner) > 20).mean() > 0.1  # the visible label


def test_glasses_stay_until_the_visitor_lets_them_go(visit: Any, folder: Path) -> None:
    photo = read_image(PORTRAITS[2]).image
    (face,) = judges()[0].detect(photo)
    worn = with_glasses(photo, face.landmarks)
    cv2.imwrite(str(folder / "glasses.png"), worn[..., ::-1])
    # Inside of the drawn rims: their own edges are a pixel of both.
    inside = cv2.erode(rims(face.landmarks, photo.shape).astype(np.uint8), np.ones((3, 3))) > 0
    page = visit("?run=wasm")
    page.set_input_files("#photo", str(folder / "glasses.png"))
    page.click("#agree")
    page.get_by_text("1 of 1 faces swapped").wait_for()

    def lost() -> float:
        return float(np.abs(shown(page).astype(int) - worn)[inside].mean())

    assert page.is_checked("#occlusion")
    kept = lost()
    page.uncheck("#occlusion")
    page.get_by_text("Swapping").wait_for()
    page.get_by_text("1 of 1 faces swapped").wait_for()
    assert kept < 4 and lost() > 3 * kept
    page.locator("#strength").fill("0")
    page.get_by_text("Swapping").wait_for()
    page.get_by_text("1 of 1 faces swapped").wait_for()
    x, y = np.round(face.landmarks[NOSE_TIP]).astype(int)
    nose = np.s_[y - 20 : y + 20, x - 20 : x + 20]
    assert np.array_equal(shown(page)[nose], worn[nose])  # nothing of the swapped face shows


def test_what_cannot_be_used_is_said_in_words(visit: Any, folder: Path) -> None:
    (folder / "letter.txt").write_text("no picture")
    cv2.imwrite(str(folder / "wall.png"), np.full((300, 300, 3), 128, np.uint8))
    page = visit()
    page.set_input_files("#photo", str(folder / "letter.txt"))
    page.click("#agree")
    page.get_by_text("not a picture that the browser can show").wait_for()
    page.set_input_files("#photo", str(folder / "wall.png"))
    page.get_by_text("No face was found.").wait_for()
    assert page.is_disabled("#save")
    page.set_input_files("#source-photos", str(folder / "wall.png"))
    page.get_by_text("No face was found in photo 1 of 1").wait_for()
    page.set_input_files("#source-file", str(folder / "letter.txt"))
    page.get_by_text("This file holds no face").wait_for()
    assert page.inner_text("#chosen-source") == "In use: Average portrait 1"  # what was there before
    page.set_input_files("#photo", str(PORTRAITS[2]))
    page.get_by_text("1 of 1 faces swapped").wait_for()


def test_networks_that_could_not_be_fetched_are_fetched_again(visit: Any) -> None:
    page = visit("?run=wasm")
    page.route("**/models/landmarks_68.safetensors.gz", lambda route: route.abort())
    page.set_input_files("#photo", str(PORTRAITS[2]))
    page.click("#agree")
    page.wait_for_selector("#status.problem")
    page.unroute("**/models/landmarks_68.safetensors.gz")
    page.set_input_files("#photo", str(PORTRAITS[2]))
    page.get_by_text("1 of 1 faces swapped").wait_for()


def test_the_page_fits_a_narrow_phone_and_everything_has_a_name(visit: Any) -> None:
    page = visit(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page.click("#camera")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('button, input, select, img, canvas')]"
        ".filter(e => e.checkVisibility() && !(e.innerText || e.alt || e.ariaLabel || e.querySelector?.('img[alt]')"
        " || e.labels?.length)).map(e => e.outerHTML.slice(0, 100))"
    )
    assert nameless == []


def test_a_dark_and_chinese_browser_is_served_both(visit: Any) -> None:
    page = visit(locale="zh-CN", color_scheme="dark")
    assert page.inner_text("#camera") == "打开摄像头"
    assert "每个人都已同意" in page.text_content("#consent")
    colours = page.evaluate("() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }")
    ink, paper = (np.mean([float(v) for v in re.findall(r"[\d.]+", colour)[:3]]) for colour in colours)
    assert ink - paper > 125  # of 255: light letters on dark ground


@pytest.fixture(scope="module")
def app(page_folder: Path) -> Iterator[str]:
    settings = Settings(detector="lite", browser_page=str(page_folder))
    demo, words = build_demo(settings, Engine(settings))
    _, address, _ = demo.launch(**launch_options(settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    yield address
    demo.close()


def test_the_app_offers_the_page_and_hands_over_a_prepared_face(browser: Any, app: str, folder: Path) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(app)
    page.get_by_role("tab", name="My browser", exact=True).click()
    page.get_by_text("Prepare the face on this server").click()
    page.set_input_files("#browser-source input[type=file]", str(PORTRAITS[5]))
    page.wait_for_selector("#browser-source img")
    page.click("#browser-ready")
    page.click("#agree-browser")
    page.get_by_text("Ready: the page below").wait_for()
    frame = page.frame_locator("#browser-frame")
    frame.get_by_text("In use: face.onnx").wait_for()
    frame.locator("#camera").click()
    frame.locator("#agree").click()
    frame.locator("#result[data-swapped='1']").wait_for()
    frame.get_by_text(re.compile("frames per second")).wait_for()
    height = page.locator("#browser-frame").bounding_box()["height"]
    inner = frame.locator("body").evaluate("(body) => body.offsetHeight")
    assert abs(height - inner) < 30  # no second scroll bar
    with page.expect_download() as download:
        page.click("#browser-file a")
    download.value.save_as(folder / "kept.onnx")
    assert (folder / "kept.onnx").stat().st_size < 1.2e6
    assert load_swapper(str(folder / "kept.onnx")).info.name == "student"
    page.close()


def test_the_page_on_its_own_is_isolated_so_that_threads_are_possible(browser: Any, app: str) -> None:
    page = browser.new_page()
    page.goto(f"{app}browser/index.html")
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("crossOriginIsolated")
    page.close()
