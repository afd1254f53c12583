"""Configs, packs, preparation, augmentation, pairs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.packs import pack_from_crops, read_pack, write_pack
from mobilefaceswap_core.training.config import load_config, save_config
from mobilefaceswap_core.training.data import augment
from mobilefaceswap_core.training.data.faces import faces_from_packs, held_out_people, split
from mobilefaceswap_core.training.data.options import DataOptions
from mobilefaceswap_core.training.data.pairs import choose_pairs, pose_signature
from mobilefaceswap_core.training.data.prepare import PrepareOptions, difference_hash, photos_in, prepare, sharpness
from mobilefaceswap_core.training.detail.options import DetailConfig
from mobilefaceswap_core.training.occlusion.options import OcclusionConfig
from mobilefaceswap_core.training.student.options import PairOptions, StudentConfig
from mobilefaceswap_core.training.teacher.options import TeacherConfig
from mobilefaceswap_core.types import Face
from tests.fakes.training_faces import noise_crops, noise_faces, noise_pack, schematic_face

torch.set_num_threads(1)
PRESETS = Path(__file__).parents[3] / "mobilefaceswap_core" / "training" / "presets"


# Configs


def test_every_preset_is_a_valid_config_of_its_program():
    kinds = {"student": StudentConfig, "teacher": TeacherConfig, "occlusion": OcclusionConfig, "detail": DetailConfig}
    for path in PRESETS.glob("*.toml"):
        program, name = path.stem.split("_", 1)
        assert load_config(kinds[program], name) != kinds[program]()


def test_an_unknown_key_a_wrong_type_and_an_unknown_preset_are_refused_by_name():
    for change, said in (
        ("losses.identty=3", "losses.identty"),
        ("lop.steps=1", "lop"),
        ("loop.steps=many", "loop.steps"),
    ):
        with pytest.raises(OptionError, match=said):
            load_config(StudentConfig, "", changes=[change])
    with pytest.raises(OptionError, match="tiny"):
        load_config(StudentConfig, "enormous")


@pytest.mark.parametrize("suffix", [".toml", ".yaml", ".json"])
def test_a_config_file_names_only_what_differs(tmp_path, suffix):
    text = {
        ".toml": "crop_px = 160\n[loop]\nbatch = 4\n",
        ".yaml": "crop_px: 160\nloop:\n  batch: 4\n",
        ".json": '{"crop_px": 160, "loop": {"batch": 4}}',
    }
    path = tmp_path / f"c{suffix}"
    path.write_text(text[suffix])
    config = load_config(StudentConfig, str(path), changes=["losses.identity=5"])
    assert (config.crop_px, config.loop.batch, config.losses.identity) == (160, 4, 5.0)
    assert config.losses.distil == StudentConfig().losses.distil


def test_a_saved_config_loads_to_the_same_values(tmp_path):
    config = load_config(StudentConfig, "tiny", changes=["data.packs=['a.npz','b.npz']"])
    save_config(config, tmp_path / "config.json")
    assert load_config(StudentConfig, str(tmp_path / "config.json")) == config


# Packs and faces


def test_a_pack_survives_writing_and_reading(tmp_path):
    pack = noise_pack(["a", "b", "a"])
    write_pack(pack, tmp_path / "p.npz")
    again = read_pack(tmp_path / "p.npz")
    assert again.labels.tolist() == ["a", "b", "a"] and again.about["template"] == "arcface"
    assert np.array_equal(again.decode_all(32), pack.decode_all(32))
    crop = noise_crops(3)[1].astype(int)
    assert np.abs(again.decode(1, 32).astype(int) - crop).mean() < 6, (
        "WebP changes little, and colours keep their order"
    )


def test_a_file_that_is_no_pack_or_holds_objects_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", buf=np.zeros(3))
    np.savez(tmp_path / "o.npz", buf=np.array([{}], dtype=object), off=0, lm=0, ids=0)
    for name, said in (("x.npz", "no off"), ("o.npz", "unpickling"), ("missing.npz", "does not exist")):
        with pytest.raises(OptionError, match=said):
            read_pack(tmp_path / name)


def test_identities_of_two_packs_never_mix_and_the_fingerprint_tells_packs_apart():
    one, two = noise_pack(["a", "b"], "one"), noise_pack(["a", "b"], "two")
    faces = faces_from_packs([one, two], [1.0, 0.5], size_px=32)
    assert faces.identity.tolist() == [0, 1, 2, 3] and faces.weight.tolist() == [1.0, 1.0, 0.5, 0.5]
    assert faces.fingerprint != faces_from_packs([one], [1.0], size_px=32).fingerprint
    assert faces.fingerprint == faces_from_packs([one, two], [1.0, 1.0], size_px=32).fingerprint


def test_held_out_people_do_not_depend_on_other_packs_or_on_order():
    a, b = [f"a/{i}" for i in range(40)], [f"b/{i}" for i in range(10)]
    alone = held_out_people(a, 0.1, seed=3)
    assert len(alone) == 4 and alone == {n for n in held_out_people([*b, *reversed(a)], 0.1, seed=3) if n[0] == "a"}
    assert alone != held_out_people(a, 0.1, seed=4)
    assert len(held_out_people(b, 0.05, seed=3)) == 2, "two at least, so that there is a pair"
    assert held_out_people(a, 0.0, seed=3) == set()


def test_the_split_separates_people_not_photos():
    faces = noise_faces([str(i // 3) for i in range(30)])
    train, kept = split(faces, 0.2, seed=0)
    assert sorted([*train.tolist(), *kept.tolist()]) == list(range(30)) and len(kept) == 6
    assert not set(faces.identity[train].tolist()) & set(faces.identity[kept].tolist())


def test_another_photo_of_the_same_person_is_of_that_person_and_reaches_all_of_them():
    faces = noise_faces(["a", "b", "a", "c", "a"])
    drawn = faces.same_person(torch.tensor([0, 1, 3] * 50), torch.Generator().manual_seed(0)).view(50, 3)
    assert (
        set(drawn[:, 0].tolist()) == {0, 2, 4} and set(drawn[:, 1].tolist()) == {1} and set(drawn[:, 2].tolist()) == {3}
    )


# Augmentation


def test_landmarks_move_with_the_pixels_they_mark():
    side, generator = 96, torch.Generator().manual_seed(2)
    matrices = augment.random_affine(6, generator, degrees=20, scale=0.15, shift=0.08)
    point = torch.tensor([0.4, 0.55])
    ticks = (torch.arange(side) + 0.5) / side
    blob = torch.exp(-((ticks[None] - point[0]) ** 2 + (ticks[:, None] - point[1]) ** 2) / 0.0008)
    warped = augment.warp_images(blob.expand(6, 1, side, side), matrices)[:, 0]
    weight = warped / warped.sum((1, 2), keepdim=True)
    centre = torch.stack([(weight * ticks[None]).sum((1, 2)), (weight * ticks[:, None]).sum((1, 2))], 1)
    moved = augment.warp_landmarks(point.expand(6, 68, 2), matrices)[:, 0]
    assert torch.allclose(centre, moved, atol=0.003)


def test_a_flip_twice_is_nothing_and_a_symmetric_face_stays():
    chosen = torch.tensor([True, False])
    points = torch.rand(2, 68, 2)
    assert torch.allclose(augment.flip_landmarks(augment.flip_landmarks(points, chosen), chosen), points)
    face = torch.from_numpy(schematic_face()).float()[None]
    moved = augment.flip_landmarks(face, chosen[:1])[0]
    assert torch.allclose(moved[:48], face[0, :48], atol=1e-6)
    images = torch.rand(2, 3, 4, 4)
    flipped = augment.flip_images(images, chosen)
    assert torch.equal(flipped[0], images[0].flip(2)) and torch.equal(flipped[1], images[1])


def test_no_change_of_colours_and_no_affine_are_the_identity():
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(augment.jitter_colours(images, torch.zeros(2, 3)), images)
    still = augment.random_affine(2, torch.Generator().manual_seed(0), degrees=0, scale=0, shift=0)
    assert torch.allclose(augment.warp_images(images, still), images, atol=1e-6)


# Pairs


def test_the_pose_signature_is_zero_for_a_frontal_face_and_follows_the_nose():
    face = schematic_face()
    turned = face.copy()
    turned[30, 0] += 0.07
    signature = pose_signature(np.stack([face, turned, 100 * face]))
    assert signature[0, 0] == pytest.approx(0, abs=1e-9) and signature[1, 0] == pytest.approx(0.1)
    assert signature[2] == pytest.approx(signature[0])


def test_pairs_join_different_people_in_similar_pose():
    generator = np.random.default_rng(0)
    landmarks = np.stack([schematic_face()] * 60)
    landmarks[:, 30, 0] += generator.uniform(-0.2, 0.2, 60)
    identity = np.arange(60) % 7
    options = PairOptions(count=200)
    pairs = choose_pairs(landmarks, identity, np.ones(60), options, seed=1)
    pose = pose_signature(landmarks)[:, 0]
    assert len(pairs) > 100 and (identity[pairs[:, 0]] != identity[pairs[:, 1]]).all()
    assert (np.abs(pose[pairs[:, 0]] - pose[pairs[:, 1]]) <= options.source_yaw).all()
    assert (np.abs(pose[pairs]) < options.frontal).all()
    assert np.array_equal(pairs, choose_pairs(landmarks, identity, np.ones(60), options, seed=1))


def test_one_person_alone_makes_no_pair():
    with pytest.raises(OptionError, match="similar pose"):
        choose_pairs(np.stack([schematic_face()] * 3), np.zeros(3, np.int64), np.ones(3), PairOptions(count=4), seed=0)


# Preparation


class _Detector:
    """Finds one face that fills the photo, unless the photo is black."""

    class info:
        name = "fake"

    def detect(self, image, *, order="left_to_right"):
        if not image.any():
            return []
        points = schematic_face() * image.shape[0]
        from mobilefaceswap_core.faces.geometry import five_from_68

        return [Face(np.array([0.0, 0.0, *image.shape[1::-1]]), 1.0, five_from_68(points), points)]


def _photo(path: Path, seed: int, side: int = 300) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (side, side), interpolation=cv2.INTER_NEAREST))


def test_preparation_leaves_out_minors_duplicates_small_blurred_and_faceless_photos_and_says_so(tmp_path):
    for number, name in enumerate(("ann/1.png", "ann/2.png", "bob/3.png", "bob/child.png", "bob/small.png")):
        _photo(tmp_path / name, number, side=60 if "small" in name else 300)
    cv2.imwrite(str(tmp_path / "bob" / "copy.jpg"), cv2.imread(str(tmp_path / "bob" / "3.png")))
    cv2.imwrite(str(tmp_path / "bob" / "black.png"), np.zeros((300, 300, 3), np.uint8))
    flat = np.tile(np.linspace(90, 160, 300)[None, :, None], (300, 1, 3))
    cv2.imwrite(str(tmp_path / "bob" / "smooth.png"), flat.astype(np.uint8))
    (tmp_path / "bob" / "broken.jpg").write_bytes(b"no photo")
    labels = tmp_path / "ages.csv"
    labels.write_text("file,age\nchild.png,17\n1.png,40\n")
    pack, report = prepare(photos_in([tmp_path]), name="x", options=PrepareOptions(labels=labels), detector=_Detector())
    assert pack.labels.tolist() == ["ann", "ann", "bob"] and report.kept == 3 and report.age_unknown == 2
    assert report.left_out == {
        "minor": 1, "duplicate": 1, "no face": 1, "unreadable photo": 1, "blurred": 1, "smaller than 90 px": 1,
    }  # fmt: skip
    strict = PrepareOptions(labels=labels, require_age=True)
    assert prepare(photos_in([tmp_path]), name="x", options=strict, detector=_Detector())[1].kept == 1


@pytest.mark.parametrize("suffix", [".jp2", ".ppm", ".avif", ".gif", ".JFIF"])
def test_preparation_takes_photos_of_every_format_that_is_read(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    photo = tmp_path / "ann" / f"1{suffix}"
    photo.parent.mkdir()
    PillowImage.fromarray(cv2.resize(noise, (300, 300), interpolation=cv2.INTER_NEAREST)).save(photo)
    (tmp_path / "ann" / f"._1{suffix}").write_bytes(b"what some systems put beside a photo")
    _, report = prepare(photos_in([tmp_path]), name="x", detector=_Detector())
    assert report.kept == 1 and not report.left_out


def test_the_difference_hash_ignores_size_and_brightness_but_not_content():
    one, other = noise_crops(2, 128)
    dark = (one * 0.7).astype(np.uint8)
    bits = lambda a, b: (difference_hash(a) ^ difference_hash(b)).bit_count()  # noqa: E731
    assert bits(one, cv2.resize(one, (64, 64), interpolation=cv2.INTER_AREA)) <= 3 and bits(one, dark) <= 3
    assert bits(one, other) > 12


def test_weights_must_match_packs():
    from mobilefaceswap_core.training.data.faces import load_faces

    with pytest.raises(OptionError, match="one for each"):
        load_faces(DataOptions(packs=("builtin",), weights=(1.0, 2.0)))


def test_soft_crops_are_never_drawn_and_the_hold_out_stays():
    fine = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    crops = [*noise_crops(2, 64), *fine]  # the first two change slowly
    pack = pack_from_crops("p", crops, np.stack([schematic_face()] * 6), [str(i) for i in range(6)])
    limit = np.mean([sharpness(pack.decode(k, 64)) for k in (1, 2)])
    faces = faces_from_packs([pack], [2.0], size_px=64, sharpness=limit)
    every = faces_from_packs([pack], [2.0], size_px=64)
    assert faces.weight.tolist() == [0.0] * 2 + [2.0] * 4 and every.weight.tolist() == [2.0] * 6
    assert faces.names == every.names and faces.fingerprint == every.fingerprint
    assert set(faces.draw(200, torch.Generator().manual_seed(0)).tolist()) == {2, 3, 4, 5}


def test_the_sharpness_of_a_flat_crop_is_zero_and_grows_with_the_square_of_contrast():
    checkers = np.repeat((np.indices((64, 64)).sum(0) % 2 * 100).astype(np.uint8)[..., None], 3, 2)
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == 0.0
    # The Laplacian (1, 1, -4, 1, 1) of a checkerboard of 0 and 100 is 400 and -400.
    assert sharpness(checkers) == pytest.approx(400.0**2, rel=0.02)
    assert sharpness(checkers // 2) == pytest.approx(200.0**2, rel=0.02)
