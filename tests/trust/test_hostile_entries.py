"""Every entry of the programs with hostile input: our own error within bounded time and memory, and nothing is lost.

A spread of the table that ``python -m tests.trust hostile`` runs in full, and fuzzed readers.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.cells import original_cell, plain_cell
from eval.pairs import Pair, iterate_pairs, read_foreign_pairs, write_pairs
from eval.records import OUTCOME, read_records
from mobilefaceswap_core.errors import OptionError, SwapError

from .hostile import CPU_S, MEMORY_MB, run_all
from .hostile_cases import all_cases

# Large pictures take most of the time; their refusal is one function's, tested on its own.
_SLOW = ("20,000 x 20,000 whole", "text chunk of 300 MB", "GIF of 20,000 frames", "pixel bomb", "bomb")


@pytest.mark.skipif(sys.platform != "linux", reason="measured through /proc")
def test_every_entry_answers_hostile_input_with_an_error_of_ours() -> None:
    pytest.importorskip("gradio")
    cases = all_cases()
    pictures = ("command", "tab", "eval, folders", "eval, FaceForensics++ clips")
    chosen = [
        number
        for number, case in enumerate(cases)
        if case.name not in _SLOW and (case.must_answer or number % (5 if case.entry.startswith(pictures) else 2) == 0)
    ]
    outcomes = run_all(chosen)
    assert len(outcomes) == len(chosen)
    wrong = [f"{o.entry}, {o.name}: {o.result} {o.said}" for o in outcomes if not o.passed]
    assert not wrong, "\n".join(wrong)
    assert all(o.seconds < CPU_S and o.memory_mb < MEMORY_MB for o in outcomes)
    assert {o.entry for o in outcomes} >= {"tab Evaluate, zip", "endpoint verify_file", "eval, pair list"}


# Text in tables -------------------------------------------------------------------------------------------------------

FORMULAS = ("=1+1", "+SUM(A1)", "-cmd|'/C calc'!A0", "@x", "\t=1", "\r=1", "\n=1", "＝1", "'=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text_and_comes_back(text: str) -> None:
    assert plain_cell(text) == f"'{text}" and original_cell(plain_cell(text)) == text


@pytest.mark.parametrize("text", ["-0.5", "+3", "-1e-9", "0", "n/a", "student", "a=b", "O'Neill", "'quoted'", ""])
def test_numbers_and_plain_words_stay_as_they_are(text: str) -> None:
    assert plain_cell(text) == text == original_cell(text)


@given(st.text(alphabet="'=+-@\t\r\nab1.", max_size=8))
def test_every_cell_comes_back_and_none_is_a_formula(text: str) -> None:
    cell = plain_cell(text)
    assert original_cell(cell) == text
    if cell and cell[0] in "=+-@\t\r\n":
        float(cell)  # only a number may begin so


def test_a_pair_list_with_formulas_is_quoted_and_reads_back(tmp_path: Path) -> None:
    pairs = [Pair(n, text, "b.png", text, "b", clip=text) for n, text in enumerate(FORMULAS)]
    write_pairs(tmp_path / "pairs.csv", pairs)
    with (tmp_path / "pairs.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert all(cell[:1] not in tuple("=+@\t\r\n") for cell in row.values())
    assert list(iterate_pairs(tmp_path / "pairs.csv")) == pairs


def test_tables_hold_no_formula_and_their_numbers_are_numbers() -> None:
    import pandas as pd

    from eval.tables import csv_text

    table = pd.DataFrame({"method": list(FORMULAS[:5]), "mean": [-0.5, 1.0, float("nan"), -1e-7, 3.0]})
    rows = list(csv.DictReader(io.StringIO(csv_text(table))))
    assert all(row["method"].startswith("'") for row in rows)
    assert [row["mean"] for row in rows] == ["-0.5", "1.0", "", "-1e-07", "3.0"]


# Fuzzed readers -------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=200) | st.text(alphabet='source,target\n"\r=\0a', max_size=120).map(str.encode))
def test_any_pair_list_reads_or_is_refused(body: bytes, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("list") / "pairs.csv"
    path.write_bytes(b"source,target,frame,clip\n" + body)
    for read in (read_foreign_pairs, lambda p: list(iterate_pairs(p))):
        with contextlib.suppress(SwapError):
            read(path)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(JSON.map(json.dumps) | st.text(max_size=20), max_size=4))
def test_any_lines_are_records_or_are_refused(lines: list[str], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("run") / "manifest.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")
    try:
        for record in read_records(path, required=OUTCOME):
            assert record["pair"] >= 0
    except OptionError:
        pass


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=JSON)
def test_any_run_file_is_used_or_refused(value: object, tmp_path_factory) -> None:
    from eval.run_files import read_card, read_gallery_summary, read_judges, read_run

    run = tmp_path_factory.mktemp("run")
    (run / "methods").mkdir()
    for name in ("run.json", "judges.json", "gallery.json", "methods/x.json"):
        (run / name).write_text(json.dumps(value))
    for read in (read_run, read_judges, read_gallery_summary, lambda r: read_card(r, "x")):
        with pytest.raises(OptionError):
            read(run)


@settings(max_examples=200, deadline=None)
@given(value=JSON, address=st.sampled_from(["http://a", "HTTPS://a", " file:///x", "//a/b", "data:,x"]))
def test_no_address_passes_the_gate_wherever_a_call_hides_it(value: object, address: str) -> None:
    from demo.gate.bodies import understood

    assert understood(json.dumps({"data": [value, [{"path": address}]]}).encode())[0] is not None
    named = json.dumps({"data": [{"path": "/somewhere/a.png", "url": "http://own/file"}]}).encode()
    assert understood(named)[0] is None


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_damaged_zip_is_unpacked_inside_its_folder_or_refused(data, tmp_path_factory) -> None:
    from demo.settings import Settings
    from demo.work.evaluate import unpack

    from .hostile_files import encoded, zip_of

    place = tmp_path_factory.mktemp("zip")
    name = data.draw(st.text(alphabet="ab./\\:\0~", min_size=1, max_size=12)) + ".png"
    packed = bytearray(zip_of({name: encoded("PNG"), "a.png": encoded("JPEG")}))
    for _ in range(data.draw(st.integers(0, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    (place / "a.zip").write_bytes(bytes(packed))
    with contextlib.suppress(SwapError):
        unpack(place / "a.zip", place / "deep" / "out", Settings())
    assert {path.name for path in place.iterdir()} <= {"a.zip", "deep"}
    assert not (place / "deep").exists() or {path.name for path in (place / "deep").iterdir()} <= {"out"}
