"""Measuring and reporting: what is timed, in which order, and what is written."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from eval.cost import figures, networks, report, stages
from eval.cost.claims import claims
from eval.cost.cli import cost_app
from eval.cost.measure import Candidate, Latency, best_batch, measure, ratios_to
from eval.cost.memory import Memory, peak_memory
from eval.cost.methods import all_methods
from mobilefaceswap_core.errors import BackendError, OptionError
from mobilefaceswap_core.student.graph import idn_graph
from mobilefaceswap_core.student.idn import IdnWeights
from mobilefaceswap_core.student.network import MobileFaceSwapNet
from mobilefaceswap_core.teachers.ours import TeacherGenerator

runner = CliRunner()


@pytest.fixture(scope="module")
def rows():
    return all_methods()


def latency(method: str, batch: int, median: float, *, backend: str = "b", device: str = "cpu") -> Latency:
    return Latency(method, backend, device, batch, median, median * 0.9, median * 1.2, 5)


@pytest.fixture
def full_report(rows):
    times = [latency("student", 1, 10.0), latency("student", 4, 30.0), latency("simswap", 1, 500.0)]
    return report.CostReport(
        rows,
        claims(rows),
        times,
        {"student": Memory(100.0, 160.0)},
        [stages.StageTime("part", "decoder", 4.0), stages.StageTime("operator", "Conv", 3.0)],
        [stages.FrameTime("student", "lite", (1280, 720), {"detect": 5.0, "swap": 10.0, "paste": 5.0}, 50.0, "cpu")],
        {"processor": "test"},
        {"student": 10.8},
        ["a note"],
    )


# ---------------------------------------------------------------- time


def test_every_round_runs_every_candidate_once_in_a_rotating_order_after_the_warm_up():
    order: list[str] = []
    made = [Candidate(name, "b", "cpu", 1, lambda name=name: order.append(name)) for name in "abc"]
    results = measure(made, rounds=3, warm_up=1)
    rounds = ["".join(order[i : i + 3]) for i in range(0, 12, 3)]
    assert len(order) == 12 and all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert len({r[0] for r in rounds[1:]}) == 3, "each candidate comes first once"
    assert [r.rounds for r in results] == [3, 3, 3]


def test_median_and_spread_come_from_the_clock_alone():
    now = 0.0
    durations = iter([9.0, 1.0, 2.0, 3.0, 4.0, 100.0])  # the first call is warm-up

    def run() -> None:
        nonlocal now
        now += next(durations)

    (result,) = measure([Candidate("m", "b", "cpu", 2, run)], rounds=5, warm_up=1, clock=lambda: now)
    assert result.median_ms == 3000.0
    assert result.low_ms == pytest.approx(1400.0) and result.high_ms > 4000.0
    assert result.frames_per_second == pytest.approx(2 / 3)


def test_a_busy_machine_gets_fewer_rounds_but_at_least_three():
    now = 0.0

    def run() -> None:
        nonlocal now
        now += 10.0

    candidate = Candidate("m", "b", "cpu", 1, run)
    (result,) = measure([candidate], rounds=50, warm_up=1, limit_s=1.0, clock=lambda: now)
    assert result.rounds == 3 and result.median_ms == 10_000.0
    (result,) = measure([candidate], rounds=50, warm_up=1, limit_s=100.0, clock=lambda: now)
    assert result.rounds == 10


def test_a_measurement_without_rounds_is_refused():
    with pytest.raises(OptionError, match="at least one round"):
        measure([], rounds=0)


def test_best_batch_has_the_most_frames_per_second_and_ratios_use_the_fastest_student():
    results = [
        latency("student", 1, 10.0),
        latency("student", 8, 40.0),
        latency("student", 1, 5.0, backend="fast"),
        latency("simswap", 1, 500.0),
        latency("simswap", 1, 50.0, device="cuda"),
    ]
    assert best_batch(results)["student", "b", "cpu"].batch == 8
    ratios = ratios_to(results, "student")
    assert ratios["simswap", "b", "cpu"] == 100.0 and ratios["student", "b", "cpu"] == 2.0
    assert ("simswap", "b", "cuda") not in ratios, "no student was timed there"


def small_teacher() -> torch.nn.Module:
    return TeacherGenerator(width=8, blocks=1)


SMALL = networks.Timed("teacher", 32, small_teacher)


def test_candidates_of_a_generator_run_in_each_arithmetic_and_batch():
    torch.set_num_threads(1)
    precisions = (torch.float32, torch.bfloat16)
    made = list(networks.generator_candidates(SMALL, device="cpu", batches=(1, 2), precisions=precisions))
    assert {(c.backend, c.batch) for c in made} == {
        ("pytorch float32", 1),
        ("pytorch float32", 2),
        ("pytorch bfloat16", 1),
        ("pytorch bfloat16", 2),
    }
    assert all(result.median_ms > 0 for result in measure(made, rounds=1, warm_up=0))


def test_an_exported_generator_equals_the_module(tmp_path):
    import onnxruntime

    path = networks.export_onnx(SMALL, tmp_path)
    torch.manual_seed(0)
    module = small_teacher().eval()
    targets, embedding = networks.random_inputs(32, 3, "cpu")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = session.run(None, {"targets": targets.contiguous().numpy(), "embedding": embedding.numpy()})
    with torch.no_grad():
        want = module(targets, embedding)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-4)


def test_the_student_is_timed_in_every_installed_backend():
    torch.set_num_threads(1)
    made = list(networks.idn_candidates(device="cpu", batches=(1,), threads=1))
    assert {"pytorch float32", "onnxruntime"} <= {c.backend for c in made}
    assert all(c.method == "student" for c in made)


def test_foreign_swappers_that_are_here_are_timed_in_every_backend_and_batch_that_their_graphs_allow(
    tmp_path, monkeypatch
) -> None:
    from eval.cost.cli import published_candidates
    from tests.fakes.foreign import write_published, write_swapper

    for name in ("HOME", "MOBILEFACESWAP_HOME", "INSIGHTFACE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("MOBILEFACESWAP_MODELS", str(tmp_path))
    made_of = report.CostReport([])
    assert published_candidates(made_of, "cpu", batches=(1, 4), threads=1) == []
    write_published(tmp_path, "ghost_1_256", side=256, batch="n")
    write_published(tmp_path, "uniface_256", side=256, source=(3, 256, 256))
    write_swapper(tmp_path / "hyperswap_1a_256.onnx", side=128)
    made = published_candidates(made_of, "cpu", batches=(1, 4), threads=1)
    backends = ["onnxruntime"] + ["openvino f32"] * (find_spec("openvino") is not None)
    wanted = {("ghost_1_256", label, n) for label in backends for n in (1, 4)} | {
        ("uniface_256", b, 1) for b in backends
    }
    assert {(each.method, each.backend, each.batch) for each in made} == wanted
    for each in made:
        assert np.shape(each.run()) == (each.batch, 3, 256, 256)
    (note,) = made_of.notes
    assert note.startswith("hyperswap_1a_256 was not timed: ") and "does not fit its contract" in note


def test_the_student_is_timed_as_the_files_that_phones_run_and_8_bits_are_a_method_of_their_own(tmp_path, monkeypatch):
    from mobilefaceswap_core.diagnose import mobile

    monkeypatch.setattr(mobile, "FORMATS", tuple(entry for entry in mobile.FORMATS if entry.name == "onnx"))
    made = {(c.method, c.backend): c for c in networks.exported_candidates(threads=1, folder=tmp_path)}
    assert ("student-int8", "ONNX Runtime int8") in made and all(method == "student-int8" for method, _ in made)
    (face, mask) = made["student-int8", "ONNX Runtime int8"].run()
    assert face.shape == (1, 3, 224, 224) and mask.shape[-2:] == (224, 224)


def test_memory_is_measured_in_a_process_of_its_own():
    memory = peak_memory("student", threads=1)
    assert memory.peak_mb > memory.idle_mb > 50
    assert memory.network_mb == pytest.approx(memory.peak_mb - memory.idle_mb)
    with pytest.raises(BackendError, match="unknown method"):
        peak_memory("nobody")


# ---------------------------------------------------------------- stages


def test_stage_times_are_medians_by_part_and_operator():
    events = [{"cat": "Session", "name": "model_run", "dur": 999}]
    for duration in (1000, 3000, 2000):
        events += [
            {"cat": "Node", "name": "decoded.3_nchwc_kernel_time", "dur": duration, "args": {"op_name": "Conv"}},
            {"cat": "Node", "name": "mask_up.1_kernel_time", "dur": 500, "args": {"op_name": "Resize"}},
            {"cat": "Node", "name": "mask_up.1_fence_after", "dur": 500, "args": {"op_name": "Resize"}},
        ]
    found = {(s.group, s.stage): s.median_ms for s in stages.stage_times(events)}
    assert found == {
        ("part", "decoder"): 2.0,
        ("part", "mask"): 0.5,
        ("operator", "pointwise conv"): 2.0,
        ("operator", "Resize"): 0.5,
    }
    assert {s.median_ms for s in stages.stage_times(events, skip=1) if s.stage == "decoder"} == {2.5}


def test_every_node_of_the_students_graph_belongs_to_the_part_that_made_it():
    network = MobileFaceSwapNet.compact().eval()
    with torch.no_grad():
        weights: IdnWeights = network.condition(torch.ones(1, 512) / 512**0.5, torch.zeros(1, 512, 7, 7))
    nodes = {
        n.name: stages.part_of(n.name, n.op_type) for n in idn_graph(network.idn, weights, output="face").graph.node
    }
    counts = {part: sum(p == part for p in nodes.values()) for part in stages.PARTS}
    # Encoder: 2 to normalise, then 2 + 4 * 3. Decoder: 4 * 4 + 3 joins. Final: 10. Mask: 5 * 4 + 3.
    assert counts == {"encoder": 16, "decoder": 19, "final": 10, "mask": 23, "layout": 0}
    assert stages.part_of("ReorderOutput_token_3", "ReorderOutput") == "layout"


def test_a_whole_frame_is_timed_from_detection_to_paste_back():
    (frame,) = stages.time_frames(("student",), device="cpu", threads=1, rounds=1, detector="lite")
    assert set(frame.stages_ms) == {"detect", "swap", "paste"}
    assert frame.total_ms == pytest.approx(sum(frame.stages_ms.values())) and frame.source_ms > 0


# ---------------------------------------------------------------- report


def test_a_number_has_three_significant_digits_and_no_exponent():
    shown = [report._number(value) for value in (0.2961, 7.7012, 55.05, 2440.0, 0.0)]
    assert shown == ["0.296", "7.70", "55.0", "2440", "0.000"]
    assert report._number(1.0, known=False) == "n/a"


def test_every_table_row_is_as_wide_as_its_head(full_report):
    made = report.tables(full_report)
    assert set(made) == {"count", "claims", "latency", "frames", "stages"}
    for _, head, rows in made.values():
        assert rows and all(len(row) == len(head) for row in rows)


def test_tables_without_measurements_are_left_out(rows):
    assert set(report.tables(report.CostReport(rows))) == {"count"}


def test_the_latency_table_holds_ratio_best_batch_memory_and_file(full_report):
    head, rows = report.latency_rows(full_report)
    student = dict(zip(head, rows[0], strict=True))
    assert student["method"] == "student" and student["ratio"] == "1.0x" and student["best batch"] == "4"
    assert student["peak MB"] == "60" and student["file MB"] == "10.8"
    assert dict(zip(head, rows[1], strict=True))["ratio"] == "50.0x"


def test_quoted_rows_look_different_from_counted_ones(full_report):
    lines = report.latex(full_report).splitlines()
    assert [line for line in lines if line.startswith(r"\textit{FSGAN}")]
    assert [line for line in lines if line.startswith("SimSwap &")]
    assert "quoted" in next(line for line in report.markdown(full_report).splitlines() if "FSGAN |" in line)


def test_latex_tables_are_balanced_and_escaped(full_report):
    text = report.latex(full_report)
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 5
    for line in text.splitlines():
        if not line.startswith(("%", "\\begin", "\\end")):
            assert not re.search(r"(?<!\\)[%_#$]", line), line


def test_a_report_is_written_whole_and_reads_back(full_report, tmp_path):
    paths = report.write_report(full_report, tmp_path / "out")
    assert {p.name for p in paths} == {p.name for p in (tmp_path / "out").iterdir()}, "no partial file is left"
    value = json.loads((tmp_path / "out" / "report.json").read_text())
    assert value["claims"][0]["verdict"] == "confirmed" and len(value["methods"]) == len(full_report.methods)
    joined = json.loads((tmp_path / "out" / "cost.json").read_text())
    assert joined["simswap"] == {
        "parameters (M)": 55.052, "multiply-adds (G)": 48.121, "ms per face": 500.0, "ms in b": 500.0,
    }  # fmt: skip


def test_a_run_shows_a_column_for_every_runtime_a_method_was_timed_in(rows):
    times = [
        latency("student", 1, 10.0, backend="pytorch float32"), latency("student", 1, 4.0, backend="ncnn float16"),
        latency("student", 4, 1.0, backend="onnxruntime"), latency("student", 1, 2.0, backend="onnxruntime", device="cuda"),
        latency("student-int8", 1, 3.0, backend="LiteRT int8"),
    ]  # fmt: skip
    columns = report.run_columns(report.CostReport(rows, latencies=times))
    student, small = columns["student"], columns["student-int8"]
    assert student["ms per face"] == 2 and {key: value for key, value in student.items() if key.startswith("ms in")} == {
        "ms in ncnn float16": 4, "ms in pytorch float32": 10, "ms in onnxruntime on cuda": 2,
    }  # fmt: skip
    assert small == {**small, "parameters (M)": student["parameters (M)"], "ms per face": 3, "ms in LiteRT int8": 3}
    assert "ms per face" not in columns["simswap"]


# ---------------------------------------------------------------- figures

TABLE = "method,reference_row,metric,judge,judge_used_in_training,mean\n"


def test_the_identity_figure_takes_the_judge_that_was_not_used_in_training(full_report, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        TABLE
        + "student,False,id_top1,own,True,90.0\nstudent,False,id_top1,other,False,30.0\n"
        + "simswap,False,id_top1,other,False,80.0\nstudent,False,pose_error,hopenet,False,3.0\n"
        + "target,True,id_top1,other,False,1.0\n"
    )
    points = figures.measured_points(full_report, path)
    assert [(p.label, p.percent, p.source) for p in points] == [("student", 30.0, ""), ("simswap", 80.0, "")]
    assert points[0].giga == pytest.approx(0.296, abs=0.001)


def test_a_file_that_is_no_evaluation_table_is_refused(full_report, tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(OptionError, match="not a file"):
        figures.measured_points(full_report, path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(OptionError, match="not the columns"):
        figures.measured_points(full_report, path)
    path.write_text(TABLE + "stranger,False,id_top1,other,False,30.0\n")
    with pytest.raises(OptionError, match="no method"):
        figures.measured_points(full_report, path)


def test_quoted_points_name_their_paper_and_only_methods_whose_cost_is_known(full_report):
    points = list(figures.quoted_points(full_report))
    assert points and all(p.source for p in points)
    assert {p.label for p in points} <= {"SimSwap", "FaceShifter", "GHOST", "FSGAN"}


def test_both_figures_are_drawn_and_saved(full_report, tmp_path):
    points = [figures.Point("student", 0.3, 30.0), *figures.quoted_points(full_report)]
    saved = figures.save(figures.identity_figure(points), tmp_path, "identity")
    saved += figures.save(figures.time_figure(full_report), tmp_path, "time")
    assert [p.suffix for p in saved] == [".png", ".svg"] * 2
    assert all(p.stat().st_size > 5000 for p in saved)


# ---------------------------------------------------------------- command line


def test_the_command_counts_and_prints_json(tmp_path):
    result = runner.invoke(cost_app, ["--count-only", "--json"])
    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout)
    assert {m["name"] for m in value["methods"]} >= {"student", "simswap", "faceshifter", "fsgan"}
    assert len(value["claims"]) == 8 and value["latencies"] == []


def test_the_command_counts_an_onnx_file_too_and_saves(tmp_path):
    path = networks.export_onnx(SMALL, tmp_path)
    arguments = ["--count-only", "--size", "64", "--onnx", str(path), "--out", str(tmp_path / "out")]
    result = runner.invoke(cost_app, arguments)
    assert result.exit_code == 0, result.output
    assert "teacher.onnx" in (tmp_path / "out" / "count.csv").read_text()
    assert not (tmp_path / "out" / "claims.csv").exists(), "the paper's figures are for its own sizes"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--size", "100"], 2, "multiple of 32"),
        (["--threads", "0"], 2, "at least 1"),
        (["--count-only", "--onnx", "absent.onnx"], 5, "not a readable ONNX"),
    ],
)
def test_a_bad_option_is_one_line_and_an_exit_code(arguments, code, words):
    result = runner.invoke(cost_app, arguments)
    assert result.exit_code == code
    assert words in result.stderr and "Traceback" not in result.output
