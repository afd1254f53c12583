"""Foreign swappers by their contracts, on small networks with their inputs, names and initialisers, number by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.errors import BackendError, ImageError, OptionError, WeightsError
from mobilefaceswap_core.faces.geometry import TEMPLATES_112, recut
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.models import available_swappers, entries, load_swapper
from mobilefaceswap_core.teachers.contract_swapper import RECOGNISER_CROP, ContractSwapper, load_contract_swapper
from mobilefaceswap_core.teachers.contracts import contracts, read_contract
from mobilefaceswap_core.types import AlignedFace, CropSpec
from mobilefaceswap_core.weights.pins import pin
from mobilefaceswap_core.weights.published import PUBLISHED, own_folder
from tests.fakes.foreign import BLOCK, matrix, write_converter, write_published, write_recogniser, write_swapper

HALF, NONE, ONE = (0.5,) * 3, (0.0,) * 3, (1.0,) * 3


@dataclass(frozen=True)
class Known:
    """A row of what facefusion 3.8.1 does, written down apart from the table that is tested."""

    template: str
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str  # unit, raw, matrix: of an embedding; else the template of an image
    converted: bool = False
    source_side: int = 0
    output: tuple[tuple[float, ...], tuple[float, ...]] = (NONE, ONE)


_GHOST = Known("arcface_frontal", 256, HALF, HALF, "raw", True, output=(HALF, HALF))
_HYPER = Known("arcface_128", 256, HALF, HALF, "unit", output=(HALF, HALF))
_IN = Known("arcface_128", 128, NONE, ONE, "matrix")
KNOWN = {
    "inswapper_128": _IN,
    "inswapper_128_fp16": _IN,
    "simswap_256": Known("arcface_frontal", 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "unit", True),
    "simswap_unofficial_512": Known("arcface_frontal", 512, NONE, ONE, "unit", True),
    "ghost_1_256": _GHOST,
    "ghost_2_256": _GHOST,
    "ghost_3_256": _GHOST,
    "hififace_unofficial_256": Known("mtcnn", 256, HALF, HALF, "unit", True, output=(HALF, HALF)),
    "hyperswap_1a_256": _HYPER,
    "hyperswap_1b_256": _HYPER,
    "hyperswap_1c_256": _HYPER,
    "blendswap_256": Known("ffhq", 256, NONE, ONE, "arcface", source_side=112),
    "uniface_256": Known("ffhq", 256, HALF, HALF, "ffhq", source_side=256, output=(HALF, HALF)),
}


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path / "insightface"))
    monkeypatch.delenv("MOBILEFACESWAP_MODELS", raising=False)


def face(seed: int, side: int) -> AlignedFace:
    return AlignedFace(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8), np.eye(2, 3))


def raw_embedding(crop: np.ndarray, spec: CropSpec, *, converted: bool) -> np.ndarray:
    """What the stand-ins for recogniser and converter say of a crop, by numpy alone."""
    read = (recut(crop, spec, RECOGNISER_CROP).astype(np.float64) - 127.5) / 127.5
    means = read.reshape(16, BLOCK, 16, BLOCK, 3).mean((1, 3)).transpose(2, 0, 1).ravel()[:512]
    return 2 * means + 0.25 if converted else means


def wanted_source(known: Known, crop: np.ndarray, spec: CropSpec) -> np.ndarray:
    if known.source_side:
        cut = recut(crop, spec, CropSpec(known.source_side, known.source, "similarity"))
        return cut.transpose(2, 0, 1) / 255
    raw = raw_embedding(crop, spec, converted=known.converted)
    if known.source == "raw":
        return raw
    unit = raw / np.linalg.norm(raw)
    return unit @ matrix().astype(np.float64) if known.source == "matrix" else unit


def install(name: str, **options) -> Path:
    known = KNOWN[name]
    source = (3, known.source_side, known.source_side) if known.source_side else (512,)
    with_matrix = known.source == "matrix"
    return write_published(own_folder(), name, side=known.side, source=source, with_matrix=with_matrix, **options)


@pytest.mark.parametrize("name", KNOWN)
def test_a_published_swapper_reads_and_writes_exactly_as_its_contract_says(name) -> None:
    known = KNOWN[name]
    path = install(name, scale=4.0)
    swapper = load_swapper(name, device="cpu")
    assert swapper.info.crop == CropSpec(known.side, known.template, "similarity")
    assert swapper.info.licence == PUBLISHED[name].licence and path.name in swapper.info.weights_sha256
    assert len(swapper.info.weights_sha256) == 1 + (not known.source_side) + known.converted
    source, target = face(1, known.side), face(2, known.side)
    condition = swapper.condition([source])
    wanted = wanted_source(known, source.image, swapper.info.crop)
    np.testing.assert_allclose(condition[0], wanted, atol=1e-5)
    (crop,) = swapper.swap([target], [condition])
    read = (target.image / 255 - np.array(known.mean)) / np.array(known.std)
    given = read * 4 * wanted.ravel()[0] * np.array(known.output[1]) + np.array(known.output[0])
    pixels = np.clip(given, 0, 1) * 255
    assert np.abs(crop.image - pixels).max() <= 0.51 and crop.image.std() > 1
    assert crop.mask.min() == 1 and crop.mask.shape == (known.side,) * 2


def test_the_table_holds_every_published_swapper_and_nothing_else() -> None:
    swappers = {name for name, item in PUBLISHED.items() if item.kind == "swapper"}
    assert contracts().keys() == swappers == KNOWN.keys()
    for name, contract in contracts().items():
        used = {contract.recogniser, contract.converter} - {""}
        assert set(PUBLISHED[name].needs) == used


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("arcface_frontal", ".35473214 .45658929, .64526786 .45658929, .5 .61154464, .37913393 .776875, .62086607 .776875"),
        ("arcface", ".34191607 .46157411, .65653393 .45983393, .500225 .64050536, .37097589 .82469196, .63151696 .82325089"),
        ("arcface_128", ".36167656 .40387734, .63696719 .40235469, .50019687 .56044219, .38710391 .72160547, .61507734 .72034453"),
        ("ffhq", ".37691676 .46864664, .62285697 .46912813, .50123859 .61331904, .39308822 .725411, .61150205 .72490465"),
        ("mtcnn", ".36562865 .46733799, .63305391 .46585885, .50019127 .61942959, .39032951 .77598822, .61178945 .77476328"),
    ],
)  # fmt: skip
def test_templates_are_those_of_facefusion(name, points) -> None:
    wanted = np.array([pair.split() for pair in points.split(",")], float)
    np.testing.assert_allclose(TEMPLATES_112[name] / 112, wanted, atol=1e-7)


def test_the_recogniser_s_crop_lies_in_the_128_crop_pixel_by_pixel() -> None:
    image = face(0, 128).image
    assert (recut(image, CropSpec(128, "arcface_128"), RECOGNISER_CROP) == image[:112, 8:120]).all()


@pytest.mark.parametrize(("template", "side"), sorted({(known.template, known.side) for known in KNOWN.values()}))
def test_a_face_is_cut_out_of_its_crop_where_the_templates_meet(template, side) -> None:
    """On a picture whose colours are its coordinates, the template's points have the same colours in both crops."""
    rows, columns = np.mgrid[:side, :side] * (255 / (side - 1))
    picture = np.stack([columns, rows, columns], 2).round().astype(np.uint8)
    cut = recut(picture, CropSpec(side, template), RECOGNISER_CROP)
    for ours, theirs in zip(TEMPLATES_112[template] * side / 112, TEMPLATES_112["arcface"], strict=True):
        x, y = np.round(theirs).astype(int)
        got = cut[y, x, :2].astype(float) * (side - 1) / 255
        assert np.abs(got - ours).max() < side * 0.04  # the residual of a similarity between five points


