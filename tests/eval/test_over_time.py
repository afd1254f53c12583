"""Columns over time: who moves with the target does not flicker, and runs of frames are taken from FaceForensics++."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from eval.datasets import DatasetRequest, build_dataset
from eval.datasets.ffpp import spread
from eval.face_region import face_region, find_faces, largest_face
from eval.images import write_png
from eval.metrics import NoReferenceError
from eval.metrics.landmark_jitter import landmark_jitter
from eval.metrics.temporal_flicker import temporal_flicker
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import OptionError
from tests.fakes.documented import section_commands

# Steps of a head over one frame: to the side by part of a pixel, far, turning, nearer.
STEPS = {
    "side": np.array([[1.0, 0, 2.3], [0, 1, 0.4]]),
    "far": np.array([[1.0, 0, 9.0], [0, 1, -4.0]]),
    "turn": np.hstack([cv2.getRotationMatrix2D((128, 128), 3.0, 1.0)]),
    "nearer": np.hstack([cv2.getRotationMatrix2D((128, 128), 0.0, 1.03)]),
}


def stepped(image, step):
    return cv2.warpAffine(image, step, (256, 256), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


@pytest.fixture(scope="module")
def heads(astronaut, group):
    """A target's face, and another face put where it is; with the target's face region."""
    target = np.ascontiguousarray(astronaut[:256, 96:352])
    other = cv2.resize(group[96:336, 200:440], (256, 256), interpolation=cv2.INTER_CUBIC)
    face = largest_face(find_faces(load_detector("lite"), target))
    assert face is not None and face.landmarks is not None
    region = face_region(face.landmarks, 256, 256)
    soft = cv2.GaussianBlur(region, (0, 0), 6)[..., None]
    swapped = (other * soft + target * (1 - soft)).round().astype(np.uint8)
    return target, swapped, region


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_perfect_swap_that_moves_with_the_head_does_not_flicker(heads, step) -> None:
    target, swapped, region = heads
    moved = (cv2.warpAffine(region, step, (256, 256)) > 0.5).astype(np.float32)
    value = temporal_flicker(swapped, stepped(swapped, step), target, stepped(target, step), moved)
    plain = np.abs(
        (stepped(swapped, step).astype(float) - swapped) - (stepped(target, step).astype(float) - target)
    ).mean(2)[moved > 0].mean()  # fmt: skip
    assert value < 1.5 and value < 0.2 * plain, (value, plain)  # what is left is the warp's own smoothing


def test_the_target_itself_does_not_flicker_whatever_moves(heads) -> None:
    target, _, region = heads
    for step in STEPS.values():
        assert temporal_flicker(target, stepped(target, step), target, stepped(target, step), region) == 0


@pytest.mark.parametrize("levels", [4, 12])
def test_light_that_jumps_on_a_moving_face_is_read_in_its_size(heads, levels) -> None:
    target, swapped, region = heads
    step = STEPS["side"]
    brighter = np.clip(stepped(swapped, step).astype(int) + levels, 0, 255).astype(np.uint8)
    value = temporal_flicker(swapped, brighter, target, stepped(target, step), region)
    assert value == pytest.approx(levels, rel=0.2)


def test_over_a_cut_nothing_can_be_measured(heads) -> None:
    target, swapped, region = heads
    noise = np.random.default_rng(0).integers(0, 256, target.shape, np.uint8)
    with pytest.raises(NoReferenceError, match="cannot be followed"):
        temporal_flicker(swapped, swapped, noise, target, region)


def test_jitter_is_0_for_equal_steps_and_the_noise_of_the_points_otherwise() -> None:
    random = np.random.default_rng(0)
    target = random.normal(size=(68, 2)) * 30
    target[36], target[45] = [0, 0], [100, 0]
    face = random.normal(size=(68, 2)) * 20 + 7
    step = random.normal(size=(68, 2))
    assert landmark_jitter(face, face + step, target, target + step) == pytest.approx(0, abs=1e-9)
    shaken = face + step
    shaken[5] += [3.0, 4.0]
    eyes = np.linalg.norm((target + step)[36] - (target + step)[45])
    assert landmark_jitter(face, shaken, target, target + step) == pytest.approx(5 / np.sqrt(68) / eyes * 100)
    with pytest.raises(OptionError, match="68"):
        landmark_jitter(face[:5], face, target, target)


def test_places_are_spread_evenly_and_followed_by_their_successors() -> None:
    assert spread(20, 5) == [0, 5, 10, 14, 19]
    assert spread(20, 2, 3) == [0, 1, 2, 17, 18, 19]
    assert spread(5, 10, 2) == [0, 1, 2, 3, 4]  # places that overlap are taken once
    assert spread(2, 3, 4) == [0, 1] and spread(0, 3) == []


@pytest.fixture(scope="module")
def forensics(tmp_path_factory, astronaut):
    """Two original videos as frames, of 12, and published results of one pair, of 9."""
    root = tmp_path_factory.mktemp("forensics")
    face = np.ascontiguousarray(astronaut[:256, 96:352])
    for clip in ("000", "003"):
        for k in range(12):
            write_png(
                root / "original_sequences" / "youtube" / "c23" / "frames" / clip / f"{k:04d}.png", np.roll(face, k, 1)
            )
    for k in range(9):
        write_png(root / "manipulated_sequences" / "FaceShifter" / "c23" / "frames" / "000_003" / f"{k:04d}.png", face)
    return root


def test_runs_of_frames_have_a_frame_before_and_one_source(forensics) -> None:
    data = build_dataset("ffpp", DatasetRequest(forensics, frames=2, consecutive=3, detector="lite"))
    assert [p.frame for p in data.pairs] == [0, 1, 2, 6, 7, 8]  # no further than the published clip reaches
    assert [p.previous for p in data.pairs] == [-1, 0, 1, -1, 3, 4]
    assert data.pairs[2].previous_target == data.pairs[1].target
    assert len({p.source for p in data.pairs[:3]}) == 1 and data.pairs[0].source != data.pairs[3].source
    assert "2 runs of 3 frames" in data.note
    alone = build_dataset("ffpp", DatasetRequest(forensics, frames=9, detector="lite"))
    assert all(p.previous == -1 for p in alone.pairs)


def test_the_documented_run_compares_published_results_and_has_the_columns_over_time(forensics, tmp_path) -> None:
    from typer.testing import CliRunner

    from eval.cli import app
    from eval.run import summary_of

    (words,) = [words for words in section_commands("Reading runs") if "ffpp" in words]
    words[words.index("--root") + 1], words[words.index("--out") + 1] = str(forensics), str(tmp_path / "run")
    words[words.index("--frames") + 1] = "2"
    small = ["--detector", "lite", "--judge-detector", "lite", "--judges", "dlib,pnp", "--cost", "none"]
    said = CliRunner().invoke(app, [*words, *small], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    summary = summary_of(tmp_path / "run")
    assert list(summary.methods) == ["target", "target-jpeg", "ffpp.FaceShifter"]
    for key in ("flicker", "landmark_jitter", "id_flicker@dlib"):
        assert summary.cell("target", key)["n"] == 2
    assert summary.cell("target", "flicker")["mean"] == summary.cell("target", "landmark_jitter")["mean"] == 0
    assert summary.cell("target-jpeg", "landmark_jitter")["mean"] > 0


def test_frames_are_read_as_the_core_reads_its_clips(tmp_path) -> None:
    """Untagged HD is BT.709 and rotated phone clips stand upright: the same reader, the same pixels."""
    import av

    from eval.images import ImageReader
    from mobilefaceswap_core.video.reader import open_clip

    stored = np.zeros((720, 1280, 3), np.uint8)
    stored[:, :640] = (200, 40, 40)
    stored[:, 640:] = (40, 160, 60)
    with av.open(str(tmp_path / "hd.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1280, 720, "yuv420p", 8_000_000
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")))
        container.mux(stream.encode())
    ours = next(iter(open_clip(tmp_path / "hd.mp4").pictures())).rgb()
    assert np.array_equal(ImageReader(tmp_path).read("hd.mp4#0"), ours)


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_rotated_phone_clip_is_read_upright(tmp_path, degrees) -> None:
    from eval.images import ImageReader
    from mobilefaceswap_core.video.reader import open_clip
    from tests.fakes import clips

    path = clips.write_clip(tmp_path / "phone.mp4", clips.portrait_frames(3))
    clips.set_rotation(path, degrees)
    clip = open_clip(path)
    pictures = [picture.rgb() for picture in clip.pictures()]
    seen = ImageReader(tmp_path).read("phone.mp4#1")
    assert seen.shape == pictures[1].shape and np.array_equal(seen, pictures[1])
