"""Published masks and enhancers by their contracts, on small networks with their inputs, number by number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.finish import finish, stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.foreign_masks import FACE, ForeignOccluder, ForeignParts
from mobilefaceswap_core.blend.limits import MaskLimits
from mobilefaceswap_core.blend.occlusion import visible_weight
from mobilefaceswap_core.blend.stage_contracts import stage_contracts
from mobilefaceswap_core.blend.stage_network import StageNetwork, StageNetworks, load_stage_network
from mobilefaceswap_core.choices import CHOICES, ENHANCERS, OCCLUDERS, PARSERS
from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError
from mobilefaceswap_core.faces.geometry import warp_to_crop
from mobilefaceswap_core.options import offered, swap_options
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.runtime.networks import Network
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop
from mobilefaceswap_core.weights.pins import pin
from mobilefaceswap_core.weights.published import PUBLISHED, own_folder
from tests.fakes.foreign import write_enhancer, write_occluder, write_parser, write_stage
from tests.fakes.painted import Painter, SquareDetector


@dataclass(frozen=True)
class Known:
    """A row of what facefusion 3.8.1 does, written down apart from the table that is tested."""

    side: int
    template: str = ""
    order: str = "rgb"
    mean: tuple[float, ...] = (0.0,) * 3
    std: tuple[float, ...] = (1.0,) * 3
    last: bool = False


_XSEG = Known(256, order="bgr", last=True)
_BISENET = Known(512, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
_FACE = Known(512, "ffhq", mean=(0.5,) * 3, std=(0.5,) * 3)
KNOWN = {
    "xseg_1": _XSEG,
    "xseg_2": _XSEG,
    "xseg_3": _XSEG,
    "bisenet_resnet_18": _BISENET,
    "bisenet_resnet_34": _BISENET,
    "gfpgan_1.2": _FACE,
    "gfpgan_1.3": _FACE,
    "gfpgan_1.4": _FACE,
    "codeformer": _FACE,
    "gpen_bfr_256": replace(_FACE, side=256, template="arcface_128"),
    "gpen_bfr_512": _FACE,
    "gpen_bfr_1024": replace(_FACE, side=1024),
}
INFO = SwapperInfo("tested", "a swapper", CropSpec(), "none", "tests")
PLAIN = FinishOptions(
    match_colours=False,
    beard=False,
    pupils=0,
    folds=False,
    brows=False,
    lids=False,
    mouth=0,
    occlusion=False,
    texture=0,
)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MOBILEFACESWAP_MODELS", raising=False)


@pytest.fixture
def crop() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (224, 224, 3), np.uint8)


def installed(name: str, **options) -> StageNetwork:
    write_stage(own_folder(), name)
    return load_stage_network(name, **options)


def test_the_names_that_can_be_chosen_are_those_of_the_table_and_of_what_can_be_fetched() -> None:
    by_role = {
        role: {n for n, c in stage_contracts().items() if c.role == role} for role in ("occluder", "parser", "enhancer")
    }
    assert set(OCCLUDERS[1:]) == by_role["occluder"] | by_role["parser"]
    assert set(PARSERS[1:]) == by_role["parser"] and set(ENHANCERS[1:]) == by_role["enhancer"]
    assert stage_contracts().keys() == KNOWN.keys()
    for name, contract in stage_contracts().items():
        assert PUBLISHED[name].kind == contract.role and PUBLISHED[name].licence == contract.licence
        assert (contract.crop is None) == (contract.role != "enhancer")


@pytest.mark.parametrize("name", KNOWN)
def test_a_network_reads_exactly_what_its_contract_says(name, crop) -> None:
    known, network = KNOWN[name], installed(name)
    sized = cv2.resize(crop, (known.side, known.side)).astype(np.float64)[..., :: -1 if known.order == "bgr" else 1]
    wanted = (sized / 255 - known.mean) / known.std
    read = network.read(crop)[0]
    read = read if known.last else read.transpose(1, 2, 0)
    np.testing.assert_allclose(read[::3, ::3], wanted[::3, ::3], atol=1e-5)
    assert network.contract.crop == (CropSpec(known.side, known.template, "similarity") if known.template else None)


def smoothed(mask: np.ndarray, side: int) -> np.ndarray:
    """facefusion's last steps, in its own words."""
    mask = cv2.resize(mask.astype(np.float32).clip(0, 1), (side, side))
    return (cv2.GaussianBlur(mask.clip(0, 1), (0, 0), 5).clip(0.5, 1) - 0.5) * 2