def test_several_photos_become_one_direction_and_an_image_is_that_of_the_first() -> None:
    install("ghost_2_256")
    swapper = load_swapper("ghost_2_256", device="cpu")
    rows = np.stack([raw_embedding(face(seed, 256).image, swapper.info.crop, converted=True) for seed in (1, 2)])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    mean = (rows / lengths).mean(0)
    wanted = mean / np.linalg.norm(mean) * lengths.mean()
    np.testing.assert_allclose(swapper.condition([face(1, 256), face(2, 256)])[0], wanted, atol=1e-5)
    install("uniface_256")
    image = load_swapper("uniface_256", device="cpu")
    assert (image.condition([face(1, 256), face(2, 256)]) == image.condition([face(1, 256)])).all()
    with pytest.raises(ImageError, match="No source photo"):
        image.condition([])


def test_a_condition_cannot_be_changed_and_swapping_keeps_nothing_of_a_person() -> None:
    install("hyperswap_1a_256", scale=20.0)
    swapper = load_swapper("hyperswap_1a_256", device="cpu")
    one, two = swapper.condition([face(1, 256)]), swapper.condition([face(2, 256)])
    with pytest.raises(ValueError, match="read-only"):
        one[0, 0] = 1
    target = face(3, 256)
    alone = swapper.swap([target], [one])[0].image
    swapper.swap([target], [two])
    assert (swapper.swap([target], [one])[0].image == alone).all()
    assert not (swapper.swap([target], [two])[0].image == alone).all()
    with pytest.raises(OptionError, match="2 conditions for 3 targets"):
        swapper.swap([target] * 3, [one, two])


