"""The evaluation's own processes: what they take of memory goes with them, and what stops them is said."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from demo.settings import Settings
from demo.work import processes
from demo.work.evaluate import evaluate, read_run
from mobilefaceswap_core.errors import Cancelled, OptionError

_PROGRAM = """#!{python}
import sys
from pathlib import Path
run = Path(sys.argv[sys.argv.index("--out") + 1])
{does}
"""
_LARGE_MB = 150
_EVALUATES = f"""
held = bytearray({_LARGE_MB} << 20)
for place in range(0, len(held), 4096):
    held[place] = 1
run.mkdir()
(run / "report.html").write_text("x"), (run / "table.md").write_text("the table")
(run / "used").write_text(str(__import__("resource").getrusage(__import__("resource").RUSAGE_SELF).ru_maxrss))
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a script in the place of ``python -m eval``."""
    python = sys.executable
    monkeypatch.setattr(processes, "_POLL_S", 0.02)

    def replace(does: str) -> None:
        script = tmp_path / "program"
        script.write_text(_PROGRAM.format(python=python, does=does))
        script.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(script))

    return replace


def steps(run: Path, stop: threading.Event | None = None):
    return evaluate(run, dataset="builtin", root=None, methods=["graphics"], pairs=2, settings=Settings(),
                    stop=stop or threading.Event())  # fmt: skip


def held_mb() -> float:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096 / (1 << 20)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="resident memory is read from /proc")
def test_the_servers_memory_after_an_evaluation_is_what_it_was_before(program, tmp_path: Path) -> None:
    program(_EVALUATES)
    before, most = held_mb(), 0.0
    for _ in steps(tmp_path / "run"):
        most = max(most, held_mb())
    assert read_run(tmp_path / "run").table == "the table"
    assert int((tmp_path / "run" / "used").read_text()) > _LARGE_MB << 10  # kB: the evaluation did hold so much
    assert max(most, held_mb()) - before < 30


def test_what_ends_an_evaluation_is_said_without_the_hosts_folders(program, tmp_path: Path) -> None:
    program('print(f"reading\\nerror: {run} has no pairs.", file=sys.stderr); sys.exit(2)')
    with pytest.raises(OptionError, match=r"^run has no pairs\.$"):
        list(steps(tmp_path / "run"))
    program("sys.exit(1)")
    with pytest.raises(OptionError, match="without a reason"):
        list(steps(tmp_path / "run"))


def test_a_stopped_evaluation_leaves_no_process(program, tmp_path: Path) -> None:
    program('(run.parent / "pid").write_text(str(__import__("os").getpid())); __import__("time").sleep(60)')
    stop = threading.Event()
    running = steps(tmp_path / "run", stop)
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        next(running)
    stop.set()
    with pytest.raises(Cancelled):
        list(running)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()