def test_xseg_s_mask_is_blurred_and_stretched_and_read_from_blue_first(crop) -> None:
    crop = cv2.GaussianBlur(crop, (0, 0), 30) // 2 + np.array([0, 0, 90], np.uint8)
    crop[:, 112:, 2] = 20
    occluder = ForeignOccluder(installed("xseg_1"))
    weight = visible_weight(occluder(crop))
    blue = cv2.resize(crop, (256, 256))[..., 2] / 255
    np.testing.assert_allclose(weight, smoothed(blue, 224), atol=1e-5)
    assert 0.1 < weight[:, :90].mean() < 1 and (weight[:, 140:] == 0).all()


def test_bisenet_tells_parts_by_its_classes_and_what_is_no_part_hides_the_face() -> None:
    labels = np.arange(512) * 19 // 512
    crop = np.zeros((512, 512, 3), np.uint8)
    crop[..., 0] = 10 * labels
    network = installed("bisenet_resnet_18")
    weight = visible_weight(ForeignOccluder(network)(crop))
    parts = ForeignParts(network, crop)
    whole = smoothed(np.isin(np.tile(labels, (512, 1)), [1, 2, 3, 4, 5, 10, 11, 12, 13]), 512)
    np.testing.assert_allclose(weight, whole, atol=1e-6)
    seen = {
        region: {int(k) for k in labels[parts(region)[256] > 0.5]}
        for region in ("brows", "eyes", "nose", "mouth", "skin")
    }
    assert seen == {"brows": {2, 3}, "eyes": {4, 5}, "nose": {10}, "mouth": {11, 12, 13}, "skin": {1, 10}}
    assert FACE == (1, 2, 3, 4, 5, 10, 11, 12, 13)


@pytest.mark.parametrize("name", [n for n in KNOWN if KNOWN[n].template])
def test_an_enhancer_s_face_comes_out_in_whole_levels(name) -> None:
    network = installed(name)
    side = KNOWN[name].side
    crop = np.random.default_rng(4).integers(0, 256, (side, side, 3), np.uint8)
    drawn = network.written(network(crop, fidelity=1.0))
    assert (drawn == 255 - crop).all()  # the stand-in gives the negative


def test_codeformer_s_weight_is_a_double_and_reaches_it(crop) -> None:
    network = installed("codeformer")
    quarter = network(crop, fidelity=0.25)
    np.testing.assert_allclose(quarter, -0.25 * network.read(crop)[0], atol=1e-6)


