"""Laws, closed forms and independent implementations of every metric."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from eval.columns import OF_FEATURES
from eval.metrics import METRICS
from eval.metrics.colour_shift import colour_shift
from eval.metrics.expression_error import expression_error
from eval.metrics.failures import is_failed
from eval.metrics.frechet import clean_resize, frechet_distance, small_sample_warning
from eval.metrics.id_retrieval import chance_top_k, retrieval_rank, top_k
from eval.metrics.id_similarity import cosine
from eval.metrics.identity_flicker import identity_flicker
from eval.metrics.kernel import kernel_distance
from eval.metrics.landmark_shape import landmark_shape
from eval.metrics.patches import patches, skin_of
from eval.metrics.pose_error import pose_error
from eval.metrics.psnr import decibels, psnr, squared_error
from eval.metrics.shape_error import shape_error
from eval.metrics.ssim import ssim, ssim_map
from eval.metrics.verification import impostor_threshold, is_verified
from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (48, 64, 3), dtype=np.uint8)
OTHER = RANDOM.integers(0, 256, (48, 64, 3), dtype=np.uint8)
MASK = np.zeros((48, 64), np.float32)
MASK[10:30, 20:50] = 1.0


def test_every_metric_states_definition_source_and_worst_value():
    assert len({metric.spec.key for metric in METRICS}) == len(METRICS)
    for spec in (metric.spec for metric in METRICS):
        assert spec.definition.endswith(".") and spec.source and spec.label
        assert spec.key in OF_FEATURES or math.isfinite(spec.worst)
        if spec.higher_is_better is True:
            assert (decibels(spec.worst) if spec.shown == "decibels" else spec.worst) == 0.0


@pytest.mark.parametrize("metric", [ssim, psnr])
def test_pixel_metrics_are_symmetric_and_best_for_equal_images(metric):
    assert metric(IMAGE, OTHER) == pytest.approx(metric(OTHER, IMAGE), rel=1e-9)
    assert metric(IMAGE, IMAGE) == pytest.approx(1.0 if metric is ssim else 100.0)
    assert metric(IMAGE, OTHER) < metric(IMAGE, IMAGE)


@pytest.mark.parametrize("metric", [ssim, psnr])
def test_a_change_inside_the_face_does_not_touch_the_background_value(metric):
    changed = IMAGE.copy()
    changed[18:22, 33:37] = 255 - changed[18:22, 33:37]
    far = np.zeros_like(MASK)
    far[:9] = 1.0
    assert metric(changed, IMAGE, far) == metric(IMAGE, IMAGE, far)
    assert metric(changed, IMAGE) < metric(IMAGE, IMAGE)


def test_psnr_of_a_constant_offset_has_its_closed_form():
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert psnr(grey, grey + 10) == pytest.approx(20 * math.log10(255 / 10))


def changed_inside(image, box, random):
    """The image with noise in a rectangle (left, top, right, bottom)."""
    left, top, right, bottom = box
    changed = image.copy()
    changed[top:bottom, left:right] = random.integers(0, 256, (bottom - top, right - left, 3), np.uint8)
    return changed


@pytest.mark.parametrize("box", [(0, 0, 64, 48), (20, 12, 40, 30), (0, 0, 3, 3), (60, 40, 64, 48), (30, 20, 31, 21)])
def test_ssim_is_that_of_scikit_image_border_left_out_wherever_the_change_lies(box):
    from skimage.metrics import structural_similarity

    changed = changed_inside(IMAGE, box, np.random.default_rng(1))
    wanted = structural_similarity(
        changed, IMAGE, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(changed, IMAGE) == pytest.approx(float(wanted), abs=1e-12)
    assert ssim_map(changed, IMAGE).shape == (38, 54)


def test_psnr_of_many_is_of_the_mean_error_not_the_mean_of_decibels():
    import pandas as pd

    from eval.estimates import estimate
    from eval.metrics.psnr import BACKGROUND

    errors = [squared_error(IMAGE, IMAGE), squared_error(IMAGE // 2, IMAGE // 2 + 5)]
    part = pd.DataFrame({"e": errors, "source_identity": ["a", "b"], "target_identity": ["c", "d"]})
    found = estimate(part, "e", BACKGROUND.spec, seed=0)
    assert errors[0] == 0 and found.mean == pytest.approx(decibels(25 / 2))  # the mean of decibels would be 67
    assert found.low <= found.mean <= found.high


@pytest.mark.parametrize("box", [(0, 0, 64, 48), (20, 12, 40, 30), (63, 47, 64, 48)])
def test_errors_are_those_of_the_whole_frame_wherever_the_change_lies(box):
    changed = changed_inside(IMAGE, box, np.random.default_rng(2))
    squared = ((changed.astype(float) - IMAGE) ** 2).mean(2)
    assert squared_error(changed, IMAGE) == pytest.approx(squared.mean(), rel=1e-12)
    assert squared_error(changed, IMAGE, MASK) == pytest.approx(squared[MASK > 0].mean(), rel=1e-12)


def test_a_face_region_in_a_large_frame_is_that_of_the_whole_computation():
    import cv2

    from eval.face_region import face_region
    from mobilefaceswap_core.faces.landmarks68 import forehead

    points = np.random.default_rng(0).uniform(60, 140, (68, 2))
    for shift in ((0, 0), (-90, -70), (130, 60)):  # inside, and over each border
        landmarks = points + shift
        hull = cv2.convexHull(np.concatenate([landmarks, forehead(landmarks)]).astype(np.float32))
        whole = np.zeros((220, 260), np.uint8)
        cv2.fillConvexPoly(whole, np.round(hull).astype(np.int32), 1)
        radius = max(1, round(0.15 * float(np.linalg.norm(landmarks[36] - landmarks[45]))))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        assert np.array_equal(face_region(landmarks, 220, 260), cv2.dilate(whole, kernel).astype(np.float32))


@pytest.mark.parametrize("wrong", [IMAGE.astype(np.float32), IMAGE[..., 0], IMAGE[:20], "picture"])
def test_pixel_metrics_refuse_other_types_and_sizes(wrong):
    for metric in (ssim, psnr, lambda a, b: colour_shift(a, b, MASK)):
        with pytest.raises(OptionError, match=r"wanted|differ"):
            metric(wrong, IMAGE)


@pytest.mark.parametrize("mask", [np.zeros((48, 64), np.float32), np.ones((4, 4), np.float32), MASK * 2])
def test_masks_that_select_nothing_or_do_not_fit_are_refused(mask):
    with pytest.raises(OptionError, match="mask"):
        psnr(IMAGE, OTHER, mask)


def test_colour_shift_agrees_with_a_published_ciede2000_value():
    # Sharma et al. 2005, table 1, pair 1: Lab (50, 2.6772, -79.7751) and (50, 0, -82.7485) differ by 2.0425.
    from skimage.color import deltaE_ciede2000

    assert float(deltaE_ciede2000([50, 2.6772, -79.7751], [50, 0, -82.7485])) == pytest.approx(2.0425, abs=1e-4)
    grey, light = np.full((48, 64, 3), 90, np.uint8), np.full((48, 64, 3), 140, np.uint8)
    assert colour_shift(grey, grey, MASK) == 0
    assert (
        colour_shift(grey, light, MASK) == pytest.approx(colour_shift(light, grey, MASK))
        and colour_shift(grey, light, MASK) > 5
    )


def test_rank_counts_the_wrong_faces_that_are_at_least_as_near():
    gallery = np.array([[1.0, 0], [0, 1], [-1, 0], [0.6, 0.8]])
    embedding = np.array([0.8, 0.6])
    assert [retrieval_rank(embedding, gallery, np.arange(4) == i) for i in range(4)] == [2, 3, 4, 1]
    assert retrieval_rank(np.array([1.0, 0]), np.array([[1.0, 0], [1.0, 0]]), np.array([True, False])) == 2  # a tie
    assert (top_k(1, 1), top_k(2, 1), top_k(5, 5), top_k(None, 5)) == (1, 0, 1, 0)
    with pytest.raises(OptionError, match="right identity"):
        retrieval_rank(embedding, gallery, np.zeros(4, bool))


def test_chance_level_is_what_random_embeddings_reach():
    counts, asked = [1, 3, 2, 4], [0, 1, 2, 3]
    labels = np.repeat(np.arange(4), counts)
    random = np.random.default_rng(1)
    for k in (1, 5):
        hits = []
        for _ in range(4000):
            order = labels[random.permutation(len(labels))]
            hits.append(np.mean([bool((order[:k] == a).any()) for a in asked]))
        assert chance_top_k(counts, asked, k) == pytest.approx(np.mean(hits), abs=0.015)


def test_cosine_does_not_see_length_and_refuses_zero():
    a, b = RANDOM.normal(size=8), RANDOM.normal(size=8)
    assert cosine(a, b) == pytest.approx(cosine(3 * b, a)) and cosine(a, -a) == -1
    with pytest.raises(OptionError, match="zero"):
        cosine(a, np.zeros(8))


def test_threshold_accepts_no_more_impostors_than_stated():
    gallery = RANDOM.normal(size=(60, 16))
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    labels = np.repeat(np.arange(30), 2).astype(str)
    threshold, count = impostor_threshold(gallery, labels, false_accept_rate=0.05)
    first, second = np.triu_indices(60, 1)
    impostor = labels[first] != labels[second]
    scores = (gallery @ gallery.T)[first, second][impostor]
    assert count == impostor.sum() == 60 * 59 / 2 - 30
    assert np.mean(scores >= threshold) <= 0.05 < np.mean(scores >= threshold) + 2 / count
    assert is_verified(threshold, threshold) == 1 and is_verified(threshold - 1e-6, threshold) == 0


def test_pose_error_goes_the_short_way_round():
    assert pose_error(np.array([0, 0, 179.0]), np.array([0, 0, -179.0])) == pytest.approx(2)
    assert pose_error(np.array([3, 0, 4.0]), np.zeros(3)) == 5
    with pytest.raises(OptionError, match="pitch"):
        pose_error(np.zeros(4), np.zeros(4))


def test_coefficient_distances_have_their_closed_forms():
    assert expression_error(np.array([3.0, 4]), np.zeros(2)) == 5
    assert shape_error(np.array([3.0, 4]), np.zeros(2)) == pytest.approx(math.sqrt(12.5))
    for metric in (expression_error, shape_error):
        assert metric(np.ones(4), np.ones(4)) == 0
        with pytest.raises(OptionError, match="equal lengths"):
            metric(np.ones(4), np.ones(3))
        with pytest.raises(OptionError, match="finite"):
            metric(np.array([np.nan]), np.ones(1))


def test_landmark_shape_ignores_shift_turn_and_scale_but_not_motion():
    points = RANDOM.normal(size=(68, 2)) * 30 + 100
    angle = 0.4
    turned = 1.7 * points @ np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) + [
        5,
        -9,
    ]
    assert landmark_shape(turned, points) == pytest.approx(0, abs=1e-9)
    moved = points.copy()
    moved[60] += 10
    assert landmark_shape(moved, points) > 0.1
    with pytest.raises(OptionError, match="68"):
        landmark_shape(points[:5], points)


def test_identity_flicker_is_zero_for_one_direction_and_one_for_a_right_angle():
    person = np.array([3.0, 4.0])
    assert identity_flicker(person, 2 * person) == pytest.approx(0)
    assert identity_flicker(person, np.array([-4.0, 3.0])) == pytest.approx(1)


def test_frechet_distance_of_shifted_and_scaled_normals_has_its_closed_form():
    base = RANDOM.normal(size=(400, 6))
    base = (base - base.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(base, rowvar=False))).T  # exact moments
    assert frechet_distance(base, base) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(base, base + 2) == pytest.approx(6 * 4)
    assert frechet_distance(base, 3 * base) == pytest.approx(6 * (1 - 3) ** 2)
    other = RANDOM.normal(size=(90, 6)) @ RANDOM.normal(size=(6, 6))
    from scipy.linalg import sqrtm

    c1, c2 = np.cov(base, rowvar=False), np.cov(other, rowvar=False)
    independent = ((base.mean(0) - other.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(base, other) == pytest.approx(independent, rel=1e-8)
    assert "singular" in small_sample_warning(100, 128) and small_sample_warning(20_000, 128) is None


def test_the_kernel_distance_is_that_of_all_pairs_and_does_not_hang_on_the_number_of_images():
    random = np.random.default_rng(4)
    a, b = random.normal(size=(7, 5)), random.normal(size=(9, 5)) + 0.3

    def kernel(x, y):
        return (float(x @ y) / 5 + 1) ** 3

    within = [np.mean([kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]) for x in (a, b)]
    assert kernel_distance(a, b) == pytest.approx(sum(within) - 2 * np.mean([[kernel(x, y) for y in b] for x in a]))
    # Of one distribution: about 0 for 20 images as for 2,500, where the Frechet distance grows with fewer.
    few = np.mean([kernel_distance(*random.normal(size=(2, 20, 8))) for _ in range(300)])
    assert abs(few) < 0.02 and abs(kernel_distance(*random.normal(size=(2, 2500, 8)))) < 0.02
    assert frechet_distance(*random.normal(size=(2, 20, 8))) > 1
    with pytest.raises(OptionError, match="wanted"):
        kernel_distance(a, b[:, :3])


def test_clean_resize_keeps_a_constant_and_does_not_alias():
    assert np.allclose(clean_resize(np.full((90, 60, 3), 77, np.uint8), 30), 77)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(clean_resize(stripes, 16)[4:-4, 4:-4] - 127.5).max() < 8


def test_failure_needs_both_an_image_and_a_face():
    assert [is_failed(*v) for v in ((True, True), (True, False), (False, False))] == [0, 1, 1]


def test_lpips_runs_the_package_with_a_backbone_from_disk(tmp_path):
    import torch

    from eval.metrics.lpips import LpipsMeter, find_backbone, import_lpips

    import_lpips()
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(torchvision.models.alexnet(weights=None).state_dict(), tmp_path / "alexnet.pth")
    meter = LpipsMeter(find_backbone(tmp_path / "alexnet.pth"))
    a = RANDOM.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    b = np.clip(a.astype(int) + RANDOM.integers(-20, 20, a.shape), 0, 255).astype(np.uint8)
    assert meter(a, a) == 0 and 0 < meter(a, b) < meter(a, 255 - a)
    assert meter(a, b) == pytest.approx(meter(b, a), rel=1e-4)
    assert not meter.official  # random weights are not torchvision's, and the table says so
    with pytest.raises(BackendError, match="no such file"):
        find_backbone(tmp_path / "missing.pth")
    (tmp_path / "damaged.pth").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="not a torch checkpoint"):
        LpipsMeter(tmp_path / "damaged.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="lacks"):
        LpipsMeter(tmp_path / "other.pth")


def test_lpips_takes_squeezenet_and_vgg_by_the_names_that_fetch_knows(tmp_path, monkeypatch):
    import torch

    from eval.metrics.lpips import BACKBONES, LpipsMeter, _load_backbone, find_backbone, import_lpips, load_lpips
    from mobilefaceswap_core.weights.published import PUBLISHED

    package = import_lpips()
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert BACKBONES.keys() == {"alex", "vgg", "squeeze"}
    for network, (name, _) in BACKBONES.items():
        with pytest.raises(
            BackendError, match=f"run `python -m mobilefaceswap_core fetch {name}`, or pass {PUBLISHED[name].file}"
        ):
            find_backbone(network=network)
    with pytest.raises(OptionError, match="--lpips dense: wanted one of alex, vgg, squeeze"):
        load_lpips(None, network="dense")
    found = tmp_path / "hub" / "checkpoints" / PUBLISHED["lpips_squeeze"].file
    found.parent.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), found)
    metric, said = load_lpips(None, network="squeeze")
    assert metric.measure is not None and "a backbone that is NOT torchvision's SqueezeNet" in said
    meter = LpipsMeter(find_backbone(network="squeeze"), network="squeeze")
    a = RANDOM.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    assert meter(a, a) == 0 and meter(a, 255 - a) > 0
    with pytest.raises(WeightsError, match="wanted torchvision's AlexNet"):
        LpipsMeter(found)
    # VGG holds half a gigabyte: its names and shapes alone say that torchvision's file fits.
    with torch.device("meta"):
        ours, theirs = package.pn.vgg16(pretrained=False), torchvision.models.vgg16(weights=None)
        _load_backbone(ours, theirs.state_dict(), "vgg", "VGG")


def drawn_face(side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A plain picture in the colour of skin, and where a face would lie in it."""
    from mobilefaceswap_core.faces.head_pose import MEAN_68

    return np.full((side, side, 3), (190, 150, 130), np.uint8), 0.3 * side * MEAN_68[:, :2] + side / 2


