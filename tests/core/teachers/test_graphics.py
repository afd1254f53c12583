"""The graphics baseline: laws of the mesh and of the swap, on synthetic heads and a public-domain photograph."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mobilefaceswap_core.errors import NoFaceError, OptionError
from mobilefaceswap_core.faces.head_pose import MEAN_68, HeadPose, head_pose
from mobilefaceswap_core.faces.landmarks68 import INNER_LIPS, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from mobilefaceswap_core.swapper import Swapper
from mobilefaceswap_core.teachers import graphics_light as light
from mobilefaceswap_core.teachers import graphics_mesh as mesh
from mobilefaceswap_core.teachers.graphics import GraphicsSwapper
from mobilefaceswap_core.types import AlignedFace, CropSpec

SIZE = 224
IDENTITY = np.eye(2, 3)


def rotation(yaw_deg: float, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> NDArray[np.float64]:
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return tilt @ nod @ turn


def head(
    yaw_deg: float = 0.0,
    *,
    size: int = SIZE,
    scale: float = 0.5,
    seed: int = 0,
    skin: tuple[int, ...] = (205, 160, 135),
):
    """A drawn face: skin with low noise, dark brows and eyes, red lips, on a green background."""
    generator = np.random.default_rng(seed)
    points = scale * size * mesh.MEAN_80 @ rotation(yaw_deg)[:2].T + [size / 2, 0.55 * size]
    image = np.full((size, size, 3), (60, 110, 70), np.float32)
    hull = cv2.convexHull(points.astype(np.float32)).astype(np.int32)
    cv2.fillConvexPoly(image, hull, [float(channel) for channel in skin])
    for part, colour in ((slice(17, 22), (70, 45, 30)), (slice(22, 27), (70, 45, 30)), (LEFT_EYE, (240, 240, 240)),
                         (RIGHT_EYE, (240, 240, 240)), (OUTER_LIPS, (170, 70, 75))):  # fmt: skip
        cv2.fillPoly(image, [points[part].astype(np.int32)], [float(channel) for channel in colour])
    image = cv2.GaussianBlur(image, (0, 0), 1.0) + generator.normal(0, 2, image.shape)
    return AlignedFace(np.clip(image, 0, 255).astype(np.uint8), IDENTITY, points[:68])


@pytest.fixture(scope="module")
def swapper() -> GraphicsSwapper:
    return GraphicsSwapper()


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (35, 0, 0), (-50, 10, 5), (10, -25, -20)])
def test_pose_is_recovered_exactly_from_a_projected_mean_face(yaw: float, pitch: float, roll: float) -> None:
    turned = rotation(yaw, pitch, roll)
    pose = head_pose(90.0 * MEAN_68 @ turned[:2].T + [100.0, 120.0])
    np.testing.assert_allclose(pose.rotation, turned, atol=1e-9)
    np.testing.assert_allclose([pose.scale_px, *pose.shift_px], [90.0, 100.0, 120.0], atol=1e-9)


def test_yaw_and_pitch_have_the_documented_signs() -> None:
    looking = head_pose(90.0 * MEAN_68 @ rotation(30, 0)[:2].T)
    assert looking.yaw_deg == pytest.approx(30.0)
    nose_right_of_the_eyes = MEAN_68 @ rotation(30)[:2].T
    assert nose_right_of_the_eyes[30, 0] > nose_right_of_the_eyes[36:48, 0].mean()
    assert head_pose(90.0 * MEAN_68 @ rotation(0, 20)[:2].T).pitch_deg == pytest.approx(20.0)
    nose = (MEAN_68 @ rotation(0, 20)[:2].T)[30, 1]
    assert nose > MEAN_68[30, 1]


def test_mirroring_vertices_twice_gives_them_back_and_the_mean_face_is_symmetric() -> None:
    np.testing.assert_array_equal(mesh.MIRROR[mesh.MIRROR], np.arange(80))
    np.testing.assert_allclose(mesh.MEAN_80[mesh.MIRROR] * [-1, 1, 1], mesh.MEAN_80, atol=1e-12)


def test_a_face_with_mean_proportions_has_no_shape_offsets_in_any_pose() -> None:
    for yaw in (-40, 0, 25):
        points = 80.0 * MEAN_68 @ rotation(yaw, 8)[:2].T + 50
        np.testing.assert_allclose(mesh.shape_offsets(points, head_pose(points)), 0.0, atol=1e-9)


def test_rasterised_coordinates_are_the_pixel_coordinates() -> None:
    points = head(20).landmarks
    pose = head_pose(points)
    whole = mesh.with_forehead(points, pose)
    maps, covered = mesh.rasterise(whole, pose, whole, SIZE)
    rows, columns = np.nonzero(covered)
    assert len(rows) > 0.15 * SIZE**2
    np.testing.assert_allclose(maps[0][rows, columns], columns, atol=2e-2)
    np.testing.assert_allclose(maps[1][rows, columns], rows, atol=2e-2)


def test_triangles_seen_from_behind_are_not_drawn() -> None:
    turned = 0.5 * SIZE * mesh.MEAN_80 @ rotation(180)[:2].T + SIZE / 2
    pose = HeadPose(rotation(180), 0.5 * SIZE, np.full(2, SIZE / 2))
    assert mesh.rasterise(turned, pose, turned, SIZE)[1].sum() == 0


def test_it_is_a_swapper_that_asks_for_landmarks_and_matches_colours_itself(swapper: GraphicsSwapper) -> None:
    assert isinstance(swapper, Swapper)
    assert swapper.info.needs_landmarks and not swapper.info.match_colours and not swapper.info.weights_sha256


@pytest.mark.parametrize("yaw", [0, 25, -45])
def test_a_face_swapped_with_itself_hardly_changes(swapper: GraphicsSwapper, yaw: float) -> None:
    face = head(yaw)
    swapped = swapper.swap([face], [swapper.condition([face])])[0]
    blended = swapped.mask[..., None] * swapped.image + (1 - swapped.mask[..., None]) * face.image
    difference = np.abs(blended - face.image)
    assert difference.mean() < 1.0
    assert np.quantile(difference, 0.99) < 8.0


@pytest.mark.parametrize("size", [112, 224, 384])
def test_result_has_the_size_of_the_crop_and_a_mask_that_ends_before_its_border(size: int) -> None:
    swapper = GraphicsSwapper(CropSpec(size_px=size))
    result = swapper.swap([head(10, size=size)], [swapper.condition([head(-5, size=size, seed=1)])])[0]
    assert result.image.shape == (size, size, 3) and result.image.dtype == np.uint8
    assert result.mask.shape == (size, size) and result.mask.dtype == np.float32
    assert result.mask.min() >= 0.0 and result.mask.max() <= 1.0 and result.mask.max() > 0.9
    border = np.concatenate([result.mask[0], result.mask[-1], result.mask[:, 0], result.mask[:, -1]])
    assert border.max() < 1e-3


def test_swapped_face_takes_the_skin_colour_of_the_target(swapper: GraphicsSwapper) -> None:
    pale, dark = head(skin=(225, 190, 175)), head(seed=1, skin=(110, 75, 55))
    result = swapper.swap([dark], [swapper.condition([pale])])[0]
    cheek = (slice(125, 145), slice(70, 85))
    np.testing.assert_allclose(result.image[cheek].mean((0, 1)), dark.image[cheek].mean((0, 1)), atol=4.0)


def test_results_are_deterministic_and_independent_of_the_batch(swapper: GraphicsSwapper) -> None:
    one, two = swapper.condition([head(0)]), swapper.condition([head(15, seed=3, skin=(120, 80, 60))])
    targets = [head(-10, seed=4), head(20, seed=5)]
    batch = swapper.swap(targets, [one, two])
    for target, source, expected in zip(targets, (one, two), batch, strict=True):
        alone = swapper.swap([target], [source])[0]
        np.testing.assert_array_equal(alone.image, expected.image)
        np.testing.assert_array_equal(alone.mask, expected.mask)


def test_a_condition_cannot_be_written_to_and_does_not_follow_later_changes_of_the_photo(
    swapper: GraphicsSwapper,
) -> None:
    face = head()
    condition = swapper.condition([face])
    before = condition.image.copy()
    face.image[:] = 0
    np.testing.assert_array_equal(condition.image, before)
    with pytest.raises(ValueError, match="read-only"):
        condition.image[0, 0] = 0


def test_of_several_photos_the_most_frontal_gives_the_texture_and_all_give_the_shape(swapper: GraphicsSwapper) -> None:
    turned, frontal = head(40), head(3, seed=1)
    condition = swapper.condition([turned, frontal])
    np.testing.assert_array_equal(condition.image, frontal.image)
    each = [swapper.condition([face]).offsets for face in (turned, frontal)]
    np.testing.assert_allclose(condition.offsets, np.mean(each, axis=0), atol=1e-12)


def test_hair_over_the_forehead_of_the_source_is_not_painted_on_the_target(swapper: GraphicsSwapper) -> None:
    fringed = head(seed=2)
    points = mesh.with_forehead(fringed.landmarks, head_pose(fringed.landmarks))
    fringe = np.concatenate([points[mesh.FOREHEAD], points[17:27][::-1] - np.array([0, 8])]).astype(np.int32)
    image = fringed.image.copy()
    cv2.fillPoly(image, [fringe], (35, 25, 20))
    target = head(seed=6)
    result = swapper.swap([target], [swapper.condition([AlignedFace(image, IDENTITY, fringed.landmarks)])])[0]
    blended = result.mask[..., None] * result.image + (1 - result.mask[..., None]) * target.image
    above_brows = np.arange(SIZE)[:, None] < points[17:27, 1].min() - 14
    forehead = light.fill(points[mesh.FOREHEAD], (SIZE, SIZE)) * above_brows
    assert np.abs(blended - target.image)[forehead > 0].mean() < 12.0


def test_the_hidden_half_of_a_turned_source_is_filled_by_its_mirror_image(swapper: GraphicsSwapper) -> None:
    turned = head(40)
    image = turned.image.copy()
    image[:, int(turned.landmarks[46, 0]) + 2 :] = (0, 0, 255)
    result = swapper.swap([head(0, seed=1)], [swapper.condition([AlignedFace(image, IDENTITY, turned.landmarks)])])[0]
    face = result.image[result.mask > 0.5].astype(int)
    assert (face[:, 2] > face[:, 0] + 60).mean() < 0.002


def _open(landmarks: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    opened = landmarks.copy()
    opened[[65, 66, 67, 55, 56, 57, 58, 59]] += [0, gap]
    return opened


def test_an_open_mouth_keeps_the_inside_of_the_target(swapper: GraphicsSwapper) -> None:
    closed = head()
    opened = _open(closed.landmarks, 22.0)
    image = closed.image.copy()
    cv2.fillPoly(image, [opened[INNER_LIPS].astype(np.int32)], (10, 200, 10))
    result = swapper.swap([AlignedFace(image, IDENTITY, opened)], [swapper.condition([head(seed=3)])])[0]
    x, y = opened[INNER_LIPS].mean(0).astype(int)
    np.testing.assert_allclose(result.image[y - 2 : y + 3, x - 4 : x + 5].mean((0, 1)), [10, 200, 10], atol=6)


def test_teeth_of_the_source_are_not_drawn_on_closed_lips(swapper: GraphicsSwapper) -> None:
    closed = head(seed=1)
    opened = _open(closed.landmarks, 22.0)
    image = closed.image.copy()
    cv2.fillPoly(image, [opened[OUTER_LIPS].astype(np.int32)], (170, 70, 75))
    cv2.fillPoly(image, [opened[INNER_LIPS].astype(np.int32)], (255, 255, 255))
    result = swapper.swap([closed], [swapper.condition([AlignedFace(image, IDENTITY, opened)])])[0]
    lips = light.fill(closed.landmarks[OUTER_LIPS], (SIZE, SIZE)) > 0
    assert result.image[lips][:, 1].mean() < 125


def _nan(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full_like(points, np.nan)


def _point(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros_like(points) + 100.0


def _line(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points * [1.0, 0.0]


def _huge(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points * 1e9


@pytest.mark.parametrize("broken", [_nan, _point, _huge])
def test_a_target_whose_landmarks_are_no_face_comes_back_unchanged(
    swapper: GraphicsSwapper, broken: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    face = head()
    result = swapper.swap([AlignedFace(face.image, IDENTITY, broken(face.landmarks))], [swapper.condition([face])])[0]
    np.testing.assert_array_equal(result.image, face.image)
    assert result.mask.max() == 0.0
    with pytest.raises(NoFaceError, match="landmarks"):
        swapper.condition([AlignedFace(face.image, IDENTITY, broken(face.landmarks))])


def test_odd_landmarks_and_pictures_never_raise_and_never_give_nan(swapper: GraphicsSwapper) -> None:
    generator = np.random.default_rng(0)
    source = swapper.condition([head()])
    faces = [head(yaw) for yaw in (-90, -70, 70, 90, 180)]
    flat = AlignedFace(np.zeros((SIZE, SIZE, 3), np.uint8), IDENTITY, head().landmarks)
    faces += [flat, AlignedFace(head().image, IDENTITY, _line(head().landmarks))]
    for _ in range(20):
        noise = generator.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
        faces.append(AlignedFace(noise, IDENTITY, generator.uniform(-100, 324, (68, 2))))
    for face in faces:
        for result in (swapper.swap([face], [source])[0], *_swap_if_usable(swapper, face)):
            assert np.isfinite(result.mask).all() and result.mask.min() >= 0.0 and result.mask.max() <= 1.0


def _swap_if_usable(swapper: GraphicsSwapper, face: AlignedFace) -> list:
    try:
        return swapper.swap([head(5, seed=9)], [swapper.condition([face])])
    except NoFaceError:
        return []


def test_missing_landmarks_wrong_sizes_and_counts_are_refused_with_what_was_wanted(swapper: GraphicsSwapper) -> None:
    face = head()
    condition = swapper.condition([face])
    with pytest.raises(OptionError, match="68 landmarks"):
        swapper.swap([AlignedFace(face.image, IDENTITY)], [condition])
    with pytest.raises(OptionError, match=r"\(224, 224, 3\)"):
        swapper.condition([head(size=128)])
    with pytest.raises(OptionError, match="2 conditions for 3 targets"):
        swapper.swap([face] * 3, [condition] * 2)
    with pytest.raises(OptionError, match="no source photo"):
        swapper.condition([])
    with pytest.raises(OptionError, match="64 to 1024"):
        GraphicsSwapper(CropSpec(size_px=16))
