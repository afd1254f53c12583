"""This tree against another revision: which trees are asked, in which order, and what is said about them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobilefaceswap_core.diagnose import against
from mobilefaceswap_core.diagnose.against import checked_out, compare, ratios, readings
from mobilefaceswap_core.diagnose.against_page import page_readings
from mobilefaceswap_core.errors import BackendError, OptionError

# A tree whose command line answers as ours does, at its own speed.
_COMMAND = """import json, pathlib, sys
words = sys.argv[1:]
if "fails" == {ms!r}:
    sys.exit("out of order")
timing = {{"median": float({ms!r}) / (2 if "--without" in words or "--no-lids" in words else 1)}}
if words[:2] == ["bench", "idn"]:
    print(json.dumps({{"idn_backends": {{"a": timing, "b": {{"median": 1e6}}}}}}))
elif words[:2] == ["bench", "image"]:
    print(json.dumps({{"image_ms": timing, "image_six_faces_ms": timing}}))
elif "--report" in words:
    report = {{"fps": 1000 / timing["median"], "frames": 2}}
    pathlib.Path(words[words.index("--report") + 1]).write_text(json.dumps(report))
"""

# A page that swaps by handing back what it was sent, and that remembers who asked for what.
_APP = """import http.server, json, os, pathlib, sys
if "fails" == {ms!r}:
    sys.exit("no port")
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/gradio_api/info":
            names = [("source", None), ("target", None), ("consent", None), ("badge", False), ("texture", 1.0)]
            takes = [dict(parameter_name=name, parameter_default=value) for name, value in names]
            self.say(json.dumps({{"named_endpoints": {{"/swap_image": {{"parameters": takes}}}}}}))
        elif self.path.startswith("/gradio_api/call/"):
            self.say('event: complete\\ndata: [{{"path": "a.png"}}]\\n\\n' if self.path.endswith("1") else "event: error\\ndata: null")
        else:
            self.say("a picture")
    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("upload"):
            return self.say(json.dumps(["up.png"]))
        data = json.loads(sent)["data"]
        given = [one if not isinstance(one, dict) else one["path"] for one in data]
        right = given[:4] == ["up.png", "up.png", True, False]
        with open("visits.txt", "a") as log:
            log.write(self.client_address[0] + chr(10))
        with open("textures.txt", "a") as log:
            log.write(str(given[4]) + chr(10))
        self.say(json.dumps({{"event_id": str(int(right and {ms!r} != "refuses"))}}))
    def say(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.request_queue_size = 64  # sixteen visitors knock at once; five would wait, the others be sent away
http.server.ThreadingHTTPServer((sys.argv[2], int(sys.argv[4])), Page).serve_forever()
"""
_PAGES = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, addresses are 127.0.0.0/8")


def tree(folder: Path, ms: str) -> Path:
    (folder / "mobilefaceswap_core").mkdir(parents=True, exist_ok=True)
    (folder / "mobilefaceswap_core" / "__init__.py").touch()
    (folder / "mobilefaceswap_core" / "__main__.py").write_text(_COMMAND.format(ms=ms))
    (folder / "eval").mkdir(exist_ok=True)
    (folder / "eval" / "__main__.py").write_text("import sys; assert '--methods' in sys.argv")
    (folder / "app.py").write_text(_APP.format(ms=ms))
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
    monkeypatch.setattr(
        against, "written_clips", lambda photo, folder, frames: {"720p clip, one face": folder / "c.mp4"}
    )


@pytest.mark.usefixtures("no_clips")
def test_both_trees_are_asked_by_their_own_command_line(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a photo")
    rows = {row.what: row for row in compare("slow", tmp_path / "a.png", rounds=1, root=clone)}
    assert not any(what.endswith(against.EQUAL) for what in rows), "a tree that does not say what it has lacks nothing"
    clip = rows["720p clip, one face, per frame"]
    assert (clip.before, clip.now, clip.times, clip.unit) == pytest.approx((30, 10, 3, "ms"))
    assert rows["per-frame network, best backend, one thread"].times == pytest.approx(3)
    assert rows["its memory"].unit == "MB" and rows["first swap from a cold process"].now > 0
    spent = rows["720p clip, one face, processor time per frame"].now, rows["its processor time"].now / 2
    assert all(0 < ms < 1e4 for ms in spent), "of a command that imports nothing"
    assert rows["5 methods on 16 pairs, per pair"].now > 0 and rows["memory of the evaluation"].unit == "MB"
    left = subprocess.run(["git", "worktree", "list"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert len(left.splitlines()) == 1, "the other tree is gone"


@pytest.mark.usefixtures("no_clips")
def test_a_tree_without_some_stages_is_also_compared_with_this_one_without_them(clone: Path, tmp_path: Path) -> None:
    options = (
        "import dataclasses\nSwapOptions = dataclasses.make_dataclass('SwapOptions', ['brows', 'occlusion', 'mouth'])\n"
    )
    (clone / "mobilefaceswap_core" / "pipeline.py").write_text(options)  # where the options once were
    git(clone, "add", "mobilefaceswap_core/pipeline.py")
    git(clone, "commit", "--quiet", "-m", "some stages")
    assert against.lacking(clone) == ("folds", "gaze", "lids", "sharpen", "texture", "beard", "pupils", "marks")
    rows = {row.what: row for row in compare("HEAD", tmp_path / "a.png", rounds=1, root=clone, only=["still", "clips"])}
    for what in ("still of 1,280 px, six faces, warm", "720p clip, one face, per frame"):
        shipped, equal = rows[what], rows[what + against.EQUAL]
        assert (shipped.before, shipped.now) == pytest.approx((30, 10))
        assert (equal.before, equal.now) == pytest.approx((30, 5)), "this tree alone leaves stages out"
    assert not any("memory" in what for what in rows if what.endswith(against.EQUAL))


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


def test_only_what_is_asked_for_is_measured(clone: Path, tmp_path: Path) -> None:
    found = readings(clone, tmp_path / "a.png", {}, only=["cold", "network"])
    assert [what for what in found if "memory" not in what and "processor" not in what] == [
        "per-frame network, best backend, one thread", "first swap from a cold process",
    ]  # fmt: skip
    assert "5 methods on 3 pairs, per pair" in readings(clone, tmp_path / "a.png", {}, only=["evaluation"], pairs=3)
    with pytest.raises(OptionError, match="known are: network, still, cold, clips, evaluation, page"):
        compare("slow", tmp_path / "a.png", only=["pages"], root=clone)


@_PAGES
def test_the_page_is_visited_by_so_many_at_once_each_from_an_address_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a photo")
    root = tree(tmp_path / "tree", "10")
    found = page_readings(root, tmp_path / "a.png", os.environ, visitors=3)
    assert set((root / "visits.txt").read_text().split()) == {"127.0.1.1", "127.0.1.2", "127.0.1.3"}
    after, most = found["memory of the page after one swap"], found["most memory of the page with 3 visitors"]
    assert 5 < after <= most < 500 and 0 < found["3 visitors at once, per swap"] < 1e4
    assert found["3 visitors, processor time per swap"] >= 0
    page_readings(root, tmp_path / "a.png", os.environ, visitors=2, chosen={"texture": 0.0, "unknown there": 1})
    textures = (root / "textures.txt").read_text().split()
    assert textures == ["1.0"] * 4 + ["0.0"] * 3, "what is chosen, and of the rest what the page has"


@_PAGES
def test_visitors_are_also_compared_without_the_stages_that_the_other_tree_lacks(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a photo")
    (clone / "mobilefaceswap_core" / "pipeline.py").write_text(
        "import dataclasses\nSwapOptions = dataclasses.make_dataclass('SwapOptions', ['brows', 'occlusion', 'mouth'])\n"
    )
    git(clone, "add", "mobilefaceswap_core/pipeline.py")
    git(clone, "commit", "--quiet", "-m", "some stages")
    rows = {row.what for row in compare("HEAD", tmp_path / "a.png", rounds=1, root=clone, only=["page"])}
    assert {"16 visitors at once, per swap", f"16 visitors at once, per swap{against.EQUAL}"} <= rows
    textures = (clone / "textures.txt").read_text().split()
    assert textures == ["1.0"] * 17 + ["0.0"] * 17, "this tree alone leaves stages out"


@_PAGES
@pytest.mark.parametrize(("ms", "said"), [("fails", "did not start: no port"), ("refuses", "did not swap: error")])
def test_a_page_that_does_not_start_or_swap_says_so(tmp_path: Path, ms: str, said: str) -> None:
    (tmp_path / "a.png").write_bytes(b"a photo")
    with pytest.raises(BackendError, match=said):
        page_readings(tree(tmp_path / "tree", ms), tmp_path / "a.png", os.environ, visitors=1)


def test_a_command_that_fails_names_its_tree(tmp_path: Path) -> None:
    broken = tree(tmp_path / "broken", "fails")
    with pytest.raises(BackendError, match="out of order"):
        readings(broken, tmp_path / "a.png", {})


def test_the_command_wants_a_photo() -> None:
    from typer.testing import CliRunner

    from mobilefaceswap_core.cli.app import app

    done = CliRunner().invoke(app, ["bench", "--against", "HEAD", "--json"])
    assert done.exit_code and "--photo" in json.loads(done.stdout)["error"]["message"]