def test_a_graph_with_an_open_batch_runs_several_at_once_and_gives_the_same() -> None:
    targets, runs = [face(seed, 256) for seed in range(10)], []
    install("simswap_256", scale=9.0)
    single = load_swapper("simswap_256", device="cpu")
    conditions = [single.condition([target]) for target in targets]
    alone = single.swap(targets, conditions)
    install("simswap_256", batch="n", scale=9.0)
    several = load_swapper("simswap_256", device="cpu")
    assert isinstance(several, ContractSwapper)
    session = several._network._session

    class Counting:
        def run(self, outputs, feeds):
            runs.append(len(feeds["target"]))
            return session.run(outputs, feeds)

    several._network._session = Counting()
    together = several.swap(targets, conditions)
    assert runs == [8, 2]
    assert all((a.image == b.image).all() for a, b in zip(alone, together, strict=True))
    assert several.swap([], [conditions[0]]) == []


def test_a_file_in_half_precision_is_given_halves() -> None:
    source, target = face(1, 256), face(2, 256)
    images = []
    for half in (False, True):
        install("hyperswap_1b_256", half=half, scale=20.0)
        swapper = load_swapper("hyperswap_1b_256", device="cpu")
        images.append(swapper.swap([target], [swapper.condition([source])])[0].image.astype(int))
    assert 0 < np.abs(images[0] - images[1]).max() <= 2


def test_openvino_runs_a_foreign_file_as_onnx_runtime_does_and_torch_is_refused(tmp_path) -> None:
    pytest.importorskip("openvino")
    source, targets = face(1, 256), [face(2, 256), face(3, 256)]
    for half in (False, True):
        install("ghost_2_256", scale=6.0, batch="n", half=half)
        ours, theirs = (load_swapper("ghost_2_256", device="cpu", backend=name) for name in ("auto", "openvino"))
        assert (ours.info.device, theirs.info.device) == ("cpu / onnxruntime", "cpu / openvino f32")
        conditions = [swapper.condition([source]) for swapper in (ours, theirs)]
        np.testing.assert_allclose(*conditions, atol=1e-4)
        for a, b in zip(ours.swap(targets, conditions[:1]), theirs.swap(targets, conditions[:1]), strict=True):
            assert np.abs(a.image.astype(int) - b.image).max() <= (2 if half else 1) and a.image.std() > 1
    with pytest.raises(
        BackendError, match="'torch' runs no ONNX files of others; choose auto or one of onnxruntime, openvino"
    ):
        load_swapper("ghost_2_256", device="cpu", backend="torch")
    mine = write_swapper(tmp_path / "mine.onnx", side=256)
    assert load_swapper(str(mine), contract="ghost_2_256", backend="openvino").info.device == "cpu / openvino f32"
    mine.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="not a network"):
        load_swapper(str(mine), contract="ghost_2_256", backend="openvino")


