"""Results of others: one image never serves two pairs, and the rule by which files are matched is said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eval.images import ImageReader
from eval.methods import load_method
from eval.pairs import Pair
from eval.published import Published
from eval.result_folders import folder_stem, read_results, reference_stem
from mobilefaceswap_core.errors import ImageError, OptionError

# Photos as VGGFace2 and extracted frames of FaceForensics++ name them: the same names in the folder of every person.
PAIRS = [
    Pair(0, "n1/0001.jpg", "n2/0001.jpg", "n1", "n2"),
    Pair(1, "n3/0001.jpg", "n1/0001.jpg", "n3", "n1"),
    Pair(2, "n3/0002.jpg", "n1/0001.jpg", "n3", "n1"),
]


def picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)


def test_two_pairs_that_ask_for_one_name_are_refused_and_listed(tmp_path) -> None:
    picture(tmp_path / "0001-0001.png")
    with pytest.raises(OptionError, match=r"0001-0001: pair 0 \(n1/0001.jpg onto n2/0001.jpg\) and pair 1") as raised:
        read_results(tmp_path, PAIRS)
    assert "000000.png" in str(raised.value) and "n1_0001-n2_0001.png" in str(raised.value)


def test_one_pair_that_is_listed_twice_may_share_its_result(tmp_path) -> None:
    picture(tmp_path / "0001-0001.png")
    twice = [PAIRS[0], Pair(1, *PAIRS[0].__getstate__()[1:5])]
    assert read_results(tmp_path, twice).path(twice[1]).stem == "0001-0001"


def test_names_with_folders_and_pair_numbers_are_read_and_the_rule_is_said(tmp_path) -> None:
    picture(tmp_path / "data" / "n1" / "0001.jpg"), picture(tmp_path / "data" / "n2" / "0001.jpg")
    for folder, names, rule in (
        ("a", ("n1_0001-n2_0001", "n3_0001-n1_0001"), "folders and names"),
        ("b", ("000000", "000001"), "the pair number"),
        ("c", ("0", "1"), "the pair number"),
    ):
        for value, name in enumerate(names):
            picture(tmp_path / folder / f"{name}.png", value)
        method = load_method(
            f"theirs={folder}", detector="lite", device="cpu", aligned=None, base=tmp_path, pairs=iter(PAIRS)
        )
        assert method.info.details["results_named_by"] == rule
        assert method.make(PAIRS[0], ImageReader(tmp_path / "data"))[0, 0, 0] == 0
        with pytest.raises(ImageError, match="no result named"):
            method.make(PAIRS[2], ImageReader(tmp_path / "data"))


def test_the_rule_that_finds_most_is_taken_and_plain_names_that_are_unique_still_serve(tmp_path) -> None:
    pairs = [Pair(i, f"s{i}.png", f"t{i}.png", f"s{i}", f"t{i}") for i in range(3)]
    for name in ("s0-t0", "s1-t1", "000002"):
        picture(tmp_path / f"{name}.png")
    results = read_results(tmp_path, pairs)
    assert results.rule.name == "folders and names"  # photos without a folder have the same name by either rule
    assert results.path(pairs[1]).stem == "s1-t1"


def test_stems_keep_numbers_of_frames_and_crops() -> None:
    assert reference_stem("a/000.mp4#12") == "000_12" and reference_stem("b/x.png") == "x"
    assert folder_stem("a/000.mp4#12") == "a_000_12" and folder_stem("x.png") == "x"


def published(root, name="FaceShifter", quality="c23"):
    for frame in range(3):
        picture(root / "manipulated_sequences" / name / quality / "frames" / "000_003" / f"{frame:04d}.png", frame)


def test_published_results_are_found_by_target_source_and_frame(tmp_path) -> None:
    published(tmp_path)
    published(tmp_path, quality="raw")
    method = Published("ffpp:FaceShifter", tmp_path)
    base = "original_sequences/youtube/c23/frames/000"
    pair = Pair(0, "x.png", f"{base}/0002.png", "003", "000", "000", 2)
    assert method.reference(pair) == "manipulated_sequences/FaceShifter/c23/frames/000_003/0002.png"
    assert method.reference(Pair(0, "x.png", "000.mp4#1", "003", "000", "000", 1)).endswith(
        "raw/frames/000_003/0001.png"
    )
    with pytest.raises(ImageError, match="no clip 003_000"):
        method.reference(Pair(0, "x.png", f"{base}/0002.png", "000", "003"))
    with pytest.raises(OptionError, match="there: FaceShifter"):
        Published("ffpp:Deepfakes", tmp_path)
    with pytest.raises(OptionError, match="there: none"):
        Published("ffpp:../x", None)


def test_a_published_method_gives_the_frame_of_its_clip_at_the_targets_size(tmp_path) -> None:
    published(tmp_path)
    picture(tmp_path / "original_sequences" / "youtube" / "c23" / "frames" / "000" / "0001.png")
    pair = Pair(0, "x.png", "original_sequences/youtube/c23/frames/000/0001.png", "003", "000", "000", 1)
    method = load_method(
        "FS=ffpp:FaceShifter", detector="lite", device="cpu", aligned=None, base=tmp_path, root=tmp_path
    )
    assert method.make(pair, ImageReader(tmp_path))[0, 0, 0] == 1
    assert "FaceShifter" in method.info.title and not method.info.reference
