"""Who is who where the list does not say: from folders where that is plain, otherwise said, and nobody is retrieved."""

from __future__ import annotations

import pytest

from eval.datasets import DatasetRequest, build_dataset
from eval.datasets.people import people_by_folder
from eval.images import write_png
from eval.options import RunOptions
from eval.run import judge_stage, prepare, render, summary_of, swap_stage
from mobilefaceswap_core.errors import OptionError


def photos(root, astronaut, names):
    for name in names:
        write_png(root / name, astronaut[:256, 96:352])


def test_people_are_taken_from_folders_and_that_is_told(tmp_path, astronaut) -> None:
    photos(tmp_path, astronaut, ["anna/1.png", "anna/2.png", "ben/1.png"])
    (tmp_path / "pairs.csv").write_text(
        "source,target\nanna/1.png,ben/1.png\nanna/2.png,ben/1.png\nben/1.png,anna/1.png\n"
    )
    data = build_dataset("pairs", DatasetRequest(tmp_path))
    assert [(p.source_identity, p.target_identity) for p in data.pairs] == [("anna", "ben")] * 2 + [("ben", "anna")]
    assert data.people == "folders" and "taken from 2 folders, such as anna" in " ".join(data.problems)


def test_a_list_that_says_everything_is_taken_at_its_word(tmp_path, astronaut) -> None:
    photos(tmp_path, astronaut, ["x/1.png", "y/1.png"])
    (tmp_path / "pairs.csv").write_text("source,target,source_identity,target_identity\nx/1.png,y/1.png,A,B\n")
    data = build_dataset("pairs", DatasetRequest(tmp_path))
    assert (data.people, data.problems, data.pairs[0].source_identity) == ("listed", [], "A")


@pytest.mark.parametrize(
    ("references", "pairs"),
    [
        (["1.png", "2.png"], [("1.png", "2.png")]),  # one flat folder
        (["s/1.png", "t/1.png"], [("s/1.png", "t/1.png")]),  # a folder for sources and one for targets
        (["a/1.png", "a/2.png", "b/1.png"], [("a/1.png", "a/2.png"), ("b/1.png", "a/1.png")]),  # a pair within one
        (["p.npz#1", "p.npz#2"], [("p.npz#1", "p.npz#2"), ("p.npz#2", "p.npz#1")]),  # crops of a pack
    ],
)
def test_folders_that_cannot_be_people_are_not_taken_for_them(references, pairs) -> None:
    assert people_by_folder(references, pairs) is None


def test_frames_of_a_clip_are_one_person() -> None:
    found = people_by_folder(["v/0.mp4#1", "v/1.mp4#2"], [("v/0.mp4#1", "v/1.mp4#2"), ("v/1.mp4#2", "v/0.mp4#1")])
    assert found == {"v/0.mp4#1": "v/0.mp4", "v/1.mp4#2": "v/1.mp4"}


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory, astronaut, group):
    """A run over two folders, source and target, of which nobody knows who is who."""
    folder = tmp_path_factory.mktemp("unnamed")
    for side in ("source", "target"):
        write_png(folder / "in" / side / "1.png", astronaut[:256, 96:352])
        write_png(folder / "in" / side / "2.png", group[96:336, 200:440])
    options = RunOptions(
        dataset="pairs", root=str(folder / "in"), methods=("target", "source-paste"), detector="lite",
        judge_detector="lite", judges=("dlib", "pnp"),
    )  # fmt: skip
    told: list[str] = []
    prepare(folder / "run", options, resume=False, say=told.append)
    swap_stage(folder / "run", options)
    judge_stage(folder / "run", options)
    render(folder / "run")
    return folder / "run", told


def test_nobody_is_retrieved_where_nobody_is_known_and_it_is_told(unnamed) -> None:
    run, told = unnamed
    assert any("do not tell who is who" in line for line in told)
    keys = {column.spec.key for column in summary_of(run).columns}
    assert not keys & {"id_top1", "id_top5", "verified"} and {"cosine_source", "pose_error"} <= keys
    table = (run / "table.md").read_text(encoding="utf-8")
    assert "does not say who is who" in table and "chance top-1" not in table


def test_a_table_for_people_alone_is_said_in_the_list_too(tmp_path, astronaut) -> None:
    photos(tmp_path, astronaut, ["1.png", "2.png"])
    (tmp_path / "pairs.csv").write_text("source,target\n1.png,2.png\n")
    data = build_dataset("pairs", DatasetRequest(tmp_path))
    assert data.people == "photos" and "Add the column source_identity" in " ".join(data.problems)


def test_pairs_of_which_none_can_be_read_are_refused_before_anything_runs(tmp_path) -> None:
    (tmp_path / "pairs.csv").write_text("source,target\na/1.png,b/2.png\n")
    with pytest.raises(OptionError, match=r"None of the 1 pairs can be read: a/1.png is not there"):
        build_dataset("pairs", DatasetRequest(tmp_path))
