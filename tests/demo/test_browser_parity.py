"""The modules of the page compute in headless Chromium what the core computes in Python."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.colour import match_colours
from mobilefaceswap_core.blend.detail import match_detail
from mobilefaceswap_core.blend.finish import finish as finish_crop
from mobilefaceswap_core.blend.finish import stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.hues import calm_hues, hue_limits
from mobilefaceswap_core.blend.irises import calm_eyes
from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.occlusion import load_occlusion
from mobilefaceswap_core.blend.occlusion_graph import RIM_PX
from mobilefaceswap_core.blend.paste import paste_back
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.detect.lite import LiteDetector
from mobilefaceswap_core.faces.geometry import align_face, crop_from_frame_matrix, warp_to_crop
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.marking.carriers import BLUE, COARSE, FINE, MarkFormat
from mobilefaceswap_core.marking.watermark import LOUDNESS, embed_crop, payload_for, quietness
from mobilefaceswap_core.student.export import export_baked
from mobilefaceswap_core.student.swapper import Student
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop
from mobilefaceswap_core.video.smoothing import OneEuroFilter
from tests.fakes.built_page import CHROMIUM, PATIENCE_MS, PORTRAITS, chromium, with_glasses

pytestmark = pytest.mark.browser
SPEC = CropSpec()
TWO_LEVELS = 2 / 255


@pytest.fixture(scope="module")
def browser(page_url: str) -> Iterator[Any]:
    with chromium("--disable-gpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def modules(browser: Any, page_url: str) -> Iterator[Any]:
    """A page to call the modules in, with networks on the processor and portrait 1 as source."""
    page = browser.new_context(service_workers="block").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(page_url)
    page.evaluate(
        """async () => {
            const names = ['align', 'picture', 'finish', 'paste', 'smooth', 'swap', 'camera', 'runtime', 'fetching'];
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
            window.finishing = async ([frame, face, crop, mask, matrix, points], chosen, moment = null) => {
                const swapped = {
                    pixels: asPicture(face), weight: floats(mask), target: asPicture(crop), landmarks: points,
                    cropFromFrame: matrix, frame: asPicture(frame), moment, native: null,
                };
                const own = swapper.finishOptions({...window.finish.DEFAULTS, ...chosen});
                return window.finish.finish(swapped, {...own, matchesColours: true, matchesDetail: true, drawPattern: null});
            };
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


def test_alignment_matrices_agree(modules: Any) -> None:
    rng = np.random.default_rng(0)
    fives = [rng.normal(300, 80, (5, 2)) for _ in range(20)] + [np.full((5, 2), 7.0)]
    got = modules.evaluate("(fives) => fives.map(align.cropFromFrameMatrix)", [five.tolist() for five in fives])
    for five, matrix in zip(fives, got, strict=True):
        np.testing.assert_allclose(np.reshape(matrix, (2, 3)), crop_from_frame_matrix(five, SPEC), atol=1e-9)


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


@pytest.mark.parametrize("size", [(320, 240), (321, 100), (700, 650)])
def test_resizing_agrees(size: tuple[int, int], modules: Any, astronaut: np.ndarray) -> None:
    code = "([p, w, h]) => text(picture.resize(asPicture(p), w, h).data)"
    got = rgb(modules.evaluate(code, [rgba(astronaut), *size]), (size[1], size[0]))
    way = cv2.INTER_AREA if size[0] < 512 else cv2.INTER_LINEAR
    assert levels(got, cv2.resize(astronaut, size, interpolation=way)) <= 1


@pytest.mark.parametrize("what", ["two", "large", "cut by the border", "lying on its side"])
def test_the_same_faces_are_found_at_the_same_places(what: str, modules: Any, astronaut: np.ndarray) -> None:
    photo = np.concatenate([astronaut, np.full((512, 300, 3), 120, np.uint8)], axis=1)
    photo[100:400, 512:] = cv2.resize(read_image(PORTRAITS[2]).image, (300, 300), interpolation=cv2.INTER_AREA)
    if what == "large":
        photo = cv2.resize(photo, None, fx=1.25, fy=1.25, interpolation=cv2.INTER_CUBIC)
    elif what == "cut by the border":
        photo = np.ascontiguousarray(astronaut[:, 215:])
    elif what == "lying on its side":
        photo = np.ascontiguousarray(np.rot90(astronaut))
    code = "async (p) => (await swapper.detector.detect(asPicture(p))).map(({box, landmarks}) => [box, landmarks])"
    got = modules.evaluate(code, rgba(photo))
    wanted = LiteDetector().detect(photo)
    assert len(got) == len(wanted) == (2 if what in ("two", "large") else 1)
    for (box, points), face in zip(got, wanted, strict=True):
        eyes = np.linalg.norm(face.five[1] - face.five[0])
        near = 0.01 if "cut" in what else 0.003  # a crop in which little is to be seen differs more
        assert np.linalg.norm(np.array(points) - face.landmarks, axis=1).max() < near * eyes
        assert np.abs(box - face.box).max() < 0.01 * eyes


def test_a_wall_shows_no_face(modules: Any) -> None:
    rng = np.random.default_rng(3)
    wall = cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    assert modules.evaluate("async (p) => (await swapper.detector.detect(asPicture(p))).length", rgba(wall)) == 0


def crops(astronaut: np.ndarray) -> list[np.ndarray]:
    (face,) = load_detector("lite").detect(astronaut)
    noise = np.random.default_rng(1).integers(0, 256, (224, 224, 3), np.uint8)
    return [align_face(astronaut, face, SPEC).image, noise]


SWAP = """async ([photo, file, crops]) => {
    if (file) await swapper.useFile(bytes(file));
    else if (photo) await swapper.condition([asPicture(photo)]);
    else await swapper.usePortrait('average_1');
    const swapped = [];
    for (const crop of crops) {
        const {face, mask} = await swapper.swapCrop(asPicture(crop));
        swapped.push([text(face.data), text(mask)]);
    }
    return [swapper.blueEyes, swapped];
}"""


@pytest.mark.parametrize(
    "way", ["photo in the page", "portrait of the page", "exported file", "exported file in 16 bits"]
)
def test_the_same_crop_is_swapped_as_python_swaps_it(
    way: str, modules: Any, student: Student, person: Any, portrait: np.ndarray, astronaut: np.ndarray, tmp_path: Path
) -> None:
    file, blue_eyes = "", 0.0
    if way.startswith("exported"):
        blue_eyes = 0.25
        export_baked(student, person, tmp_path / "face.onnx", half="16" in way, blue_eyes=blue_eyes)
        file = base64.b64encode((tmp_path / "face.onnx").read_bytes()).decode()
    inputs = crops(astronaut)
    photo = rgba(portrait) if way == "photo in the page" else None
    said, got = modules.evaluate(SWAP, [photo, file, [rgba(crop) for crop in inputs]])
    assert said == blue_eyes
    wanted = student.swap([AlignedFace(crop, np.eye(2, 3)) for crop in inputs], [person])
    for (face, mask), want, crop in zip(got, wanted, inputs, strict=True):
        assert levels(rgb(face, crop.shape), want.image) <= 2
        assert np.abs(floats(mask).reshape(224, 224) - want.mask).max() < TWO_LEVELS
        assert levels(want.image, crop) > 40  # something was swapped


def test_exported_files_run_in_the_pages_own_layers_of_either_build(
    modules: Any, student: Student, person: Any, astronaut: np.ndarray, tmp_path: Path
) -> None:
    code = """async ([file, crop]) => {
        const {PerFrame, constantsOf} = await import('./per_frame.js');
        const {Layers} = await import('./layers.js');
        const constants = constantsOf(bytes(file), null);
        if (constants === null) return null;
        const swapped = [];
        for (const build of ['layers', 'layers.relaxed']) {
            const module = await WebAssembly.compile(await fetching.fetchBytes(`./runtime/${build}.wasm`));
            swapped.push(text(new PerFrame(new Layers(module), constants).swap(asPicture(crop)).face.data));
        }
        return swapped;
    }"""
    crop = crops(astronaut)[0]
    export_baked(student, person, tmp_path / "face.onnx")
    export_baked(student, person, tmp_path / "half.onnx", half=True)
    whole, half = (base64.b64encode((tmp_path / f"{name}.onnx").read_bytes()).decode() for name in ("face", "half"))
    assert modules.evaluate(code, [half, rgba(crop)]) is None, "its kernels are in 16 bits: ONNX Runtime reads it"
    wanted = student.swap([AlignedFace(crop, np.eye(2, 3))], [person])[0].image
    for face in modules.evaluate(code, [whole, rgba(crop)]):
        assert levels(rgb(face, crop.shape), wanted) <= 1


def test_colours_detail_mask_and_paste_agree(
    modules: Any, student: Student, person: Any, astronaut: np.ndarray
) -> None:
    (face,) = load_detector("lite").detect(astronaut)
    target = align_face(astronaut, face, SPEC)
    (swapped,) = student.swap([target], [person])
    # This target is no sharper than the student; a softer face leaves detail something to do.
    swapped = replace(swapped, image=cv2.GaussianBlur(swapped.image, (5, 5), 1.0))
    code = """async (given) => {
        const into = asPicture(given[0]);
        const {pixels, weight} = await finishing(given, {beard: false, pupils: 0, folds: false, gaze: 0, lids: false, mouth: 0, occlusion: false});
        paste.pasteBack(into, pixels, weight, given[4]);
        return [text(pixels.data), text(weight), text(into.data)];
    }"""
    pixels, weight, frame = modules.evaluate(code, finishing(astronaut, target, swapped))
    assert target.landmarks is not None
    matched = match_colours(swapped.image, target.image, swapped.mask)
    limits = hue_limits(target.image, swapped.mask, target.landmarks)
    assert limits is not None
    matched = calm_hues(matched, swapped.mask, target.landmarks, limits)
    matched = calm_eyes(matched, target.image, target.landmarks)
    detailed = match_detail(matched, target.image, swapped.mask)
    assert levels(detailed, matched) > 2
    assert levels(rgb(pixels, (224, 224)), detailed) <= 2  # one for colours, one for detail
    refined = refine_mask(swapped.mask)
    np.testing.assert_allclose(floats(weight).reshape(224, 224), refined, atol=1e-5)
    wanted = paste_back(astronaut, detailed, refined, target.crop_from_frame)
    got = rgb(frame, astronaut.shape)
    assert levels(got, wanted) <= 4  # OpenCV's cubic weights are tabled in 32 steps a pixel
    assert np.array_equal((got != astronaut).any(2), (wanted != astronaut).any(2)) or (
        ((got != astronaut).any(2) ^ (wanted != astronaut).any(2)).mean() < 0.001
    )
    assert levels(wanted, astronaut) > 40


def finishing(frame: np.ndarray, target: AlignedFace, swapped: SwappedCrop) -> list[Any]:
    """What the page finishes, as it takes it."""
    assert target.landmarks is not None
    mask = base64.b64encode(swapped.mask.tobytes()).decode()
    matrix, points = target.crop_from_frame.ravel().tolist(), target.landmarks.tolist()
    return [rgba(frame), rgba(swapped.image), rgba(target.image), mask, matrix, points]


def glasses_at(side: int, astronaut: np.ndarray) -> tuple[np.ndarray, AlignedFace]:
    """A photo of somebody with glasses whose crop is about as wide, half of the eyes closed by its landmarks."""
    (face,) = load_detector("lite").detect(astronaut)
    scale = side * abs(np.linalg.det(crop_from_frame_matrix(face.five, SPEC)[:, :2])) ** 0.5 / 224
    photo = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    (face,) = load_detector("lite").detect(photo)
    target = align_face(with_glasses(photo, face.landmarks), face, SPEC)
    landmarks = target.landmarks.copy()
    landmarks[[43, 44]] += 0.7 * (landmarks[[47, 46]] - landmarks[[43, 44]])  # the right eye's upper lid
    return with_glasses(photo, face.landmarks), replace(target, landmarks=landmarks)


def test_what_hides_a_face_is_seen_as_in_python(modules: Any, astronaut: np.ndarray) -> None:
    _, target = glasses_at(224, astronaut)
    code = "async (p) => { const see = swapper.finishOptions(finish.DEFAULTS).seeHidden; return text((await see(asPicture(p))).data); }"
    got = floats(modules.evaluate(code, rgba(target.image))).reshape(224, 224)
    wanted = load_occlusion()(target.image)
    assert wanted.max() > 0.9 and wanted.min() < 0.1
    inner = np.s_[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]  # a swap never shows beside it
    assert np.abs(got - wanted)[inner].max() < 0.01  # weights of 16 bits


@pytest.mark.parametrize("side", [224, 420])
@pytest.mark.parametrize("chosen", [{}, {"texture": 0.4, "strength": 0.7}])
def test_all_stages_of_a_photo_agree(
    side: int, chosen: dict[str, float], modules: Any, student: Student, person: Any, astronaut: np.ndarray
) -> None:
    photo, target = glasses_at(side, astronaut)
    (swapped,) = student.swap([target], [person])
    options = FinishOptions(match_colours=True, match_detail=True, **chosen)
    steps = stages(Setting(student.info, options, occlusion=load_occlusion))
    wanted = finish_crop(target, swapped, steps, frame=photo)
    code = """async ([given, chosen]) => {
        const {pixels, weight, cropFromFrame} = await finishing(given, chosen);
        return [text(pixels.data), text(weight), cropFromFrame];
    }"""
    pixels, weight, matrix = modules.evaluate(code, [finishing(photo, target, swapped), chosen])
    shape = wanted.pixels.shape
    assert (shape[0] > 300) == (side > 300)
    np.testing.assert_allclose(np.reshape(matrix, (2, 3)), wanted.crop_from_frame, atol=1e-6)
    got = floats(weight).reshape(shape[:2])
    gap = np.abs(got - wanted.weight)
    assert gap.mean() < 0.002 and (gap > 0.05).mean() < 0.002
    different = np.abs(rgb(pixels, shape).astype(int) - wanted.pixels)[got > 0]
    assert different.mean() < 0.6 and (different > 4).mean() < 0.002
    assert np.abs(wanted.pixels.astype(int) - cv2.resize(swapped.image, shape[:2])).mean() > 2  # something was done


@pytest.mark.parametrize(
    ("form", "strength", "scale"),
    [
        (COARSE, LOUDNESS[COARSE].moving, 2),
        (FINE, LOUDNESS[FINE].moving, 1),
        (BLUE, LOUDNESS[BLUE].weakest, 0.5),
        (BLUE, LOUDNESS[BLUE].weakest * quietness(224 / 0.25), 0.25),
    ],
)
def test_the_hidden_mark_is_that_of_python(
    form: MarkFormat, strength: float, scale: float, modules: Any, student: Student, person: Any, astronaut: np.ndarray
) -> None:
    crop = crops(astronaut)[0]
    (swapped,) = student.swap([AlignedFace(crop, np.eye(2, 3))], [person])
    weight = refine_mask(swapped.mask)
    code = """async ([crop, weight, scale]) => {
        swapper.model = 'student';
        const mark = finish.STAGES.find(({name}) => name === 'mark');
        const swapped = {pixels: asPicture(crop), weight: floats(weight), target: asPicture(crop),
            cropFromFrame: [scale, 0, 0, 0, scale, 0], moment: null};
        return text((await mark.run(swapped, swapper.finishOptions(finish.DEFAULTS))).pixels.data);
    }"""
    text = modules.evaluate(code, [rgba(swapped.image), base64.b64encode(weight.tobytes()).decode(), scale])
    wanted = embed_crop(swapped.image, weight, payload=payload_for("student", form), strength=strength)
    assert levels(rgb(text, crop.shape), wanted) <= 1
    assert levels(wanted, swapped.image) >= 2


def test_landmarks_are_smoothed_as_in_python(modules: Any) -> None:
    rng = np.random.default_rng(4)
    steps = [(rng.normal(200 + 3 * n, 2, (68, 2)), n / 15) for n in range(1, 12)]
    code = "(steps) => { const f = new smooth.OneEuroFilter(); return steps.map(([p, t]) => f.filter(p, t, 60)); }"
    got = modules.evaluate(code, [[points.tolist(), time_s] for points, time_s in steps])
    smooth = OneEuroFilter()
    for points, (raw, time_s) in zip(got, steps, strict=True):
        np.testing.assert_allclose(points, smooth(raw, time_s=time_s, scale_px=60.0), atol=1e-6)


# The page itself compares the GPU with the processor before it takes it, on a crop of its own. That comparison is listened to, and what
# it draws once more to take the time is answered: a GPU in software takes half a minute for each face.
GPU = """async () => {
    const {Runtime} = await import('./runtime.js');
    const {fetchBytes} = await import('./fetching.js');
    const {StudentHere} = await import('./student.js');
    const runtime = await Runtime.load('webgpu');
    if (runtime.place !== 'webgpu') return null;
    const side = 224, ramp = Float32Array.from({length: 3 * side * side}, (_, i) => (i % side) / side);
    const identity = await runtime.open('identity.onnx');
    const given = {photos: [ramp, [1, 3, side, side]], glasses: [Float32Array.of(0.5), [1]]};
    const {kernels} = await runtime.run(identity, given, ['kernels']);
    const data = new Uint8Array(kernels.buffer, kernels.byteOffset, kernels.byteLength);
    const student = await fetchBytes('./models/student.onnx');
    const run = runtime.run.bind(runtime), drawn = new Map();
    runtime.run = async (session, input, names) => {
        if (!drawn.has(session)) drawn.set(session, {crop: input.crop[0], ...await run(session, input, names)});
        return drawn.get(session);
    };
    const {place} = await new StudentHere(runtime).open(student, data);
    const {crop, face, mask} = [...drawn.values()].at(-1);
    const processor = new StudentHere(await Runtime.load('wasm'));
    await processor.open(student, data);
    const picture = {width: side, height: side, data: new Uint8ClampedArray(4 * side * side)};
    for (let i = 0; i < side * side; i++) for (let c = 0; c < 3; c++) picture.data[4 * i + c] = 255 * crop[c * side * side + i];
    const there = await processor.swap(picture);
    const channels = Float32Array.from(face, (_, i) => there.face.data[4 * (i % (side * side)) + Math.floor(i / (side * side))] / 255);
    const most = (a, b) => a.reduce((far, value, i) => Math.max(far, Math.abs(value - b[i])), 0);
    return [place, most(face, channels), most(mask, there.mask), channels.reduce((a, b) => Math.max(a, b)) - channels.reduce((a, b) => Math.min(a, b))];
}"""


@pytest.mark.slow
def test_webgpu_computes_what_the_processor_computes(browser: Any, page_url: str) -> None:
    flags = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    software = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    try:
        page = software.new_page(service_workers="block")
        page.set_default_timeout(2 * PATIENCE_MS)
        page.goto(page_url)
        found = page.evaluate(GPU)
    finally:
        software.close()
    if found is None:
        pytest.skip("this Chromium has no WebGPU, not even in software")
    place, swapped, mask, contrast = found
    assert place == "webgpu", "chosen by the visitor, and within two levels"
    assert max(swapped, mask) < TWO_LEVELS
    assert contrast > 0.1
