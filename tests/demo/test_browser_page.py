"""The page that swaps on the visitor's machine: in headless Chromium it computes what Python computes, and it works."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import av
import cv2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from demo.browser import serve
from demo.browser.__main__ import main as command
from demo.browser.build import HERE, build, consent_html, fetch_runtime
from demo.build import EXAMPLES, build_demo, launch_options
from demo.engine import Engine
from demo.settings import Settings
from mobilefaceswap_core.colour import match_colours
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.detect.lite import LiteDetector
from mobilefaceswap_core.errors import BackendError, OptionError, OutputError
from mobilefaceswap_core.export import export_baked
from mobilefaceswap_core.geometry import align_face, crop_from_frame_matrix, warp_to_crop
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.images import read_image
from mobilefaceswap_core.marking import verify_file
from mobilefaceswap_core.marking.watermark import VIDEO_STRENGTH, embed_crop, payload_for
from mobilefaceswap_core.models import load_swapper
from mobilefaceswap_core.paste import paste_back, refine_mask
from mobilefaceswap_core.student import Student, load_student
from mobilefaceswap_core.types import AlignedFace, CropSpec
from mobilefaceswap_core.video.smoothing import OneEuroFilter

CHROMIUM = os.environ.get("MOBILEFACESWAP_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SPEC = CropSpec()
PATIENCE_MS = 60_000  # two busy cores
TWO_LEVELS = 2 / 255
PORTRAITS = {number: EXAMPLES / f"average_{number}.webp" for number in range(1, 7)}


# Without a browser.


def page_texts(language: str) -> dict[str, str]:
    return json.loads((HERE / "page" / "texts" / f"{language}.json").read_text(encoding="utf-8"))


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    english, chinese = page_texts("en"), page_texts("zh-CN")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        wanted, got = ({name for _, name, _, _ in Formatter().parse(t) if name} for t in (text, chinese[key]))
        assert wanted == got, key


def test_every_text_is_used_and_every_used_text_exists() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (HERE / "page").glob("*") if p.is_file())
    used = set(re.findall(r"""(?:data-text|data-label)="([a-z_]+)\"""", code))
    used |= set(re.findall(r"""(?:say\(|key: |PageError\()'([a-z_]+)'""", code))
    assert set(re.findall(r"""[:?] say\('([a-z_]+)'""", code)) <= used
    assert used == set(page_texts("en"))


def test_the_runtime_is_pinned_and_the_lock_names_no_registry() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    lock = (HERE / "package-lock.json").read_text()
    assert "http" not in lock
    packages = {path: entry for path, entry in json.loads(lock)["packages"].items() if path}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_the_consent_shown_asks_for_all_and_promises_no_credential() -> None:
    shown = consent_html("en")
    assert shown.count("<li>") == 4 and "<strong>" in shown
    assert "credential" not in shown


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(OutputError, match="other files"):
        build(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_the_command_reports_what_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(SystemExit) as ended:
        command(["--out", str(tmp_path)])
    assert ended.value.code == OutputError.exit_code
    assert "other files" in capsys.readouterr().err


def test_without_npm_the_build_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BackendError, match=r"Install Node\.js"):
        build(tmp_path / "page")
    assert list(tmp_path.iterdir()) == []


def shown_in(demo: Any, elem_id: str) -> Any:
    """The value of a component of the app."""
    return next(
        c["props"]["value"] for c in demo.get_config_file()["components"] if c["props"].get("elem_id") == elem_id
    )


def test_where_the_page_was_not_built_the_tab_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "DIST", tmp_path)
    settings = Settings()
    demo, words = build_demo(settings)
    assert words.translations["en"]["browser_not_built"].count("python -m demo.browser") == 1
    assert "browser_not_built" in str(shown_in(demo, "browser-not-built"))
    assert launch_options(settings, words)["app_kwargs"]["routes"] == []
    assert "browser-frame" not in str(demo.get_config_file())