@pytest.mark.parametrize(
    "changes",
    [
        {"side": 128},
        {"source": (256,)},
        {"source": (3, 112, 112)},
        {"names": ("embedding", "image")},
        {"batch": 2},
    ],
)
def test_a_graph_that_does_not_fit_is_refused_with_what_was_found_and_wanted(changes) -> None:
    install("simswap_256")
    write_swapper(own_folder() / "simswap_256.onnx", **{"side": 256, **changes})
    with pytest.raises(
        WeightsError, match=r"does not fit its contract: it has .*wanted target \(1, 3, 256, 256\), source"
    ):
        load_swapper("simswap_256", device="cpu")


def test_a_recogniser_or_converter_of_another_kind_is_refused() -> None:
    install("simswap_256")
    write_recogniser(own_folder() / "arcface_w600k_r50.onnx", length=256)
    with pytest.raises(WeightsError, match=r"arcface_w600k_r50.onnx does not fit.*683 \(\?, 256\), wanted input\.1"):
        load_swapper("simswap_256", device="cpu")
    write_recogniser(own_folder() / "arcface_w600k_r50.onnx")
    write_recogniser(own_folder() / "crossface_simswap.onnx")
    with pytest.raises(WeightsError, match=r"crossface_simswap.onnx does not fit.*wanted input \(1, 512\)"):
        load_swapper("simswap_256", device="cpu")


def test_an_inswapper_without_its_matrix_and_what_is_no_network_are_refused() -> None:
    write_published(own_folder(), "inswapper_128", side=128)
    with pytest.raises(WeightsError, match=r"wanted the \(512, 512\) identity matrix"):
        load_swapper("inswapper_128", device="cpu")
    (own_folder() / "inswapper_128.onnx").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="not a network"):
        load_swapper("inswapper_128", device="cpu")


def test_values_that_are_not_finite_are_told(tmp_path) -> None:
    install("blendswap_256", scale=float("nan"))
    swapper = load_swapper("blendswap_256", device="cpu")
    with pytest.raises(ImageError, match="not finite"):
        swapper.swap([face(1, 256)], [swapper.condition([face(1, 256)])])


def test_what_is_missing_is_named_together_with_the_command_that_brings_it() -> None:
    install("simswap_256")
    assert entries()["simswap_256"].present and "simswap_256" in available_swappers()
    for name in ("arcface_w600k_r50", "crossface_simswap"):
        (own_folder() / f"{name}.onnx").unlink()
    entry = entries()["simswap_256"]
    assert not entry.present and "fetch simswap_256" in entry.get and "simswap_256" not in available_swappers()
    with pytest.raises(
        WeightsError, match=r"SimSwap 256 cannot run here.*arcface.*fetch arcface.*fetch crossface_simswap"
    ):
        load_swapper("simswap_256", device="cpu")


def test_a_file_that_was_replaced_after_it_was_fetched_is_not_run() -> None:
    path = install("uniface_256")
    pin(path.name, "0" * 64, size=1)
    with pytest.raises(WeightsError, match="Somebody replaced it"):
        load_swapper("uniface_256", device="cpu")


OWN = """
title = "Mine"
template = "ffhq"
size_px = 64
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
source = "embedding"
recogniser = "encoder_mobilefacenet"
licence = "mine"
"""


def test_a_file_of_one_s_own_runs_by_the_contract_beside_it_or_by_a_given_one(tmp_path) -> None:
    path = write_swapper(tmp_path / "mine.onnx", side=64)
    with pytest.raises(WeightsError, match=r"does not say of which recogniser"):
        load_swapper(str(path))
    (tmp_path / "apart.toml").write_text(OWN)
    given = load_swapper(str(path), contract=str(tmp_path / "apart.toml"), device="cpu")
    (tmp_path / "mine.toml").write_text(OWN)
    beside = load_swapper(str(path), device="cpu")
    for swapper in (given, beside):
        assert (swapper.info.name, swapper.info.licence, swapper.info.crop.template) == ("mine", "mine", "ffhq")
        source = face(1, 64)
        read = recut(source.image, swapper.info.crop, CropSpec(224))
        np.testing.assert_allclose(swapper.condition([source]), load_identity_encoder().embed([read]), atol=1e-5)


