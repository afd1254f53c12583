"""The page in headless Chromium: every tab does what its first button says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from demo.build import EXAMPLES, build_demo, launch_options
from demo.settings import Settings
from demo.work.engine import Engine, output_folder
from mobilefaceswap_core.marking import verify_file
from tests.fakes.built_page import CHROMIUM, chromium, write_frames

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install the package or set MOBILEFACESWAP_CHROMIUM"),
]
PORTRAIT, OTHER = EXAMPLES / "average_1.webp", EXAMPLES / "average_3.webp"
# By the gate: the page must not ask for what it does not let through.
REFUSED = (401, 403, 404, 405, 413, 429, 503, 507)
PATIENCE_MS = 20_000  # two busy cores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


def moving(frames: int, side: int = 240) -> list[np.ndarray]:
    """A portrait that sways a little on grey."""
    portrait = cv2.cvtColor(cv2.imread(str(OTHER)), cv2.COLOR_BGR2RGB)
    portrait = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    shifts = [np.float32([[1, 0, 40 + 10 * np.sin(n / 4)], [0, 1, 0]]) for n in range(frames)]
    return [cv2.warpAffine(portrait, shift, (side + 80, side), borderValue=(120, 120, 120)) for shift in shifts]


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    settings = Settings(detector="lite", max_video_seconds=30, live_seconds=30, request_rate=1000)
    demo, words = build_demo(settings, Engine(settings))
    _, address, _ = demo.launch(**launch_options(settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    yield address
    demo.close()


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    camera = write_frames(folder / "camera.mjpeg", moving(30), "mjpeg", "yuvj420p", "mjpeg")
    flags = ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with chromium(*flags, f"--use-file-for-fake-video-capture={camera}") as opened:
        yield opened


@pytest.fixture(scope="module")
def window(browser: Any) -> Any:
    """One window for all visitors: a new one would read and compile Gradio's scripts again, which takes longer than most tests."""
    return browser.new_context().new_page()


@pytest.fixture
def visit(window: Any, url: str) -> Iterator[Any]:
    """Opens the page as a new visitor, of whom nothing is known; errors on its console fail the test."""
    errors: list[str] = []
    heard = {
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
        "response": lambda got: errors.append(f"{got.status} {got.url}") if got.status in REFUSED else None,
    }

    def open_page(tab: str | None = None) -> Any:
        window.goto(url)
        window.wait_for_selector("#swap")
        if tab:
            window.get_by_role("tab", name=tab, exact=True).click()
        return window

    window.set_default_timeout(PATIENCE_MS)
    for event, listener in heard.items():
        window.on(event, listener)
    yield open_page
    for event, listener in heard.items():
        window.remove_listener(event, listener)
    window.evaluate("localStorage.clear(), sessionStorage.clear()")
    window.context.clear_cookies()
    window.context.clear_permissions()
    assert errors == []


def upload(page: Any, where: str, path: Path) -> None:
    page.set_input_files(f"#{where} input[type=file]", str(path))
    page.wait_for_selector(f"#{where} img, #{where} video")


def start(page: Any, button: str, panel: str) -> None:
    """Press a button and agree to what is asked."""
    page.click(f"#{button}")
    page.click(f"#agree-{panel}")


def own(folder: Path) -> Path:
    """A photo that does not ship."""
    cv2.imwrite(str(folder / "own.png"), cv2.imread(str(OTHER)))
    return folder / "own.png"


def text(page: Any, where: str) -> str:
    page.wait_for_selector(f"#{where} p")
    return page.inner_text(f"#{where}")


def test_an_example_is_one_click_to_a_marked_swap_with_the_face_from_near(visit: Any, folder: Path) -> None:
    page = visit()
    page.locator("#examples tbody tr").first.click()
    assert text(page, "status").startswith("1 of 1 faces swapped")
    assert not page.is_visible("#agree-image")
    for picture in ("#result img >> nth=1", "#near img >> nth=0"):  # they are loaded after the words have come
        page.locator(picture).wait_for()
    with page.expect_download() as download:
        page.click("#download")
    assert re.fullmatch(r"average_1_on_astronaut_\d{8}-\d{6}\.png", download.value.suggested_filename)
    saved = folder / "downloaded.png"
    download.value.save_as(saved)
    assert verify_file(saved).marked
    page.get_by_label("JPEG").check()
    for _ in range(40):  # the button changes once the file is written
        with page.expect_download() as download:
            page.click("#download")
        if download.value.suggested_filename.endswith(".jpg"):
            break
        page.wait_for_timeout(250)
    assert download.value.suggested_filename.endswith(".jpg")
    assert Path(download.value.path()).read_bytes().startswith(b"\xff\xd8\xff")


