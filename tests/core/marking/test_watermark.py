"""The hidden mark: laws of the code and carriers, what embedding may touch, and survival of ordinary handling."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.blend.paste import paste_back
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.faces.geometry import align_face, invert
from mobilefaceswap_core.marking.carriers import (
    BITS,
    BLUE,
    CARRIERS,
    COARSE,
    FINE,
    FORMATS,
    MarkFormat,
    carriers,
    codeword,
    decode,
    format_of_version,
)
from mobilefaceswap_core.marking.reading import (
    FALSE_POSITIVE,
    THRESHOLD,
    Reading,
    chance_of,
    read_crop,
    read_faces,
    score_for,
    vote,
)
from mobilefaceswap_core.marking.watermark import (
    BLUE_FROM_PX,
    FINE_FROM_PX,
    LOUDNESS,
    embed_again,
    embed_crop,
    embed_frame,
    format_for,
    payload_for,
    video_strength,
)

PAYLOAD = payload_for("student")
PAYLOADS = [payload_for("student", form) for form in FORMATS]


@pytest.fixture(scope="module")
def skin() -> np.ndarray:
    """A 224 crop with a face's kind of spectrum: strong coarse shapes, weak fine texture."""
    random = np.random.default_rng(0)
    image = np.full((224, 224, 3), (190.0, 150.0, 130.0))
    for deviation, strength in ((40, 900), (12, 160), (4, 20), (1, 2)):
        image += strength * cv2.GaussianBlur(random.standard_normal((224, 224)), (0, 0), deviation)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    weight = np.zeros((224, 224), np.float32)
    cv2.ellipse(weight, (112, 138), (72, 84), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(weight, (0, 0), 4)


@pytest.fixture(scope="module")
def marked(skin: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return embed_crop(skin, mask, payload=PAYLOAD)


@pytest.fixture(scope="module")
def finely_marked(skin: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return embed_crop(skin, mask, payload=payload_for("student", FINE))


@pytest.mark.parametrize("form", FORMATS)
def test_carriers_are_orthonormal(form: MarkFormat) -> None:
    matrix = carriers(form).astype(np.float64)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(CARRIERS), atol=2e-5)


def test_every_payload_decodes_to_itself_and_codewords_are_far_apart() -> None:
    payloads = np.random.default_rng(0).permutation(1 << BITS)[:400]
    words = np.stack([codeword(int(p)) for p in payloads])
    score, decoded = decode(words)
    np.testing.assert_array_equal(decoded, payloads)
    np.testing.assert_allclose(score, 1.0, atol=1e-6)
    others = words @ words.T - np.eye(len(words))
    assert others.max() <= 0.5 + 1e-6  # two words that share one of their halves


def test_decoding_is_maximum_likelihood() -> None:
    responses = np.random.default_rng(1).standard_normal((4, CARRIERS)).astype(np.float32)
    everything = np.stack([codeword(p) for p in range(1 << BITS)])
    cosines = responses @ everything.T / np.linalg.norm(responses, axis=1, keepdims=True)
    score, payload = decode(responses)
    np.testing.assert_array_equal(payload, cosines.argmax(1))
    np.testing.assert_allclose(score, cosines.max(1), rtol=1e-5)


@pytest.mark.parametrize("payload", [-1, 1 << BITS])
def test_a_payload_that_does_not_fit_is_refused(payload: int) -> None:
    with pytest.raises(ValueError, match="14 bits"):
        codeword(payload)


def test_the_bound_on_chance_is_the_inverse_of_the_threshold_and_falls_with_the_score() -> None:
    assert chance_of(THRESHOLD) == pytest.approx(FALSE_POSITIVE, rel=1e-6)
    assert chance_of(score_for(1e-3)) == pytest.approx(1e-3)
    scores = np.linspace(0.45, 0.99, 30)
    assert np.all(np.diff([chance_of(s) for s in scores]) <= 0)


def test_the_bound_on_chance_holds_for_random_directions() -> None:
    directions = np.random.default_rng(2).standard_normal((30_000, CARRIERS), np.float32)
    cosines = directions[:, 0] / np.linalg.norm(directions, axis=1)
    for score in (0.1, 0.2, 0.3):
        assert (cosines >= score).mean() <= chance_of(score, trials=1)


def test_an_unmarked_crop_is_not_marked(skin: np.ndarray) -> None:
    assert not read_crop(skin).marked


def test_a_marked_crop_reads_back_its_payload(marked: np.ndarray) -> None:
    reading = read_crop(marked)
    assert reading.marked and reading.payload == PAYLOAD
    assert reading.bit_accuracy(codeword(PAYLOAD)) > 0.8
    assert reading.chance < FALSE_POSITIVE


def test_a_photo_s_small_face_is_marked_finely_where_that_survives() -> None:
    assert format_for(FINE_FROM_PX - 1) is COARSE and format_for(FINE_FROM_PX) is FINE
    assert format_for(FINE_FROM_PX, moving=True) is COARSE, "codecs take the fine pattern"


def test_a_finer_and_weaker_pattern_is_read(skin: np.ndarray, marked: np.ndarray, finely_marked: np.ndarray) -> None:
    reading = read_crop(finely_marked)
    assert reading.marked and reading.form is FINE and reading.payload == payload_for("student", FINE)
    change, finer = (np.abs(picture.astype(int) - skin) for picture in (marked, finely_marked))
    assert (finer**2).mean() < 0.75 * (change**2).mean()
    assert finer.max() < change.max()
    buffer = io.BytesIO()
    PillowImage.fromarray(finely_marked).save(buffer, "JPEG", quality=75)
    assert read_crop(np.array(PillowImage.open(buffer))).payload == payload_for("student", FINE)


def test_a_large_face_is_marked_in_blue_which_no_grey_level_shows(skin: np.ndarray, mask: np.ndarray) -> None:
    assert format_for(BLUE_FROM_PX - 1) is FINE and format_for(BLUE_FROM_PX) is BLUE
    blue = embed_crop(skin, mask, payload=payload_for("student", BLUE), side_px=400)
    assert (blue[..., :2] == skin[..., :2]).all() and (blue[mask == 0] == skin[mask == 0]).all()
    grey, before = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(int) for picture in (blue, skin))
    assert np.abs(grey - before).max() <= 1 and 1.5 < (blue.astype(int) - skin)[mask > 0.9][:, 2].std() < 4
    buffer = io.BytesIO()
    PillowImage.fromarray(blue).save(buffer, "JPEG", quality=50, subsampling="4:4:4")
    reading = read_crop(np.array(PillowImage.open(buffer)))
    assert reading.marked and reading.form is BLUE and reading.payload == payload_for("student", BLUE)


def test_a_still_gets_one_of_five_strengths_after_three_trials_at_most(
    skin: np.ndarray, mask: np.ndarray, marked: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobilefaceswap_core.marking import watermark

    loud, drawn, draw = watermark.LOUDNESS[COARSE], [], watermark._informed
    monkeypatch.setattr(watermark, "_informed", lambda *given: drawn.append(given) or draw(*given))
    again = embed_crop(skin, mask, payload=PAYLOAD)
    assert np.array_equal(again, marked) and len(drawn) <= 3
    levels = np.linspace(loud.weakest, loud.strongest, watermark._LEVELS)
    every = [embed_crop(skin, mask, payload=PAYLOAD, strength=float(level)) for level in levels]
    assert any(np.array_equal(one, marked) for one in every)


def test_a_face_of_a_clip_keeps_its_format_while_its_size_wavers() -> None:
    forms, form = [], None
    for side_px in (250, 261, 259, 261, 230, 222, 220, 250, 259, 260):
        form = format_for(side_px, moving=True, before=form)
        forms.append(form.version)
    assert forms == [1, 3, 3, 3, 3, 3, 1, 1, 1, 3]


def test_a_larger_face_has_a_weaker_mark_that_is_read_from_less_of_it(skin: np.ndarray, mask: np.ndarray) -> None:
    payload = payload_for("student", BLUE)
    crop = cv2.resize(skin, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    weight = cv2.resize(mask, (1024, 1024), interpolation=cv2.INTER_LINEAR)
    crop = cv2.add(crop, cv2.merge([np.random.default_rng(1).normal(0, 4, (1024, 1024))] * 3), dtype=cv2.CV_8U)
    marked = {side_px: embed_crop(crop, weight, payload=payload, side_px=side_px) for side_px in (400, 1024)}
    change = {side_px: np.abs(image.astype(int) - crop)[..., 2].sum() for side_px, image in marked.items()}
    assert change[1024] < 0.6 * change[400]
    half = cv2.resize(marked[1024], (512, 512), interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    PillowImage.fromarray(half).save(buffer, "JPEG", quality=75)
    reading = read_crop(np.array(PillowImage.open(buffer)))
    assert reading.marked and reading.payload == payload


@pytest.mark.parametrize("form", [COARSE, BLUE])
def test_a_face_of_a_clip_keeps_its_pattern_for_some_frames_while_it_looks_the_same(
    skin: np.ndarray, mask: np.ndarray, form: MarkFormat
) -> None:
    payload, strength = payload_for("student", form), video_strength(224, form)
    fresh = embed_crop(skin, mask, payload=payload, strength=strength)
    noise = np.random.default_rng(3)
    kept, drawn = None, []
    for _ in range(20):
        frame = np.clip(skin + noise.integers(-1, 2, skin.shape), 0, 255).astype(np.uint8)
        marked, kept = embed_again(frame, mask, kept, payload=payload, strength=strength)
        assert read_crop(marked).payload == payload
        if not any(kept.pattern is other for other in drawn):
            drawn.append(kept.pattern)
    assert len(drawn) == 3  # in 8, 8 and 4 frames
    np.testing.assert_array_equal(embed_again(skin, mask, None, payload=payload, strength=strength)[0], fresh)


def test_a_face_of_a_clip_that_changes_has_a_pattern_of_its_own(skin: np.ndarray, mask: np.ndarray) -> None:
    payload, other = payload_for("student", COARSE), payload_for("graphics", COARSE)
    _, kept = embed_again(skin, mask, None, payload=payload, strength=1.6)
    lighter, turned = np.clip(skin.astype(int) + 3, 0, 255).astype(np.uint8), np.ascontiguousarray(skin[:, ::-1])
    for frame, wanted in ((lighter, payload), (turned, payload), (skin, other)):
        marked, _ = embed_again(frame, mask, kept, payload=wanted, strength=1.6)
        np.testing.assert_array_equal(marked, embed_crop(frame, mask, payload=wanted, strength=1.6))


def test_every_version_has_its_format() -> None:
    assert [format_of_version(payload >> 12) for payload in PAYLOADS] == list(FORMATS)
    with pytest.raises(ValueError, match="version 0"):
        format_of_version(0)


def test_the_change_is_small_grey_and_inside_the_ellipse(skin: np.ndarray, marked: np.ndarray) -> None:
    change = marked.astype(int) - skin
    assert np.abs(change).max() <= 10
    assert np.all(change[:40] == 0) and np.all(change[:, :35] == 0) and np.all(change[:, -35:] == 0)
    unclipped = ((marked > 0) & (marked < 255)).all(-1)
    assert np.all(np.ptp(change[unclipped], axis=-1) == 0)
    assert 10 * np.log10(255**2 / (change**2).mean()) > 40


def test_embedding_is_pure_and_the_same_every_time(skin: np.ndarray, mask: np.ndarray, marked: np.ndarray) -> None:
    before = skin.copy()
    again = embed_crop(skin, mask, payload=PAYLOAD)
    np.testing.assert_array_equal(skin, before)
    np.testing.assert_array_equal(again, marked)


def test_pasting_a_marked_crop_leaves_pixels_outside_the_mask_alone(skin: np.ndarray, mask: np.ndarray) -> None:
    frame = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    crop_from_frame = np.array([[1.1, 0.1, -80.0], [-0.1, 1.1, -20.0]])
    plain = paste_back(frame, skin, mask, crop_from_frame)
    pasted = paste_back(frame, embed_crop(skin, mask, payload=PAYLOAD), mask, crop_from_frame)
    reach = cv2.warpAffine(np.ceil(mask), crop_from_frame, (400, 300), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    np.testing.assert_array_equal(pasted[reach == 0], frame[reach == 0])
    assert (pasted != plain).any()


@pytest.mark.parametrize("quality", [75, 95])
def test_the_mark_survives_jpeg(marked: np.ndarray, quality: int) -> None:
    buffer = io.BytesIO()
    PillowImage.fromarray(marked).save(buffer, "JPEG", quality=quality)
    assert read_crop(np.array(PillowImage.open(buffer))).payload == PAYLOAD


def test_the_mark_survives_half_size_and_a_wrong_alignment(marked: np.ndarray) -> None:
    small = cv2.resize(marked, (112, 112), interpolation=cv2.INTER_AREA)
    matrix = cv2.getRotationMatrix2D((56, 60), 3.1, 2.06)
    matrix[:, 2] += (58, 51)
    moved = cv2.warpAffine(small, matrix, (224, 224), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    reading = read_crop(moved)
    assert reading.marked and reading.payload == PAYLOAD


def test_a_mirrored_mark_is_found(marked: np.ndarray) -> None:
    assert read_crop(np.ascontiguousarray(marked[:, ::-1])).payload == PAYLOAD


def test_a_finished_frame_can_be_marked_in_place(skin: np.ndarray) -> None:
    crop_from_frame = np.array([[0.7, 0.05, -30.0], [-0.05, 0.7, -12.0]])
    frame = cv2.warpAffine(skin, invert(crop_from_frame), (420, 400), borderMode=cv2.BORDER_REPLICATE)
    marked = embed_frame(frame, crop_from_frame, payload=PAYLOAD)
    assert read_crop(cv2.warpAffine(marked, crop_from_frame, (224, 224))).payload == PAYLOAD
    changed = (marked != frame).any(-1)
    assert changed.any() and not changed[:, :60].any() and not changed[:40].any()


def test_a_face_outside_the_frame_changes_nothing() -> None:
    frame = np.full((50, 60, 3), 99, np.uint8)
    far = np.array([[1.0, 0.0, 5000.0], [0.0, 1.0, 5000.0]])
    np.testing.assert_array_equal(embed_frame(frame, far, payload=PAYLOAD), frame)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("side", [112, 224, 256, 512])
def test_any_crop_size_carries_the_mark(skin: np.ndarray, side: int, payload: int) -> None:
    crop = cv2.resize(skin, (side, side), interpolation=cv2.INTER_CUBIC)
    loud = LOUDNESS[format_of_version(payload >> 12)].moving
    assert read_crop(embed_crop(crop, payload=payload, strength=loud)).payload == payload


def test_small_faces_of_a_clip_carry_a_stronger_mark() -> None:
    usual = LOUDNESS[COARSE].moving
    assert video_strength(300) == video_strength(224) == usual
    assert video_strength(224 / 1.44) == pytest.approx(1.2 * usual)
    assert video_strength(50) == video_strength(90) == 1.5 * usual


def test_a_crop_that_is_no_crop_is_refused() -> None:
    with pytest.raises(ImageError, match="square RGB uint8"):
        embed_crop(np.zeros((10, 20, 3), np.uint8), payload=PAYLOAD)


def test_voting_finds_what_no_frame_shows_alone() -> None:
    random = np.random.default_rng(4)
    word = codeword(PAYLOAD)

    def frame(strength: float) -> Reading:
        response = (random.standard_normal(CARRIERS) + strength * word).astype(np.float32)
        response /= np.linalg.norm(response)
        score, payload = decode(response[None])
        return Reading(float(score[0]), int(payload[0]), response, COARSE)

    weak = [frame(6.0) for _ in range(12)]
    assert not any(reading.marked for reading in weak)
    together = vote(weak)
    assert together is not None and together.marked and together.payload == PAYLOAD
    nothing = vote([frame(0.0) for _ in range(12)])
    assert nothing is not None and not nothing.marked
    assert vote([]) is None


def test_a_crop_of_another_fit_is_marked_where_the_reader_looks_and_nowhere_else(astronaut: np.ndarray) -> None:
    from mobilefaceswap_core.detect import load_detector
    from mobilefaceswap_core.marking.stage import mark_aligned
    from mobilefaceswap_core.types import CropSpec

    spec = CropSpec(fit="affine")
    detector = load_detector("lite")
    face = detector.detect(astronaut)[0]
    aligned = align_face(astronaut, face, spec)
    weight = np.zeros((224, 224), np.float32)
    weight[20:210, 20:204] = 1

    def mark(crop: np.ndarray, mask: np.ndarray, side_px: float) -> np.ndarray:
        return embed_crop(crop, mask, payload=PAYLOAD)

    marked = mark_aligned(mark, aligned.image, weight, spec=spec, crop_from_frame=aligned.crop_from_frame)
    assert np.array_equal(marked[weight == 0], aligned.image[weight == 0])
    frame = paste_back(astronaut, marked, weight, aligned.crop_from_frame)
    reading = read_faces(frame, detector.detect(frame))[0]
    assert reading.marked and reading.payload == PAYLOAD
