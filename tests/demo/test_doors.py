"""Every door: the log says what was started, swapped and refused; pictures come through one reader; runs stay private."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from demo.build import launch_options, translations
from demo.settings import Settings
from demo.work.clips import people_of
from demo.work.evaluate import unpack
from demo.work.living import live_swapper
from demo.work.verify import verify
from mobilefaceswap_core.errors import OptionError, SwapError
from mobilefaceswap_core.rules.audit import AuditLog, content_hash
from tests.fakes.painted import painted_engine, squares

RED = (200, 30, 30)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n"


def lines(log: Path) -> list[dict]:
    return [line for line in AuditLog(log).read() if line["event"] != "start"]


def test_every_refusal_is_one_line_with_its_door_and_reason(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    engine = painted_engine(audit=str(log), per_minute=1)
    (tmp_path / "none.png").write_bytes(b"none")
    none = str(tmp_path / "none.png")
    engine.admit("a")
    refused = {
        "rate": lambda: engine.admit("a"),
        "faces": lambda: engine.find_faces(none),
        "image": lambda: engine.swap_photo([none], none),
        "live": lambda: live_swapper(engine, none),
        "verify": lambda: verify(engine, none),
        "people": lambda: people_of(engine, none),
        "evaluate": lambda: unpack(none, tmp_path / "out", engine.settings),
    }
    for work in refused.values():
        with pytest.raises(SwapError):
            work()
    seen = [line for line in lines(log) if line["options"].get("door") != "clip"]
    assert [line["options"]["door"] for line in seen] == list(refused)
    assert {line["event"] for line in seen} == {"refused"} and all(line["options"]["reason"] for line in seen)
    assert str(tmp_path) not in log.read_text()


def test_a_refusal_that_passes_several_doors_is_noted_once(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    listed = tmp_path / "listed"
    listed.mkdir()
    engine = painted_engine(audit=str(log), max_sources=1)
    photo = squares(tmp_path / "s.png", RED)
    with pytest.raises(OptionError, match="at most 1"):
        engine.swap_photo([photo, photo], photo)
    (line,) = lines(log)
    assert line["options"] == {"door": "image", "reason": "OptionError"}


def test_starting_a_live_picture_is_recorded_by_the_sources_hash(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    photo = squares(tmp_path / "s.png", RED)
    live_swapper(painted_engine(audit=str(log)), photo)
    (line,) = lines(log)
    assert (line["event"], line["sources"]) == ("live", [content_hash(Path(photo).read_bytes())])


def test_no_other_plug_in_of_pillow_is_left_once_the_page_runs(tmp_path: Path) -> None:
    """In a process of its own: plug-ins are forgotten for good."""
    (tmp_path / "a.eps").write_bytes(EPS)
    PillowImage.new("RGB", (4, 4)).save(tmp_path / "a.png")
    code = """
import sys
from PIL import Image
from mobilefaceswap_core.files.opening import forget_other_formats
assert Image.open(sys.argv[1]).format == "EPS"
forget_other_formats()
assert Image.open(sys.argv[2]).format == "PNG"
try:
    Image.open(sys.argv[1])
except Image.UnidentifiedImageError:
    print("refused", *sorted(Image.OPEN))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.eps"), str(tmp_path / "a.png")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("refused"), done.stderr
    assert "EPS" not in done.stdout and "PSD" not in done.stdout


def test_of_a_hosts_reports_only_the_page_and_its_figures_are_served(tmp_path: Path) -> None:
    from gradio.utils import is_in_or_equal

    run = tmp_path / "reports" / "one"
    for name in ("report.html", "table.md", "run.json", "manifest.jsonl", "figures/plot.png", "swapped/student/0.png"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("{}", encoding="utf-8")
    (tmp_path / "reports" / "unfinished").mkdir()
    settings = Settings(reports=str(tmp_path / "reports"))
    allowed = launch_options(settings, translations(settings))["allowed_paths"]

    def is_served(name: str) -> bool:
        return any(is_in_or_equal(str(run / name), place) for place in allowed)

    assert is_served("report.html") and is_served("figures/plot.png")
    assert not any(map(is_served, ("run.json", "manifest.jsonl", "swapped/student/0.png", "figures", "table.md")))
