"""What hides a face: the network, its weight at full size, and its memory over a clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.occlusion import SteadyOcclusion, guided, load_occlusion, visible_weight
from mobilefaceswap_core.blend.occlusion_graph import RIM_PX, occlusion_graph
from mobilefaceswap_core.blend.occlusion_network import OcclusionNet, folded, unfolded
from mobilefaceswap_core.errors import ImageError, OptionError, WeightsError
from mobilefaceswap_core.faces.landmarks68 import BROWS, JAW, MOUTH
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.pipeline import Pipeline

IDENTITY = np.hstack([np.eye(2), np.zeros((2, 1))])


@pytest.fixture(scope="module")
def model():
    return load_occlusion()


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load("student", "lite", device="cpu", threads=1)


@pytest.fixture(scope="module")
def face(pipeline, astronaut):
    """The astronaut's crop with landmarks."""
    return pipeline.align(astronaut, pipeline.with_landmarks(astronaut, pipeline.detect(astronaut)[0], always=True))


def middle_of(face) -> tuple[slice, slice]:
    """Rows and columns between brows and mouth, well inside of the jaw."""
    points = face.landmarks
    rows = slice(int(points[BROWS][:, 1].max()) + 4, int(points[MOUTH][:, 1].max()))
    columns = points[JAW][[3, 13], 0].astype(int)
    return rows, slice(columns[0] + 8, columns[1] - 8)


def test_a_clean_face_stays_swapped(model, face) -> None:
    assert visible_weight(model(face.image))[middle_of(face)].mean() > 0.99


@pytest.mark.parametrize("colour", [(10, 10, 10), (240, 240, 240), (30, 90, 200)])
def test_a_bar_painted_across_the_face_comes_out_and_the_rest_stays(model, face, colour) -> None:
    painted, (rows, columns) = face.image.copy(), middle_of(face)
    bar = slice(rows.stop - 32, rows.stop - 8)
    painted[bar] = colour
    visible = visible_weight(model(painted))
    assert visible[bar.start + 3 : bar.stop - 3, columns].mean() < 0.1
    assert visible[rows.start : bar.start - 6, columns].mean() > 0.95


def test_identity_of_a_swap_of_a_clean_face_hardly_changes(model, pipeline, face, group) -> None:
    encoder = load_identity_encoder()
    source = pipeline.prepare_source([group])
    crop = pipeline.swap_aligned([face], [source])[0]
    weight = refine_mask(crop.mask)[..., None]
    visible = visible_weight(model(face.image))[..., None]
    pasted = [(face.image * (1 - w) + crop.image * w).round().astype(np.uint8) for w in (weight, weight * visible)]
    own, *swapped = encoder.embed([source.thumbnails[0], *pasted])
    without, with_ = (float(own @ other) for other in swapped)
    assert with_ == pytest.approx(without, abs=0.02) and with_ > 0.4


def test_crops_of_other_sizes_are_brought_to_the_networks_and_back(model, face) -> None:
    whole = model(face.image)
    for side in (112, 448):
        import cv2

        resized = cv2.resize(face.image, (side, side), interpolation=cv2.INTER_AREA)
        own = cv2.resize(model(resized), (224, 224))
        assert np.abs(own - whole)[middle_of(face)].mean() < 0.02
    assert [mask.shape for mask in model.batch([face.image[:64, :64], face.image])] == [(64, 64), (224, 224)]
    assert model.batch([]) == []