def test_openvino_gives_the_same_as_onnx_runtime(crop) -> None:
    pytest.importorskip("openvino")
    for name in ("xseg_1", "codeformer"):
        ours, theirs = installed(name), installed(name, backend="openvino")
        assert theirs.device == "cpu / openvino f32" and ours.device == "cpu / onnxruntime"
        np.testing.assert_allclose(theirs(crop), ours(crop), atol=1e-6)
    with pytest.raises(BackendError, match="'torch' runs no ONNX files of others; choose auto or one of onnxruntime"):
        load_stage_network("xseg_1", backend="torch")
    with pytest.raises(BackendError, match="runs on the CPU only, got device cuda"):
        load_stage_network("xseg_1", backend="openvino", device="cuda")
    Path(own_folder() / "xseg_1.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="not a network that OpenVINO can load"):
        load_stage_network("xseg_1", backend="openvino")


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        (
            "xseg_2",
            lambda p: write_occluder(p, side=128),
            r"it has input \(\?, 128, 128, 3\).*wanted input \(1, 256, 256, 3\)",
        ),
        ("xseg_2", lambda p: write_occluder(p, channels_last=False), "does not fit its contract"),
        ("xseg_2", lambda p: write_occluder(p, name="picture"), r"it has picture"),
        ("bisenet_resnet_34", lambda p: write_parser(p, classes=11), r"wanted input .* -> \(1, 19, 512, 512\)"),
        ("gfpgan_1.4", lambda p: write_enhancer(p, side=256), "does not fit"),
        ("gfpgan_1.4", lambda p: write_enhancer(p, fidelity=True), r"weight \(1\)"),
        ("codeformer", lambda p: write_enhancer(p), r"wanted input \(1, 3, 512, 512\), weight \(1\)"),
        ("codeformer", lambda p: write_enhancer(p, fidelity=True, size=2), "does not fit"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused_with_what_was_found_and_wanted(name, write, said) -> None:
    own_folder().mkdir(parents=True)
    write(own_folder() / f"{name}.onnx")
    with pytest.raises(WeightsError, match=said):
        load_stage_network(name)


def test_an_absent_network_is_refused_at_every_door_with_the_one_command_to_run() -> None:
    for choice, name in (("occluder", "xseg_1"), ("parser", "bisenet_resnet_18"), ("enhancer", "gfpgan_1.4")):
        with pytest.raises(
            WeightsError, match=rf"is not on this machine. Run `python -m mobilefaceswap_core fetch {name}`"
        ):
            swap_options({choice: name})
        with pytest.raises(WeightsError, match=f"fetch {name}`"):
            load_stage_network(name)
        with pytest.raises(OptionError, match=f"{choice}: got 'other', wanted one of"):
            swap_options({choice: "other"})
        with pytest.raises(OptionError, match=f"Got the {choice} 'other'; wanted one of"):
            FinishOptions(**{choice: "other"})
    (enhancer,) = (choice for choice in CHOICES if choice.name == "enhancer")
    assert offered(enhancer) == ("none",)
    write_stage(own_folder(), "gfpgan_1.4")
    assert offered(enhancer) == ("none", "gfpgan_1.4")
    assert swap_options({"enhancer": "gfpgan_1.4", "enhancement": 0.3}).enhancement == 0.3


def test_options_name_the_networks_that_take_part_and_no_others() -> None:
    both = FinishOptions(occluder="bisenet_resnet_18", parser="bisenet_resnet_18", enhancer="codeformer")
    assert FinishOptions().networks == () and both.networks == ("bisenet_resnet_18", "codeformer")
    assert replace(both, occlusion=False).networks == ("codeformer",)  # no part is limited, so none is looked for
    assert replace(both, occlusion=False, limits=MaskLimits(keep=("eyes",)), enhancement=0).networks == (
        "bisenet_resnet_18",
    )


def test_a_file_that_was_replaced_after_it_was_fetched_is_not_run() -> None:
    write_stage(own_folder(), "gfpgan_1.4")
    pin("gfpgan_1.4.onnx", "0" * 64, size=1)
    with pytest.raises(WeightsError, match="Somebody replaced it"):
        load_stage_network("gfpgan_1.4")


@pytest.fixture
def pair() -> tuple[AlignedFace, SwappedCrop, np.ndarray]:
    """A target in a grey frame at three quarters of its crop's size, and a swapped crop of one colour."""
    frame = np.full((400, 400, 3), 128, np.uint8)
    place = np.array([[4 / 3, 0, -160.0], [0, 4 / 3, -140.0]])
    target = np.full((224, 224, 3), 128, np.uint8)
    mask = np.zeros((224, 224), np.float32)
    mask[40:190, 40:190] = 1
    return AlignedFace(target, place, None), SwappedCrop(np.full((224, 224, 3), (200, 90, 60), np.uint8), mask), frame


def finished(pair, *, frame=True, moving=False, **chosen):
    target, swapped, picture = pair
    steps = stages(Setting(INFO, replace(PLAIN, **chosen), moving, network=StageNetworks()))
    return finish(target, swapped, steps, frame=picture if frame else None), [step.name for step in steps]


@pytest.mark.parametrize("name", ["gfpgan_1.4", "gpen_bfr_256"])
def test_the_swapped_face_is_drawn_anew_in_its_frame_and_nothing_else_changes(pair, name) -> None:
    write_stage(own_folder(), name)
    plain, _ = finished(pair)
    whole, names = finished(pair, enhancer=name, enhancement=1.0)
    assert names == ["mask", "native", "enhance"]
    assert (whole.weight == plain.weight).all() and (whole.crop_from_frame == plain.crop_from_frame).all()
    middle = np.s_[70:160, 70:160]
    assert np.abs(whole.pixels[middle].astype(int) - (55, 165, 195)).max() <= 1
    half, _ = finished(pair, enhancer=name, enhancement=0.5)
    assert np.abs(half.pixels[middle].astype(int) - (128, 128, 128)).max() <= 1
    alone, _ = finished(pair, frame=False, enhancer=name, enhancement=1.0)
    assert np.abs(alone.pixels[middle].astype(int) - whole.pixels[middle]).max() <= 1
    assert finished(pair, enhancer=name, enhancement=0.0)[1] == ["mask", "native"]


def test_what_an_enhancer_sees_is_the_frame_with_the_swapped_face_where_it_lies(pair, monkeypatch) -> None:
    write_stage(own_folder(), "gfpgan_1.4")
    target, swapped, frame = pair
    frame = frame.copy()
    frame[:, :200] = 20  # the frame's own halves meet in the crop's column 106.5
    seen = []
    call = StageNetwork.__call__
    monkeypatch.setattr(
        StageNetwork, "__call__", lambda self, crop, **how: seen.append(crop) or call(self, crop, **how)
    )
    finished((target, swapped, frame), enhancer="gfpgan_1.4")
    (picture,) = seen
    assert picture.shape == (512, 512, 3)
    assert (picture[:100, :180] == 20).all() and (picture[:100, 330:] == 128).all()
    assert (picture[256, 230:300] == (200, 90, 60)).all()


@pytest.mark.parametrize("name", ["gfpgan_1.4", "gpen_bfr_256"])
@pytest.mark.parametrize("spec", [CropSpec(), CropSpec(256, "arcface_frontal"), CropSpec(128, "arcface_128")])
def test_an_enhancer_that_draws_what_it_sees_changes_nothing(name, spec) -> None:
    own_folder().mkdir(parents=True)
    write_enhancer(own_folder() / f"{name}.onnx", side=KNOWN[name].side, operator="Identity")
    y, x = np.mgrid[0:400, 0:400]
    frame = np.stack([127 + 100 * np.sin((x + k * y) / (11 + k)) for k in range(3)], -1).astype(np.uint8)
    angle, scale, side = 0.4, spec.size_px / 180, spec.size_px
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    place = np.hstack([linear, (side / 2 - linear @ [210, 190])[:, None]])
    crop = warp_to_crop(frame, place, side)
    info = replace(INFO, crop=spec)
    steps = stages(Setting(info, replace(PLAIN, enhancer=name, enhancement=1.0), network=StageNetworks()))
    swapped = SwappedCrop(crop, np.ones((side, side), np.float32))
    done = finish(AlignedFace(crop, place, None), swapped, steps, frame=frame)
    plain = finish(AlignedFace(crop, place, None), swapped, steps[:-1], frame=frame)
    assert [step.name for step in steps] == ["mask", "native", "enhance"]
    change = np.abs(done.pixels.astype(int) - plain.pixels)[plain.weight > 0]
    assert np.percentile(change, 99) <= 4, np.percentile(
        change, [50, 99, 100]
    )  # an offset of one pixel would be 12 and more


def test_a_clip_s_face_is_enhanced_at_its_own_size(pair) -> None:
    write_stage(own_folder(), "gfpgan_1.4")
    target, swapped, frame = pair
    near = AlignedFace(target.image, np.array([[0.56, 0, 0.0], [0, 0.56, 0.0]]), None)
    plain, _ = finished((near, swapped, frame), moving=True)
    large, names = finished((near, swapped, frame), moving=True, enhancer="gfpgan_1.4", enhancement=1.0)
    assert len(plain.pixels) == 224 and len(large.pixels) == 400 and "native" in names
    assert np.abs(large.pixels[150:250, 150:250].astype(int) - (55, 165, 195)).max() <= 1


def test_masks_of_others_take_the_place_of_ours_in_the_finish(pair) -> None:
    target, swapped, frame = pair
    for name in ("xseg_3", "bisenet_resnet_18"):
        write_stage(own_folder(), name)
    picture = np.zeros((224, 224, 3), np.uint8)
    picture[:, :112, 2] = 255  # blue: visible to the one
    picture[:, 112:, 0] = 10  # red 10, skin: visible to the other
    pair = AlignedFace(picture, target.crop_from_frame, None), swapped, frame
    plain, _ = finished(pair)
    left, right = np.s_[60:170, 60:90], np.s_[60:170, 135:165]
    for name, kept, lost in (("xseg_3", left, right), ("bisenet_resnet_18", right, left)):
        done, names = finished(pair, occlusion=True, occluder=name)
        assert names == ["mask", "native", "occlusion"]
        np.testing.assert_allclose(done.weight[kept], plain.weight[kept], atol=1e-6)
        assert np.abs(done.weight[lost]).max() < 1e-6
    # Parts need no landmarks where a network sees them: skin is on the right.
    only, _ = finished(pair, parser="bisenet_resnet_18", limits=MaskLimits(regions=("skin",), feather=0))
    np.testing.assert_allclose(only.weight[right], plain.weight[right], atol=1e-6)
    assert not only.weight[left].any()
    assert not FinishOptions(parser="bisenet_resnet_18").limits.needs_landmarks


def test_the_pipeline_loads_a_network_once_and_its_report_names_the_stage(monkeypatch) -> None:
    write_stage(own_folder(), "gfpgan_1.4")
    opened = []
    init = Network.__init__
    monkeypatch.setattr(
        Network, "__init__", lambda self, path, *a, **k: opened.append(path.name) or init(self, path, *a, **k)
    )
    pipeline = Pipeline(Painter(), SquareDetector())
    picture = np.concatenate([np.full((240, 240, 3), c, np.uint8) for c in ((200, 30, 30), (30, 200, 30))], axis=1)
    source = pipeline.prepare_source([picture[:, :240]])
    options = swap_options({"enhancer": "gfpgan_1.4", "enhancement": 1, "occlusion": False, "texture": 0})
    results = [pipeline.swap(picture, source, options=options) for _ in range(2)]
    assert opened == ["gfpgan_1.4.onnx"]
    assert results[0].report.faces_swapped >= 1 and "enhance" in results[0].seconds
    assert (results[0].image == results[1].image).all()