def test_consent_is_asked_once_for_all_tabs(visit: Any, folder: Path) -> None:
    page = visit()
    upload(page, "source", PORTRAIT)
    upload(page, "target", own(folder))
    start(page, "swap", "image")
    text(page, "status")
    page.get_by_role("tab", name="Live", exact=True).click()
    page.wait_for_selector("#live-source img")  # the face has come along
    page.click("#live-ready")
    assert "Ready" in text(page, "live-status")
    assert not page.is_visible("#agree-live")


def test_each_face_of_a_group_can_be_left_alone(visit: Any, folder: Path) -> None:
    pair = np.concatenate([cv2.imread(str(path)) for path in (PORTRAIT, OTHER)], axis=1)
    cv2.imwrite(str(folder / "pair.png"), pair)
    page = visit()
    upload(page, "source", EXAMPLES / "average_2.webp")
    upload(page, "target", folder / "pair.png")
    assert text(page, "faces-status").startswith("2 faces found")
    page.wait_for_function(
        "document.querySelectorAll('#faces img').length >= 2 && document.querySelector('#overview img')"
    )
    page.click("#face-2 input")
    page.get_by_role("option", name="—").click()
    start(page, "swap", "image")
    assert text(page, "status").startswith("1 of 2 faces swapped")


def test_what_the_last_picture_offers(visit: Any) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#examples tbody tr").first.click()
    text(page, "status")
    after = page.locator("#near img").nth(1)
    page.locator("#hold").hover()
    page.mouse.down()
    assert after.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    page.mouse.up()
    assert after.evaluate("e => getComputedStyle(e).visibility") == "visible"
    page.focus("#hold")
    page.keyboard.down("Enter")
    assert after.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    page.keyboard.up("Enter")
    page.click("#copy")
    page.wait_for_selector("#copy.done")
    assert page.evaluate("navigator.clipboard.read().then(items => items[0].types)") == ["image/png"]
    was = page.locator("#result img").nth(1).get_attribute("src")
    page.get_by_role("button", name="Options").click()
    page.locator("#image-strength input[type=number]").fill("0.3")
    page.locator("#image-strength input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"![...document.querySelectorAll('#result img')].some(e => e.src === '{was}')")
    page.click("#exchange")
    page.wait_for_function(
        "document.querySelector('#source img') && document.querySelector('#source img').src.includes('astronaut')"
    )
    page.wait_for_selector("#near img")
    page.click("#reset")
    page.wait_for_function("!document.querySelector('#source img') && !document.querySelector('#target img')")
    page.wait_for_selector("#near", state="hidden")
    assert page.locator("#image-strength input[type=number]").input_value() == "1"


def test_a_face_is_tapped_in_the_picture_and_the_address_and_the_photo_follow_the_tab(visit: Any, folder: Path) -> None:
    pair = np.concatenate([cv2.imread(str(path)) for path in (PORTRAIT, OTHER)], axis=1)
    cv2.imwrite(str(folder / "pair.png"), pair)
    page = visit()
    upload(page, "target", folder / "pair.png")
    page.wait_for_selector("#overview img")
    picture = page.locator("#overview img")
    size = picture.bounding_box()
    picture.click(position={"x": 0.75 * size["width"], "y": 0.5 * size["height"]})
    page.wait_for_function("document.querySelector('#face-2 input').value === '—'")
    page.locator("#image-portraits button").first.click()
    page.click("#agree-image")  # the photo to change does not ship, and nothing else was pressed
    assert text(page, "status").startswith("1 of 2 faces swapped")
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.wait_for_selector("#compare-source img")
    page.wait_for_selector("#compare-target img")
    assert page.evaluate("new URL(location.href).searchParams.get('tab')") == "compare"
    page.reload()
    page.wait_for_selector("#compare-run", state="visible")


def test_a_photo_without_a_face_is_said_to_have_none(visit: Any, folder: Path) -> None:
    cv2.imwrite(str(folder / "wall.png"), np.full((300, 300, 3), 128, np.uint8))
    page = visit()
    upload(page, "target", folder / "wall.png")
    assert "No face was found" in text(page, "faces-status")


def test_a_swap_without_photos_says_what_is_missing(visit: Any) -> None:
    page = visit()
    page.click("#swap")
    page.get_by_text("Add a photo of the face to use first.").wait_for()


def test_a_clip_is_swapped_with_its_report(visit: Any, folder: Path) -> None:
    clip = write_frames(folder / "clip.mp4", moving(20), "libx264", "yuv420p", "mp4")
    page = visit("Video")
    upload(page, "video-source", PORTRAIT)
    upload(page, "clip", clip)
    page.get_by_text("Several people in the clip").click()
    page.click("#find-people")
    assert "One person found" in text(page, "people-status")
    start(page, "swap-clip", "video")
    assert text(page, "clip-status").startswith("20 of 20 frames swapped")
    page.wait_for_selector("#clip-result video")
    with page.expect_download() as download:
        page.click("#clip-download")
    download.value.save_as(folder / "swapped.mp4")
    with av.open(str(folder / "swapped.mp4")) as written:
        assert sum(1 for _ in written.decode(video=0)) == 20


def test_a_clip_example_is_one_tap_with_its_first_frame_at_once_and_both_clips_together(
    visit: Any, folder: Path
) -> None:
    page = visit("Video")
    page.set_default_timeout(4 * PATIENCE_MS)  # 50 frames beside everything else that runs here
    assert not page.is_visible("#cancel")
    page.locator("#video-examples tbody tr").first.click()
    page.wait_for_selector("#clip-preview img")
    assert page.is_visible("#cancel") and page.is_visible("#clip-progress progress")
    page.wait_for_selector("#clip-result .after video")
    assert not page.is_visible("#agree-video") and not page.is_visible("#cancel")
    assert text(page, "clip-status").startswith("50 of 50 frames swapped")
    page.wait_for_selector("#clip-preview", state="hidden")  # the clip itself is here
    moments = """() => [...document.querySelectorAll('#clip-result video')].map(video => [video.currentTime, video.duration])"""
    page.wait_for_function(
        "[...document.querySelectorAll('#clip-result video')].every(video => video.currentTime > 0.4)"
    )
    (before, length), (after, _) = page.evaluate(moments)
    assert abs(before - after) < 0.35 and 2.4 < length < 2.7
    page.evaluate("document.querySelector('#clip-result .after video').pause()")
    page.wait_for_function("document.querySelector('#clip-result .before video').paused")
    with page.expect_download() as download:
        page.click("#clip-download")
    assert re.fullmatch(r"average_1_on_one_person_\d{8}-\d{6}\.mp4", download.value.suggested_filename)
    # One control, from the keyboard: the first second is left out, and so is what is in the file before it.
    start_handle = page.get_by_role("slider", name="Start", exact=True)
    start_handle.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert "0:01.0 – 0:02.5" in page.inner_text("#trim") and start_handle.evaluate("e => e === document.activeElement")
    page.click("#swap-clip")
    page.get_by_text("30 of 30 frames swapped").wait_for()


def test_cancelling_a_clip_stops_it_and_leaves_nothing(visit: Any, folder: Path) -> None:
    clip = write_frames(folder / "long.mp4", moving(15 * 14, side=480), "libx264", "yuv420p", "mp4")
    before = {path for path in output_folder().rglob("*") if path.is_file()}
    page = visit("Video")
    upload(page, "video-source", PORTRAIT)
    upload(page, "clip", clip)
    start(page, "swap-clip", "video")
    page.get_by_text(re.compile(r"Swapping: \d+ of 210 frames")).first.wait_for()
    page.click("#cancel")
    page.get_by_text("Stopped. Nothing was kept.").wait_for()
    page.wait_for_selector("#cancel", state="hidden")
    for _ in range(100):  # the pictures that were under way are finished first; the first one is still shown
        left = {path for path in output_folder().rglob("*") if path.is_file() and path.suffix != ".png"} - before
        if not left:
            break
        page.wait_for_timeout(200)
    assert left == set()


def test_a_clip_over_the_limit_is_refused_before_decoding(visit: Any, folder: Path) -> None:
    clip = write_frames(folder / "tiny.mp4", [np.zeros((16, 16, 3), np.uint8)] * (15 * 32), "libx264", "yuv420p", "mp4")
    page = visit("Video")
    upload(page, "clip", clip)
    page.get_by_text("Several people in the clip").click()
    page.click("#find-people")
    page.get_by_text("at most 30 are allowed here").wait_for()


def test_the_camera_is_swapped_live_with_its_latency(visit: Any, folder: Path) -> None:
    page = visit("Live")
    upload(page, "live-source", own(folder))
    page.click("#live-start")  # before there is a face
    page.get_by_text("Choose a face and press").wait_for()
    start(page, "live-ready", "live")
    assert "Ready" in text(page, "live-status")
    page.get_by_text(re.compile(r"^\d+ ms a picture · [1-9\d]*\.\d pictures a second$")).wait_for()
    assert page.locator("#live-result .swapped").is_visible() and not page.is_visible("#live-start")
    page.get_by_role("tab", name="Verify", exact=True).click()  # whoever looks at something else is not filmed
    page.wait_for_function("!document.querySelector('.live-stage[data-state=running]')")
    page.get_by_role("tab", name="Live", exact=True).click()
    page.wait_for_selector("#live-start")
    assert not page.locator("#live-result .swapped").is_visible()


def test_methods_are_compared_with_their_figures(visit: Any) -> None:
    page = visit("Compare")
    page.set_default_timeout(4 * PATIENCE_MS)  # loads judges and two models
    upload(page, "compare-source", PORTRAIT)
    upload(page, "compare-target", OTHER)
    page.get_by_label("Teacher (research)").first.uncheck()
    page.click("#compare-run")  # both photos ship
    assert "2 methods measured" in text(page, "compare-status")
    figures = page.locator("#compare-grid figure")
    assert [figure.split("\n")[0] for figure in figures.all_inner_texts()] == [
        "target, no swap",
        "MobileFaceSwap",
        "Warp without a network",
    ]
    similarity = [float(re.search(r"identity\s+(-?[\d.]+)", figure).group(1)) for figure in figures.all_inner_texts()]
    assert min(similarity[1:]) > similarity[0]  # every swap is nearer to the source than the target was
    assert "0.30 G" in figures.nth(1).inner_text()


def test_an_evaluation_runs_and_shows_its_report(visit: Any) -> None:
    page = visit("Evaluate")
    assert "An example" in page.inner_text("#evaluate-title") and "student" in page.inner_text("#evaluate-table table")
    page.locator("#evaluate-sheets img").first.wait_for()
    sheets, plots = (page.locator(f"#evaluate-{name}").bounding_box() for name in ("sheets", "plots"))
    assert sheets["y"] < plots["y"], "faces first"
    for name in ("MobileFaceSwap", "Teacher (research)"):
        page.locator("#evaluate-models").get_by_label(name, exact=True).uncheck()
    page.locator("#evaluate-pairs input[type=number]").fill("2")
    page.locator("#evaluate-pairs input[type=number]").press("Tab")
    start(page, "evaluate-run", "evaluate")
    page.set_default_timeout(12 * PATIENCE_MS)  # a process at the lowest priority beside everything else that runs here
    assert text(page, "evaluate-status").startswith("Done in")
    assert page.inner_text("#evaluate-title") == "Your evaluation"
    table = page.inner_text("#evaluate-table table")
    assert "graphics" in table and "student" not in table
    with page.expect_download() as download:
        page.click("#evaluate-download")
    assert Path(download.value.path()).read_text(encoding="utf-8").lower().startswith("<!doctype html>")


def test_a_plain_photo_carries_no_mark_and_what_is_no_photo_is_said_to_be_none(visit: Any, folder: Path) -> None:
    page = visit("Verify")
    page.set_input_files("#verify-file input[type=file]", str(PORTRAIT))
    page.get_by_text("No sign of a face swap was found.").wait_for()
    page.reload()
    page.get_by_role("tab", name="Verify", exact=True).click()
    (folder / "notes.txt").write_text("no photo", encoding="utf-8")
    page.set_input_files("#verify-file input[type=file]", str(folder / "notes.txt"))
    page.get_by_text("this is not an image").first.wait_for()


def test_the_method_and_its_costs_are_told(visit: Any) -> None:
    page = visit("About")
    assert page.get_by_role("img", name=re.compile("kernels")).is_visible()
    assert "AAAI 2022" in page.inner_text("body")