@pytest.mark.parametrize("wrong", [np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3))])
def test_what_is_no_crop_is_refused(model, wrong) -> None:
    with pytest.raises(ImageError, match="align the face"):
        model(wrong)


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    from safetensors.torch import save_file

    save_file({"stem": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="another network"):
        load_occlusion(path=tmp_path / "other.safetensors")


def random_network() -> OcclusionNet:
    """With norms whose statistics are not those of their initialisation."""
    torch.manual_seed(0)
    network = OcclusionNet(norms=True)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor, low in ((module.weight, 0.5), (module.running_var, 0.5), (module.bias, -0.5)):
                    tensor.copy_(torch.rand_like(tensor) + low)
                module.running_mean.normal_(0, 0.3)
    return network.eval()


def test_folding_norms_and_writing_the_graph_keep_the_function() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    network, crops = random_network(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        wanted = network(crops)
        assert torch.allclose(folded(network)(crops), wanted, atol=1e-4)
        assert torch.equal(folded(folded(network))(crops), folded(network)(crops))
    session = onnxruntime.InferenceSession(
        occlusion_graph(network).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (got,) = session.run(None, {"crop": crops.numpy()})
    inner = np.s_[..., RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    assert np.abs(got - torch.sigmoid(wanted).numpy())[inner].max() < 1e-5


def test_putting_norms_back_keeps_the_function_in_training_and_in_evaluation() -> None:
    plain, crops = folded(random_network()), torch.rand(4, 3, 64, 64)
    with torch.no_grad():
        wanted = plain(crops)
        assert torch.allclose(unfolded(plain, crops).eval()(crops), wanted, atol=1e-3)
        assert torch.allclose(unfolded(plain, crops).train()(crops), wanted, atol=1e-3)


def test_the_weight_falls_from_one_to_zero_between_its_limits() -> None:
    hidden = np.array([0, 0.3, 0.4, 0.5, 0.7, 1], np.float32)
    assert visible_weight(hidden) == pytest.approx([1, 1, 0.75, 0.5, 0, 0], abs=1e-6)
    assert visible_weight(hidden).dtype == np.float32


@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_an_even_probability_stays_even_whatever_the_guide_shows(value) -> None:
    guide = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    assert guided(np.full((32, 32), value, np.float32), guide) == pytest.approx(np.full((96, 96), value), abs=1e-3)


def test_a_soft_edge_becomes_as_sharp_as_the_guides_edge_and_lies_there() -> None:
    import cv2

    guide = np.full((224, 224, 3), 200, np.uint8)
    guide[:, 98:104] = 20  # a frame of six pixels, one and a half of the probability's
    hidden = cv2.resize((guide[..., 0] < 100).astype(np.float32), (56, 56), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(hidden, (0, 0), 1.0)
    bilinear, sharp = cv2.resize(soft, (224, 224)), guided(soft, guide)
    inside, beside = np.s_[50:170, 99:103], np.s_[50:170, 92:97]
    assert sharp[inside].mean() - sharp[beside].mean() > 1.7 * (bilinear[inside].mean() - bilinear[beside].mean())
    with pytest.raises(OptionError, match="square"):
        guided(soft, guide[:100])


# Over time


def test_a_probability_that_flickers_is_calmed_and_one_that_stays_is_kept() -> None:
    steady, even = SteadyOcclusion(), np.full((16, 16), 0.6, np.float32)
    for number in range(10):
        assert steady(even, IDENTITY, time_s=number / 25) == pytest.approx(even, abs=1e-6)
    flicker = [steady(even + 0.3 * (-1) ** number, IDENTITY, time_s=(10 + number) / 25) for number in range(20)]
    assert np.ptp([frame.mean() for frame in flicker[10:]]) < 0.35 * 0.6


def test_a_hand_that_enters_is_there_a_tenth_of_a_second_later() -> None:
    steady = SteadyOcclusion()
    nothing, hand = np.zeros((16, 16), np.float32), np.ones((16, 16), np.float32)
    for number in range(5):
        steady(nothing, IDENTITY, time_s=number / 25)
    assert [steady(hand, IDENTITY, time_s=(5 + number) / 25).mean() for number in range(3)][-1] > 0.5


def test_what_was_seen_moves_with_the_crop() -> None:
    steady = SteadyOcclusion(half_life_s=1e6)  # the past alone
    spot = np.zeros((32, 32), np.float32)
    spot[8:12, 8:12] = 1
    steady(spot, IDENTITY, time_s=0.0)
    moved = IDENTITY + np.array([[0, 0, 5.0], [0, 0, 3.0]])
    seen = steady(np.zeros_like(spot), moved, time_s=0.04)
    assert seen == pytest.approx(np.roll(spot, (3, 5), (0, 1)), abs=1e-4)


@pytest.mark.parametrize("time_s", [0.0, 5.0, -1.0])
def test_a_cut_a_gap_or_time_running_backwards_begins_anew(time_s) -> None:
    steady, before, after = SteadyOcclusion(), np.ones((8, 8), np.float32), np.zeros((8, 8), np.float32)
    steady(before, IDENTITY, time_s=0.0)
    assert steady(after, IDENTITY, time_s=time_s) is after
    steady.reset()
    assert steady(before, IDENTITY, time_s=time_s + 0.04) is before
    with pytest.raises(OptionError):
        SteadyOcclusion(half_life_s=0)


def test_every_second_frame_of_a_clip_is_carried_and_never_two_in_a_row() -> None:
    steady = SteadyOcclusion()
    assert steady.carried(IDENTITY, time_s=0.0) is None  # nothing is known yet
    spot = np.zeros((32, 32), np.float32)
    spot[8:12, 8:12] = 1
    steady(spot, IDENTITY, time_s=0.0)
    moved = IDENTITY + np.array([[0, 0, 5.0], [0, 0, 3.0]])
    assert steady.carried(moved, time_s=0.04) == pytest.approx(np.roll(spot, (3, 5), (0, 1)), abs=1e-4)
    assert steady.carried(moved, time_s=0.08) is None
    steady(spot, moved, time_s=0.08)
    assert steady.carried(moved, time_s=0.2) is None  # ten frames a second: a hand has gone too far
    assert steady.carried(moved, time_s=0.12) is not None


def test_a_face_at_rest_is_looked_at_every_fifth_frame_and_at_once_when_something_enters() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    entered = crop.copy()
    entered[:24, 100:124] = 0

    def looks(crops: list[np.ndarray], rate: float = 25) -> list[int]:
        steady, looked = SteadyOcclusion(), []
        for number, shown in enumerate(crops):
            if steady.carried(IDENTITY, time_s=number / rate, target=shown) is None:
                steady(np.zeros((8, 8), np.float32), IDENTITY, time_s=number / rate)
                looked.append(number)
        return looked

    assert looks([crop] * 12) == [0, 5, 10]
    assert looks([crop] * 2 + [entered] * 5) == [0, 2]
    # A camera of fewer frames is looked at as often in a second, and whenever the crop changed.
    assert looks([crop] * 8, rate=14) == [0, 3, 6]
    assert looks([crop] * 8, rate=4) == list(range(8))
    assert looks([crop, crop, entered, crop, entered], rate=14) == [0, 2, 3, 4]
