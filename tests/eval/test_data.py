"""Pair lists, references, adapters and option files."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from eval.datasets import DatasetRequest, build_dataset, read_identities
from eval.images import ImageReader, write_png
from eval.methods import load_method, parse_method
from eval.options import RunOptions, read_option_file, resolve, saved_values
from eval.pairs import Pair, draw_pairs, iterate_pairs, read_foreign_pairs, write_pairs
from eval.records import RecordWriter, read_records, repair_tail
from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.files.atomic import hidden_name, remove_leftovers


def picture(path, value=0, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


def test_the_same_seed_draws_the_same_list_and_no_pair_is_drawn_twice(tmp_path):
    images = {f"p{i}": [f"p{i}/{k}.png" for k in range(3)] for i in range(5)}
    first, again, other = (draw_pairs(images, count=60, seed=s) for s in (1, 1, 2))
    assert first == again != other
    assert len({(p.source, p.target) for p in first}) == 60
    assert all(p.source_identity != p.target_identity for p in first)
    counts = np.unique([p.source_identity for p in first], return_counts=True)[1]
    assert counts.max() - counts.min() <= 1
    assert write_pairs(tmp_path / "a.csv", first) == write_pairs(tmp_path / "b.csv", again)
    assert list(iterate_pairs(tmp_path / "a.csv")) == first
    assert len(list(iterate_pairs(tmp_path / "a.csv", limit=7))) == 7


def test_drawing_stops_when_no_new_pair_is_left():
    assert len(draw_pairs({"a": ["1"], "b": ["2"]}, count=100, seed=0)) == 2
    with pytest.raises(OptionError, match="two identities"):
        draw_pairs({"a": ["1", "2"]}, count=3, seed=0)


def test_rows_that_cannot_be_read_are_named_by_line_and_the_rest_is_kept(tmp_path):
    (tmp_path / "p.csv").write_text(
        "source,target,clip,frame\na.png,b.png,c,1\n,b.png,c,2\na.png,d.png,c,two\na.png,e.png,c,2\n"
    )
    pairs, lines, problems = read_foreign_pairs(tmp_path / "p.csv")
    assert lines == [2, 5] and pairs[1].previous_target == "b.png"
    assert [(p.index, p.target, p.previous) for p in pairs] == [(0, "b.png", -1), (1, "e.png", 0)]
    assert "line 3" in problems[0] and "line 4" in problems[1]
    (tmp_path / "q.csv").write_text("from,to\n")
    with pytest.raises(OptionError, match="source"):
        read_foreign_pairs(tmp_path / "q.csv")


def test_a_torn_last_line_is_cut_and_a_damaged_middle_is_reported(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n{"a": 3')
    assert [r["a"] for r in read_records(path)] == [1, 2]
    with RecordWriter(path) as writer:
        writer.write({"a": 0.1 + 0.2, "b": float("nan")})
    assert list(read_records(path)) == [{"a": 1}, {"a": 2}, {"a": 0.1 + 0.2, "b": None}]
    path.write_bytes(b"half a line without an end")
    repair_tail(path)
    assert path.read_bytes() == b""
    path.write_text("not json\n{}\n")
    with pytest.raises(OptionError, match="line 1"):
        list(read_records(path))


def dead_process():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_images_are_written_whole_and_leftovers_are_removed(tmp_path):
    write_png(tmp_path / "x" / "a.png", np.zeros((4, 4, 3), np.uint8))
    killed = hidden_name(tmp_path / "x" / "b.png")
    killed.with_name(killed.name.replace(f"-{os.getpid()}-", f"-{dead_process()}-")).write_bytes(b"half")
    remove_leftovers(tmp_path, deep=True)
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["a.png"]


def test_a_folder_per_person_and_celeba_lists_are_read(tmp_path):
    for person in "abc":
        for k in range(2):
            picture(tmp_path / "lfw" / person / f"{k}.jpg")
    (tmp_path / "lfw" / "empty").mkdir()
    data = build_dataset("folders", DatasetRequest(tmp_path / "lfw", count=6))
    assert len(data.pairs) == 6 and "empty" in data.problems[0]
    only = build_dataset("folders", DatasetRequest(tmp_path / "lfw", count=6, identities=["a", "b"]))
    assert {p.source_identity for p in only.pairs} == {"a", "b"}
    with pytest.raises(OptionError, match="None of the 1 identities"):
        build_dataset("folders", DatasetRequest(tmp_path / "lfw", identities=["z"]))
    root = tmp_path / "celeba"
    for k in range(4):
        picture(root / "img_align_celeba" / f"{k}.jpg")
    (root / "identity_CelebA.txt").write_text("0.jpg 7\n1.jpg 7\n2.jpg 9\n9.jpg 9\nodd line here\n")
    data = build_dataset("folders", DatasetRequest(root, count=3))
    assert {p.source_identity for p in data.pairs} == {"7", "9"}
    assert "line 4" in data.problems[0] and "line 5" in data.problems[1]


def test_hidden_files_and_folders_are_no_photos_and_no_people(tmp_path):
    for name in ("a/1.jpg", "b/1.jpg", "a/._1.jpg", ".git/1.jpg", ".hidden/1.jpg", "._2.jpg"):
        picture(tmp_path / name)
    data = build_dataset("folders", DatasetRequest(tmp_path, count=9))
    assert {p.source for p in data.pairs} == {"a/1.jpg", "b/1.jpg"} and not data.problems
    assert {p.source for p in build_dataset("flat", DatasetRequest(tmp_path, count=9)).pairs} == {"a/1.jpg", "b/1.jpg"}


def linked(tmp_path):
    """Two people whose photos, and a folder of a third whose all, are links to another place."""
    for person in "abc":
        picture(tmp_path / "store" / person / "1.png")
    root = tmp_path / "set"
    for person in "ab":
        (root / person).mkdir(parents=True)
        (root / person / "1.png").symlink_to(tmp_path / "store" / person / "1.png")
    (root / "c").symlink_to(tmp_path / "store" / "c", target_is_directory=True)
    return root


@pytest.mark.parametrize("dataset", ["folders", "flat"])
def test_a_data_set_of_links_is_refused_at_once_or_followed_on_request(tmp_path, dataset):
    root = linked(tmp_path)
    with pytest.raises(OptionError, match=r"two identities.* Left out were 3: .*--follow-links"):
        build_dataset(dataset, DatasetRequest(root, count=6))
    data = build_dataset(dataset, DatasetRequest(root, count=6, follow_links=True))
    assert {p.source for p in data.pairs} == {"a/1.png", "b/1.png", "c/1.png"} and not data.problems
    reader = ImageReader(root, follow_links=True)
    assert all(reader.read(p.source).shape == (8, 8, 3) for p in data.pairs)
    with pytest.raises(ImageError, match="--follow-links"):
        ImageReader(root).read("a/1.png")
    for outside in ("../store/a/1.png", "/etc/hostname", "a/../../store/a/1.png"):
        with pytest.raises(ImageError, match="leads out"):
            reader.read(outside)


def test_a_list_of_links_is_refused_at_once_or_followed_on_request(tmp_path):
    root = linked(tmp_path)
    (root / "pairs.csv").write_text("source,target,source_identity,target_identity\na/1.png,b/1.png,a,b\n")
    with pytest.raises(OptionError, match=r"None of the 1 pairs can be read: a/1.png leads out.*--follow-links"):
        build_dataset("pairs", DatasetRequest(root))
    assert not build_dataset("pairs", DatasetRequest(root, follow_links=True)).problems


def test_flat_folders_give_every_file_its_own_identity(tmp_path):
    for k in range(4):
        picture(tmp_path / "00" / f"{k}.png")
    data = build_dataset("flat", DatasetRequest(tmp_path, count=5))
    assert len(data.pairs) == 5 and data.pairs[0].source_identity.startswith("00/")


@pytest.mark.parametrize("suffix", [".avif", ".gif", ".jp2", ".ppm", ".JFIF"])
def test_photos_of_every_format_that_is_read_are_found_in_folders(tmp_path, suffix):
    for person in "ab":
        picture(tmp_path / "people" / person / f"0{suffix}", value=90)
    data = build_dataset("folders", DatasetRequest(tmp_path / "people", count=2))
    assert not data.problems and len(data.pairs) == 2
    reader = ImageReader(data.root)
    assert all(abs(int(reader.read(pair.source)[0, 0, 0]) - 90) < 4 for pair in data.pairs)
    assert len(build_dataset("flat", DatasetRequest(tmp_path / "people", count=2)).pairs) == 2


def test_a_method_of_results_finds_them_in_every_format(tmp_path):
    picture(tmp_path / "target.png", value=90)
    picture(tmp_path / "results" / "source-target.avif", value=90)
    pair = Pair(0, "source.png", "target.png", "a", "b")
    method = load_method("theirs=results", detector="lite", device="cpu", aligned=None, base=tmp_path, pairs=[pair])
    assert method.make(pair, ImageReader(tmp_path)).shape == (8, 8, 3)


def test_chosen_pairs_keep_rows_with_missing_files_and_report_them(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "pairs.csv").write_text("source,target\na.png,a.png\na.png,gone.png\n")
    data = build_dataset("pairs", DatasetRequest(tmp_path))
    assert len(data.pairs) == 2 and "line 3: gone.png is not there" in data.problems[-1]


def test_two_folders_are_matched_by_name_or_drawn(tmp_path):
    for side in ("source", "target"):
        picture(tmp_path / side / "x.png")
    picture(tmp_path / "source" / "y.png")
    data = build_dataset("pairs", DatasetRequest(tmp_path))
    assert [(p.source, p.target) for p in data.pairs] == [("source/x.png", "target/x.png")] and "y" in data.problems[0]
    picture(tmp_path / "two" / "sources" / "s.png")
    picture(tmp_path / "two" / "targets" / "t.png")
    assert len(build_dataset("pairs", DatasetRequest(tmp_path / "two")).pairs) == 1


def test_faceforensics_pairs_take_evenly_spaced_frames_of_both_videos(tmp_path):
    base = tmp_path / "original_sequences" / "youtube" / "c23" / "frames"
    for clip, count in (("000", 20), ("003", 20), ("004", 3)):
        for k in range(count):
            picture(base / clip / f"{k:04d}.png", value=k)
    (tmp_path / "manipulated_sequences" / "FaceSwap" / "c23" / "frames" / "000_003").mkdir(parents=True)
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "test.json").write_text(json.dumps([["000", "003"], ["003", "004"], ["003", "999"]]))
    data = build_dataset("ffpp", DatasetRequest(tmp_path, frames=5))
    first = [p for p in data.pairs if (p.target_identity, p.source_identity) == ("000", "003")]
    assert [p.frame for p in first] == [0, 5, 10, 14, 19]
    assert all(p.source.endswith(p.target[-8:]) for p in first)
    assert {(p.target_identity, p.source_identity) for p in data.pairs} == {
        ("000", "003"), ("003", "000"), ("003", "004"), ("004", "003"),
    }  # fmt: skip
    assert any("999" in p for p in data.problems) and any("only 3 of 5" in p for p in data.problems)


def test_a_source_frame_without_a_face_gives_way_to_the_most_frontal_one(tmp_path, astronaut, group):
    from eval.datasets.source_frames import usable_frames
    from mobilefaceswap_core.detect import load_detector

    face, left, right = astronaut[:256, 96:352], group[96:336, 200:440], group[296:546, 654:904]
    for name, image in (("0", left), ("1", np.full_like(face, 90)), ("2", face), ("3", right)):
        write_png(tmp_path / f"{name}.png", np.ascontiguousarray(image))
    (tmp_path / "4.png").write_bytes(b"not an image")
    detector, reader = load_detector("lite"), ImageReader(tmp_path)
    got, why = usable_frames([f"{k}.png" for k in range(5)], 5, reader, detector)
    # Two faces of the group look aside by more than 20 degrees, the portrait faces the camera.
    assert got == ["0.png", "2.png", "2.png", "3.png", "2.png"] and "2 of 5" in why and "2.png" in why
    assert usable_frames(["2.png", "3.png", "1.png"], 2, reader, detector) == (["2.png", "3.png"], "")
    assert usable_frames(["2.png"], 3, reader, detector)[0] == ["2.png"] * 3  # a shorter source video
    nothing, why = usable_frames(["1.png", "4.png"], 2, reader, detector)
    assert nothing == ["1.png", "4.png"] and "no face" in why


def test_faceforensics_pair_lists_name_the_replacing_frame(tmp_path, astronaut):
    base = tmp_path / "original_sequences" / "youtube" / "raw" / "images"
    for clip in ("000", "003"):
        for k in range(3):
            blank = clip == "003" and k == 1
            write_png(base / clip / f"{k}.png", np.zeros((256, 256, 3), np.uint8) if blank else astronaut[:256, 96:352])
    (tmp_path / "manipulated_sequences" / "Deepfakes" / "raw" / "videos").mkdir(parents=True)
    (tmp_path / "manipulated_sequences" / "Deepfakes" / "raw" / "videos" / "000_003.mp4").write_bytes(b"")
    data = build_dataset("ffpp", DatasetRequest(tmp_path, frames=3, detector="lite"))
    assert [p.source[-9:] for p in data.pairs] == ["003/0.png", "003/0.png", "003/2.png"]
    assert [p.frame for p in data.pairs] == [0, 1, 2] and "video 003: 1 of 3" in data.problems[0]


def test_a_video_frame_is_the_one_asked_for(tmp_path):
    import av

    with av.open(str(tmp_path / "000.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 5
        for k in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 10 * k, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    reader = ImageReader(tmp_path)
    for k in (0, 4, 13, 19):
        assert abs(float(reader.read(f"000.mp4#{k}").mean()) - 10 * k) < 4
    with pytest.raises(ImageError, match="ends before"):
        reader.read("000.mp4#99")


def test_packs_give_crops_by_number_with_their_landmarks(tmp_path):
    import io

    payloads = []
    for value in (10, 200, 90):
        buffer = io.BytesIO()
        Image.fromarray(np.full((224, 224, 3), value, np.uint8)).save(buffer, "WEBP", lossless=True)
        payloads.append(buffer.getvalue())
    off = np.cumsum([0, *map(len, payloads)])
    buf = np.frombuffer(b"".join(payloads), np.uint8)
    np.savez(
        tmp_path / "p.npz", buf=buf, off=off, ids=np.array([b"a", b"b", b"b"]), lm=np.full((3, 68, 2), 0.5, np.float16)
    )
    data = build_dataset("pack", DatasetRequest(tmp_path / "p.npz", count=4))
    assert data.aligned is not None and {p.source_identity for p in data.pairs} == {"a", "b"}
    reader = ImageReader(data.root)
    assert int(reader.read("p.npz#1")[0, 0, 0]) == 200
    assert reader.landmarks("p.npz#1", 224).shape == (68, 2) and reader.landmarks("p.npz#1", 224)[0, 0] == 112
    with pytest.raises(ImageError, match="0 to 2"):
        reader.read("p.npz#3")


def test_the_builtin_set_is_the_same_every_time(tmp_path):
    first = build_dataset("builtin", DatasetRequest(tmp_path / "a"))
    again = build_dataset("builtin", DatasetRequest(tmp_path / "b"))
    assert first.pairs == again.pairs and len(first.pairs) >= 60 and not first.problems
    assert len({p.source_identity for p in first.pairs}) >= 9
    for name in ("astronaut/b.png", "crew-3/c.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_builtin_clips_are_consecutive_frames_of_a_face_that_stays(tmp_path):
    data = build_dataset("builtin-clips", DatasetRequest(tmp_path / "a", frames=3, count=5))
    assert [p.frame for p in data.pairs] == [0, 1, 2, 0, 1, 2]  # 5 is no whole number of clips
    assert [p.previous for p in data.pairs] == [-1, 0, 1, -1, 3, 4]
    assert data.pairs[2].previous_target == data.pairs[1].target
    assert len({(p.source, p.clip) for p in data.pairs}) == 2
    assert all(p.source_identity != p.target_identity for p in data.pairs)
    reader = ImageReader(tmp_path / "a")
    first, second = (reader.read(p.target).astype(int) for p in data.pairs[:2])
    assert 1 < np.abs(first - second).mean() < 20  # a little movement and noise
    again = build_dataset("builtin-clips", DatasetRequest(tmp_path / "b", frames=3, count=5))
    assert (tmp_path / "b" / again.pairs[5].target).read_bytes() == (tmp_path / "a" / data.pairs[5].target).read_bytes()
    with pytest.raises(OptionError, match="--frames 1"):
        build_dataset("builtin-clips", DatasetRequest(tmp_path / "c", frames=1))


def test_identity_files_are_json_or_text(tmp_path):
    (tmp_path / "a.json").write_text('["x", 7]')
    (tmp_path / "b.txt").write_text("x\n# all\n7 # seven\n\n")
    assert read_identities(tmp_path / "a.json") == read_identities(tmp_path / "b.txt") == ["x", "7"]
    (tmp_path / "c.json").write_text("[1,")
    with pytest.raises(OptionError, match="line 1"):
        read_identities(tmp_path / "c.json")


def test_unreadable_images_are_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(ImageError, match=r"x\.png"):
        ImageReader(tmp_path).read("x.png")
    with pytest.raises(ImageError, match="no such file"):
        ImageReader(tmp_path).read("y.png")


def test_option_files_refuse_unknown_keys_and_wrong_kinds(tmp_path):
    (tmp_path / "a.toml").write_text('dataset = "flat"\npairs = 5\nmethods = ["target", "student"]\n')
    (tmp_path / "a.yaml").write_text("dataset: flat\npairs: 5\nmethods: target,student\n")
    assert resolve(read_option_file(tmp_path / "a.toml")) == resolve(read_option_file(tmp_path / "a.yaml"))
    for values, word in (
        ({"pears": 5}, "pears"),
        ({"pairs": "5"}, "whole number"),
        ({"pairs": True}, "whole"),
        ({"limit": 0}, "limit"),
        ({"methods": ""}, "at least one"),
        ({"methods": [["target"]]}, "words separated by commas"),
        ({"seed": None}, "whole number"),
        ({"threads": 4096}, "less than or equal to 1024"),
    ):
        with pytest.raises(OptionError, match=word):
            resolve(values)
    (tmp_path / "b.toml").write_text("dataset = ")
    (tmp_path / "c.txt").write_text("")
    for name in ("b.toml", "c.txt", "missing.yaml"):
        with pytest.raises(OptionError):
            read_option_file(tmp_path / name)
    assert resolve(saved_values(RunOptions(seed=4))) == RunOptions(seed=4)


def test_options_made_in_python_are_checked_when_a_run_begins(tmp_path):
    from eval.run import prepare

    with pytest.raises(OptionError, match="Option pairs is 0"):
        prepare(tmp_path / "run", RunOptions(pairs=0), resume=False, say=print)
    assert not (tmp_path / "run").exists()


def test_method_names_and_result_names():
    assert parse_method("student") == ("student", "student")
    assert parse_method("mine=pkg.mod:make") == ("mine", "pkg.mod:make")
    assert parse_method("results/other.onnx")[0] == "other"
    with pytest.raises(OptionError, match="label"):
        parse_method("bad label=target")
