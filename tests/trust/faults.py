"""Faults as a table: runs the tests of faults, with as many kills as asked for, and tells what each says and found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_TESTS = (
    "tests/trust/test_faults_kill.py",
    "tests/trust/test_faults_disk.py",
    "tests/trust/test_faults_memory.py",
    "tests/eval/test_run.py::test_killed_in_either_stage_and_resumed_gives_the_same_numbers_bit_for_bit",
    "tests/core/video/test_jobs.py::test_what_a_killed_job_leaves_is_hidden_and_removed_by_the_next_one",
    "tests/core/training/test_loop.py::test_a_run_interrupted_and_resumed_ends_bit_for_bit_like_one_that_was_not",
    "tests/core/weights/test_download.py",
    "tests/trust/test_faults_use.py::test_no_connection_is_tried_at_import_or_start",
)


def measure(kills: int) -> list[dict[str, Any]]:
    """A row a test: what holds after the fault, and whether it held."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *_TESTS],
            cwd=_ROOT, env={**os.environ, "TRUST_KILLS": str(kills), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if not report.is_file():
            return [{"fault": "the tests did not run", "held": "NO"}]
        # Written by pytest just now, not by a stranger.
        outcomes: dict[str, list[str]] = {}
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            sentence = case.get("name", "").removeprefix("test_").partition("[")[0].replace("_", " ")
            outcomes.setdefault(sentence, []).append(_outcome(case))
        return [
            {"fault": sentence, "tried": len(said), "held": next((o for o in said if o != "yes"), "yes")}
            for sentence, said in outcomes.items()
        ]


def _outcome(case: ElementTree.Element) -> str:
    skipped = case.find("skipped")
    if skipped is not None:
        return f"not tried here: {skipped.get('message', '')}"
    return "NO" if case.find("failure") is not None or case.find("error") is not None else "yes"