def test_patches_are_not_seen_where_the_whole_face_changed_alike_or_nothing_did():
    target, landmarks = drawn_face()
    assert patches(target, target, landmarks) == 0
    assert patches(np.full_like(target, (90, 80, 120)), target, landmarks) == pytest.approx(0, abs=1e-3)
    noisy = np.clip(target + RANDOM.normal(0, 12, target.shape), 0, 255).astype(np.uint8)
    assert patches(noisy, target, landmarks) < 1  # pores and grain are not patches


def test_a_stain_counts_by_its_size_and_strength_on_the_skin_alone():
    target, landmarks = drawn_face()
    skin = skin_of(landmarks, 200, 200)
    assert 0.05 < skin.mean() < 0.6
    for index in (*range(36, 60), 19, 24):  # eyes, lips, brows
        x, y = np.round(landmarks[index]).astype(int)
        assert not skin[y, x]
    x, y = np.round((landmarks[3] + landmarks[31]) / 2).astype(int)  # on a cheek
    assert skin[y, x]

    def stained(radius: int, levels: int, at: tuple[int, int] = (x, y)) -> float:
        image = target.copy()
        cv2.circle(image, tuple(map(int, at)), radius, tuple(int(v) for v in target[0, 0].astype(int) - levels), -1)
        return patches(image, target, landmarks)

    assert 0 < stained(6, 20) < stained(6, 60) < stained(16, 60)
    assert stained(6, 60, (3, 3)) == pytest.approx(0, abs=1e-6)


def test_the_same_stain_counts_alike_in_a_picture_twice_as_large():
    values = []
    for side in (200, 400):
        target, landmarks = drawn_face(side)
        image = target.copy()
        x, y = np.round((landmarks[3] + landmarks[31]) / 2).astype(int)
        cv2.circle(image, (int(x), int(y)), side // 14, (120, 90, 80), -1)
        values.append(patches(image, target, landmarks))
    assert values[0] == pytest.approx(values[1], rel=0.08)


def test_patches_need_skin_inside_the_picture():
    target, landmarks = drawn_face()
    with pytest.raises(OptionError, match="outside of the picture"):
        patches(target, target, landmarks + 5000)
    with pytest.raises(OptionError, match=r"differ|wanted"):
        patches(target[:90], target, landmarks)