def test_a_folder_without_a_page_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="holds no page"):
        serve.page_folder(Settings(browser_page=str(tmp_path)))


@pytest.mark.parametrize("rule", [{}, {"audit": "log.jsonl"}, {"blocklist": "protected"}])
def test_a_host_that_must_see_sources_hands_out_no_identity_network(rule: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("index.html", "models/identity.onnx", "models/student.onnx"):
        (tmp_path / name).write_text("page")
    client = TestClient(Starlette(routes=serve.routes(Settings(browser_page=str(tmp_path), **rule))))
    for path in (
        "models/identity.onnx",
        "models/../models/identity.onnx",
        "models//identity.onnx",
        "models/./identity.onnx",
    ):
        assert client.get(f"/browser/{path}").status_code == (404 if rule else 200), path
    answer = client.get("/browser/models/student.onnx")
    assert answer.status_code == 200
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert client.get("/browser/").text == "page"


# In Chromium.

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
in_browser = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    """The built page; npm fetches the runtime."""
    if not CHROMIUM:
        pytest.skip("no Chromium: install the package or set MOBILEFACESWAP_CHROMIUM")
    fetched = folder / "npm"
    fetched.mkdir()
    try:
        runtime = fetch_runtime(fetched)
    except BackendError as error:
        pytest.skip(f"the page cannot be built here: {error}")
    return build(folder / "site", runtime=runtime)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static host without any header of its own: what the page must be content with."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


def swaying(frames: int) -> list[np.ndarray]:
    """A portrait that sways a little on grey, 480 x 360."""
    portrait = cv2.resize(read_image(PORTRAITS[3]).image, (300, 300), interpolation=cv2.INTER_AREA)
    shifts = [np.float32([[1, 0, 90 + 8 * np.sin(n / 6)], [0, 1, 30]]) for n in range(frames)]
    return [cv2.warpAffine(portrait, shift, (480, 360), borderValue=(120, 120, 120)) for shift in shifts]


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    camera = folder / "camera.mjpeg"
    with av.open(str(camera), "w", format="mjpeg") as output:
        stream = output.add_stream("mjpeg", rate=15)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 360, 480, "yuvj420p", 4_000_000
        for frame in swaying(38):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
             f"--use-file-for-fake-video-capture={camera}"]  # fmt: skip
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Any]:
    """Opens the page as a new visitor; errors in its scripts, and requests to other hosts, fail the test."""
    contexts, errors = [], []

    def watch(request: Any) -> None:
        if not request.url.startswith((url.removesuffix("index.html"), "blob:", "data:")):
            errors.append(f"asked for {request.url}")

    def open_page(query: str = "", **context: Any) -> Any:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", watch)
        page.goto(url + query)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def modules(browser: Any, url: str) -> Iterator[Any]:
    """A page to call the modules in, with networks on the processor and portrait 1 as source."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.evaluate(
        """async () => {
            const names = ['align', 'picture', 'colour', 'paste', 'track', 'swap', 'camera', 'runtime'];
            for (const name of names) window[name] = await import(`./${name}.js`);
            window.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            window.floats = (text) => new Float32Array(window.bytes(text).buffer);
            window.text = (array) => {
                const all = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
                let result = '';
                for (let i = 0; i < all.length; i += 32768) result += String.fromCharCode(...all.subarray(i, i + 32768));
                return btoa(result);
            };
            window.asPicture = ([width, height, data]) => ({width, height, data: new Uint8ClampedArray(window.bytes(data))});
            window.swapper = await window.swap.Swapper.load('wasm');
        }"""
    )
    yield page
    page.context.close()


def rgba(image: np.ndarray) -> list[Any]:
    """An RGB image as the page's picture."""
    pixels = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    return [image.shape[1], image.shape[0], base64.b64encode(pixels.tobytes()).decode()]


def rgb(text: str, like: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(*like[:2], 4)[..., :3]


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.float32)


