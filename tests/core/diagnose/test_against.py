"""This tree against another revision: which trees are asked, in which order, and what is said about them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mobilefaceswap_core.diagnose import against
from mobilefaceswap_core.diagnose.against import checked_out, compare, ratios, readings
from mobilefaceswap_core.errors import BackendError, OptionError

# A tree whose command line answers as ours does, at its own speed.
_COMMAND = """import json, pathlib, sys
words = sys.argv[1:]
if "fails" == {ms!r}:
    sys.exit("out of order")
timing = {{"median": float({ms!r})}}
if words[:2] == ["bench", "idn"]:
    print(json.dumps({{"idn_backends": {{"a": timing, "b": {{"median": 1e6}}}}}}))
elif words[:2] == ["bench", "image"]:
    print(json.dumps({{"image_ms": timing, "image_six_faces_ms": timing}}))
elif "--report" in words:
    report = {{"fps": 1000 / timing["median"], "frames": 2}}
    pathlib.Path(words[words.index("--report") + 1]).write_text(json.dumps(report))
"""


def tree(folder: Path, ms: str) -> Path:
    (folder / "mobilefaceswap_core").mkdir(parents=True, exist_ok=True)
    (folder / "mobilefaceswap_core" / "__init__.py").touch()
    (folder / "mobilefaceswap_core" / "__main__.py").write_text(_COMMAND.format(ms=ms))
    return folder


def git(folder: Path, *arguments: str) -> None:
    known = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *known, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository whose first revision takes 30 ms and whose tree takes 10."""
    root = tree(tmp_path / "clone", "30")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "slow")
    git(root, "tag", "slow")
    return tree(root, "10")


@pytest.fixture
def no_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against, "written_clips", lambda photo, folder, frames: {"720p": folder / "c.mp4"})


@pytest.mark.usefixtures("no_clips")
def test_both_trees_are_asked_by_their_own_command_line(clone: Path, tmp_path: Path) -> None:
    rows = {row.what: row for row in compare("slow", tmp_path / "a.png", rounds=1, root=clone)}
    clip = rows["720p clip, one face, per frame"]
    assert (clip.before, clip.now, clip.times, clip.unit) == pytest.approx((30, 10, 3, "ms"))
    assert rows["per-frame network, best backend, one thread"].times == pytest.approx(3)
    assert rows["its memory"].unit == "MB" and rows["first swap from a cold process"].now > 0
    spent = rows["720p clip, processor time per frame"].now, rows["its processor time"].now / 2
    assert all(0 < ms < 1e4 for ms in spent), "of a command that imports nothing"
    left = subprocess.run(["git", "worktree", "list"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert len(left.splitlines()) == 1, "the other tree is gone"


@pytest.mark.usefixtures("no_clips")
def test_the_trees_take_turns_in_going_first(clone: Path, tmp_path: Path) -> None:
    asked: list[bool] = []

    def measure(root: Path, photo: Path, clips: object) -> dict[str, float]:
        asked.append(root == clone)
        return {"a": 1.0}

    compare("slow", tmp_path, rounds=3, root=clone, measure=measure)
    assert asked == [False, True, True, False, False, True]


def test_a_ratio_is_of_medians_and_of_what_both_can_measure() -> None:
    before = [{"a": 10.0, "only before": 1.0}, {"a": 40.0, "only before": 1.0}, {"a": 12.0, "only before": 1.0}]
    now = [{"new": 1.0, "a": 5.0}, {"new": 1.0, "a": 5.0}, {"new": 1.0, "a": 6.0}]
    (row,) = ratios(before, now)
    assert (row.what, row.before, row.now, row.times, row.spread) == ("a", 12.0, 5.0, 2.4, (2.0, 8.0))


def test_a_revision_that_is_not_there_and_a_folder_that_is_no_clone_are_refused(clone: Path, tmp_path: Path) -> None:
    for root, revision in ((clone, "nowhere"), (tmp_path, "slow")):
        with pytest.raises(OptionError, match="git worktree add"), checked_out(revision, root=root):
            raise AssertionError


def test_a_command_that_fails_names_its_tree(tmp_path: Path) -> None:
    broken = tree(tmp_path / "broken", "fails")
    with pytest.raises(BackendError, match="out of order"):
        readings(broken, tmp_path / "a.png", {})


def test_the_command_wants_a_photo() -> None:
    from typer.testing import CliRunner

    from mobilefaceswap_core.cli.app import app

    done = CliRunner().invoke(app, ["bench", "--against", "HEAD", "--json"])
    assert done.exit_code and "--photo" in json.loads(done.stdout)["error"]["message"]