def test_the_contract_of_a_published_swapper_fits_a_copy_of_it_and_its_own_networks_lie_beside_it(tmp_path) -> None:
    install("hyperswap_1a_256")
    copy = write_swapper(tmp_path / "copy.onnx", side=256)
    swapper = load_swapper(str(copy), contract="hyperswap_1a_256", device="cpu")
    assert swapper.info.name == "copy" and swapper.info.weights_sha256.keys() == {"copy.onnx", "arcface_w600k_r50.onnx"}
    folder = tmp_path / "all in one"
    folder.mkdir()
    write_swapper(folder / "mine.onnx", side=64)
    write_recogniser(folder / "theirs.onnx")
    write_converter(folder / "turn.onnx")
    changed = OWN.replace('"encoder_mobilefacenet"', '"theirs.onnx"\nconverter = "turn.onnx"')
    (folder / "mine.toml").write_text(changed)
    own = load_swapper(str(folder / "mine.onnx"), device="cpu")
    raw = raw_embedding(face(1, 64).image, own.info.crop, converted=True)
    np.testing.assert_allclose(own.condition([face(1, 64)])[0], raw / np.linalg.norm(raw), atol=1e-5)
    (folder / "turn.onnx").unlink()
    with pytest.raises(
        WeightsError, match=r"There is no file .*turn\.onnx; wanted an ONNX file, or one of encoder_mob"
    ):
        load_swapper(str(folder / "mine.onnx"), device="cpu")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Mine"', "", "lacks title, a line for people"),
        ("size_px = 64", "size_px = 64\ncolour = 1", "the key 'colour'; wanted title"),
        ("size_px = 64", "size_px = 8", "size_px = '8'; wanted a whole number of pixels from 16"),
        ("size_px = 64", "size_px = true", "wanted a whole number"),
        ('"ffhq"', '"ffhq_512"', "wanted one of the templates arcface, arcface_frontal"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0, 0.5]", "wanted three numbers above zero"),
        ("mean = [0.5, 0.5, 0.5]", "mean = [0.5, nan, 0.5]", "wanted three numbers"),
        ('"embedding"', '"photo"', "wanted one of embedding, image"),
        ('"embedding"', '"image"', "wanted source_template and source_size_px"),
        ('recogniser = "encoder_mobilefacenet"', "", "wanted the recogniser it comes from"),
        ("licence", 'source_template = "ffhq"\nlicence', "neither source_template nor source_size_px"),
        ('"Mine"', "[1, 2", "cannot be read"),
    ],
)
def test_a_contract_that_is_none_is_refused_with_what_was_wanted(old, new, said, tmp_path) -> None:
    assert old in OWN
    (tmp_path / "mine.toml").write_text(OWN.replace(old, new))
    with pytest.raises(OptionError, match=re.escape(said)):
        read_contract(tmp_path / "mine.toml")


def test_a_contract_belongs_to_an_onnx_file(tmp_path) -> None:
    path = write_swapper(tmp_path / "mine.onnx", side=64)
    with pytest.raises(OptionError, match="got the model 'student'"):
        load_swapper("student", contract="simswap_256")
    with pytest.raises(
        OptionError, match=r"--contract simswap: wanted a .toml file, or the contract of one of simswap_256"
    ):
        load_swapper(str(path), contract="simswap")
    with pytest.raises(OptionError, match="cannot be read"):
        load_swapper(str(path), contract=str(tmp_path / "missing.toml"))
    huge = tmp_path / "huge.toml"
    huge.write_text("#" * 100_000)
    with pytest.raises(OptionError, match="100000 bytes"):
        load_swapper(str(path), contract=str(huge))


def test_a_published_contract_can_be_given_a_file_by_its_path(tmp_path) -> None:
    path = write_swapper(tmp_path / "x.onnx", side=256, source=(3, 112, 112))
    swapper = load_contract_swapper(contracts()["blendswap_256"], path)
    assert swapper.info.weights_sha256.keys() == {"x.onnx"}