def levels(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.fixture(scope="module")
def student() -> Student:
    return load_student(backend="torch")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return read_image(PORTRAITS[1]).image


@pytest.fixture(scope="module")
def person(student: Student, portrait: np.ndarray) -> Any:
    """Python's condition of portrait 1."""
    (face,) = load_detector("lite").detect(portrait)
    return student.condition([align_face(portrait, face, SPEC)])


@in_browser
def test_alignment_matrices_agree(modules: Any) -> None:
    rng = np.random.default_rng(0)
    fives = [rng.normal(300, 80, (5, 2)) for _ in range(20)] + [np.full((5, 2), 7.0)]
    got = modules.evaluate("(fives) => fives.map(align.cropFromFrameMatrix)", [five.tolist() for five in fives])
    for five, matrix in zip(fives, got, strict=True):
        np.testing.assert_allclose(np.reshape(matrix, (2, 3)), crop_from_frame_matrix(five, SPEC), atol=1e-9)


@in_browser
@pytest.mark.parametrize(("scale", "angle"), [(1.7, 0.3), (0.8, -0.2), (0.31, 0.1), (0.12, 2.0)])
def test_crops_agree_enlarged_and_shrunk(scale: float, angle: float, modules: Any, astronaut: np.ndarray) -> None:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    centre = np.array([225.0, 130.0])
    linear = np.array([[cos, -sin], [sin, cos]])
    matrix = np.hstack([linear, (112 - linear @ centre)[:, None]])
    code = "([p, m]) => text(picture.warp(asPicture(p), m, 224, 224).data)"
    got = rgb(modules.evaluate(code, [rgba(astronaut), matrix.ravel().tolist()]), (224, 224))
    wanted = warp_to_crop(astronaut, matrix, 224)
    assert levels(got, wanted) <= 3  # OpenCV interpolates with fixed-point weights
    assert np.abs(got.astype(int) - wanted).mean() < 0.3


@in_browser
@pytest.mark.parametrize("size", [(320, 240), (321, 100), (700, 650)])
def test_resizing_agrees(size: tuple[int, int], modules: Any, astronaut: np.ndarray) -> None:
    code = "([p, w, h]) => text(picture.resize(asPicture(p), w, h).data)"
    got = rgb(modules.evaluate(code, [rgba(astronaut), *size]), (size[1], size[0]))
    way = cv2.INTER_AREA if size[0] < 512 else cv2.INTER_LINEAR
    assert levels(got, cv2.resize(astronaut, size, interpolation=way)) <= 1


@in_browser
def test_the_same_faces_are_found_at_the_same_places(modules: Any, astronaut: np.ndarray) -> None:
    photo = np.concatenate([astronaut, np.full((512, 300, 3), 120, np.uint8)], axis=1)
    photo[100:400, 512:] = cv2.resize(read_image(PORTRAITS[2]).image, (300, 300), interpolation=cv2.INTER_AREA)
    code = "async (p) => (await swapper.detector.detect(asPicture(p))).map((face) => face.landmarks)"
    got = [np.array(points) for points in modules.evaluate(code, rgba(photo))]
    wanted = LiteDetector().detect(photo)
    assert len(got) == len(wanted) == 2
    for points, face in zip(got, wanted, strict=True):
        eyes = np.linalg.norm(face.five[1] - face.five[0])
        assert np.linalg.norm(points - face.landmarks, axis=1).max() < 0.02 * eyes


@in_browser
def test_a_wall_shows_no_face(modules: Any) -> None:
    rng = np.random.default_rng(3)
    wall = cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    assert modules.evaluate("async (p) => (await swapper.detector.detect(asPicture(p))).length", rgba(wall)) == 0


def crops(astronaut: np.ndarray) -> list[np.ndarray]:
    (face,) = load_detector("lite").detect(astronaut)
    noise = np.random.default_rng(1).integers(0, 256, (224, 224, 3), np.uint8)
    return [align_face(astronaut, face, SPEC).image, noise]


SWAP = """async ([photo, file, crops]) => {
    if (file) await swapper.useFile(bytes(file)); else await swapper.condition([asPicture(photo)]);
    const swapped = [];
    for (const crop of crops) {
        const {face, mask} = await swapper.swapCrop(asPicture(crop));
        swapped.push([text(face.data), text(mask)]);
    }
    return swapped;
}"""


@in_browser
@pytest.mark.parametrize("way", ["photo in the page", "exported file", "exported file in 16 bits"])
def test_the_same_crop_is_swapped_as_python_swaps_it(
    way: str, modules: Any, student: Student, person: Any, portrait: np.ndarray, astronaut: np.ndarray, tmp_path: Path
) -> None:
    file = ""
    if way != "photo in the page":
        export_baked(student, person, tmp_path / "face.onnx", half="16" in way)
        file = base64.b64encode((tmp_path / "face.onnx").read_bytes()).decode()
    inputs = crops(astronaut)
    got = modules.evaluate(SWAP, [rgba(portrait), file, [rgba(crop) for crop in inputs]])
    wanted = student.swap([AlignedFace(crop, np.eye(2, 3)) for crop in inputs], [person])
    for (face, mask), want, crop in zip(got, wanted, inputs, strict=True):
        assert levels(rgb(face, crop.shape), want.image) < 2
        assert np.abs(floats(mask).reshape(224, 224) - want.mask).max() < TWO_LEVELS
        assert levels(want.image, crop) > 40  # something was swapped


@in_browser
def test_colours_mask_and_paste_agree(modules: Any, student: Student, person: Any, astronaut: np.ndarray) -> None:
    (face,) = load_detector("lite").detect(astronaut)
    target = align_face(astronaut, face, SPEC)
    (swapped,) = student.swap([target], [person])
    code = """([frame, face, crop, mask, matrix]) => {
        const [into, pixels, weight] = [asPicture(frame), asPicture(face), floats(mask)];
        colour.matchColours(pixels, asPicture(crop), weight);
        const refined = paste.refineMask(weight);
        paste.pasteBack(into, pixels, refined, matrix);
        return [text(pixels.data), text(refined), text(into.data)];
    }"""
    mask = base64.b64encode(swapped.mask.tobytes()).decode()
    pixels, weight, frame = modules.evaluate(
        code, [rgba(astronaut), rgba(swapped.image), rgba(target.image), mask, target.crop_from_frame.ravel().tolist()]
    )
    matched = match_colours(swapped.image, target.image, swapped.mask)
    assert levels(rgb(pixels, (224, 224)), matched) <= 1
    refined = refine_mask(swapped.mask)
    np.testing.assert_allclose(floats(weight).reshape(224, 224), refined, atol=1e-5)
    wanted = paste_back(astronaut, matched, refined, target.crop_from_frame)
    got = rgb(frame, astronaut.shape)
    assert levels(got, wanted) <= 4  # OpenCV's cubic weights are tabled in 32 steps a pixel
    assert np.array_equal((got != astronaut).any(2), (wanted != astronaut).any(2)) or (
        ((got != astronaut).any(2) ^ (wanted != astronaut).any(2)).mean() < 0.001
    )
    assert levels(wanted, astronaut) > 40


@in_browser
def test_the_hidden_mark_is_that_of_python(modules: Any, student: Student, person: Any, astronaut: np.ndarray) -> None:
    crop = crops(astronaut)[0]
    (swapped,) = student.swap([AlignedFace(crop, np.eye(2, 3))], [person])
    weight = refine_mask(swapped.mask)
    code = """async ([crop, weight]) => {
        swapper.model = 'student';
        const pixels = asPicture(crop);
        await swapper.hideMark(pixels, floats(weight));
        return text(pixels.data);
    }"""
    text = modules.evaluate(code, [rgba(swapped.image), base64.b64encode(weight.tobytes()).decode()])
    wanted = embed_crop(swapped.image, weight, payload=payload_for("student"), strength=VIDEO_STRENGTH)
    assert levels(rgb(text, crop.shape), wanted) <= 1
    assert levels(wanted, swapped.image) > 2


@in_browser
def test_landmarks_are_smoothed_as_in_python(modules: Any) -> None:
    rng = np.random.default_rng(4)
    steps = [(rng.normal(200 + 3 * n, 2, (68, 2)), n / 15) for n in range(1, 12)]
    code = "(steps) => { const f = new track.OneEuroFilter(); return steps.map(([p, t]) => f.filter(p, t, 60)); }"
    got = modules.evaluate(code, [[points.tolist(), time_s] for points, time_s in steps])
    smooth = OneEuroFilter()
    for points, (raw, time_s) in zip(got, steps, strict=True):
        np.testing.assert_allclose(points, smooth(raw, time_s=time_s, scale_px=60.0), atol=1e-6)


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


@in_browser
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


@in_browser
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


@in_browser
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


@in_browser
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


@in_browser
def test_a_dark_and_chinese_browser_is_served_both(visit: Any) -> None:
    page = visit(locale="zh-CN", color_scheme="dark")
    assert page.inner_text("#camera") == "打开摄像头"
    assert "每个人都已同意" in page.text_content("#consent")
    colours = page.evaluate("() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }")
    ink, paper = (np.mean([float(v) for v in re.findall(r"[\d.]+", colour)[:3]]) for colour in colours)
    assert ink - paper > 125  # of 255: light letters on dark ground


@pytest.fixture(scope="module")
def app(site: Path) -> Iterator[str]:
    settings = Settings(detector="lite", browser_page=str(site))
    demo, words = build_demo(settings, Engine(settings))
    _, address, _ = demo.launch(**launch_options(settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    yield address
    demo.close()


@in_browser
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


@in_browser
def test_the_page_on_its_own_is_isolated_so_that_threads_are_possible(browser: Any, app: str) -> None:
    page = browser.new_page()
    page.goto(f"{app}browser/index.html")
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("crossOriginIsolated")
    page.close()


GPU = """async () => {
    const {Runtime, fetchBytes} = await import('./runtime.js');
    const runtime = await Runtime.load('webgpu');
    if (runtime.place !== 'webgpu') return null;
    const side = 32;
    const ramp = (side) => Float32Array.from({length: 3 * side * side}, (_, i) => (i % side) / side);
    const identity = await runtime.open('identity.onnx');
    const {kernels} = await runtime.run(identity, {photos: [ramp(224), [1, 3, 224, 224]]}, ['kernels']);
    const data = new Uint8Array(kernels.buffer, kernels.byteOffset, kernels.byteLength);
    const student = await fetchBytes('./models/student.onnx');
    const results = [];
    for (const place of ['wasm', 'webgpu']) {
        const options = {executionProviders: [place], externalData: [{path: 'source.bin', data}]};
        const session = await runtime.ort.InferenceSession.create(student, options);
        results.push(await runtime.run(session, {crop: [ramp(side), [1, 3, side, side]]}, ['swapped', 'mask']));
    }
    const most = (name) => Math.max(...results[0][name].map((value, i) => Math.abs(value - results[1][name][i])));
    return [most('swapped'), most('mask'), Math.max(...results[0].swapped) - Math.min(...results[0].swapped)];
}"""


@in_browser
@pytest.mark.slow
def test_webgpu_computes_what_the_processor_computes(browser: Any, url: str) -> None:
    flags = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    chromium = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    try:
        page = chromium.new_page()
        page.set_default_timeout(2 * PATIENCE_MS)
        page.goto(url)
        found = page.evaluate(GPU)
    finally:
        chromium.close()
    if found is None:
        pytest.skip("this Chromium has no WebGPU, not even in software")
    swapped, mask, contrast = found
    assert max(swapped, mask) < TWO_LEVELS
    assert contrast > 0.1
