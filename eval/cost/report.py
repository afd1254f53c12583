"""Everything one run of ``python -m eval cost`` found, and its Markdown, CSV, LaTeX and JSON forms."""

from __future__ import annotations

import csv
import io
import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..records import write_text
from ..rendering import render
from .claims import Claim
from .measure import Latency, best_batch, ratios_to
from .memory import Memory
from .methods import MethodCost
from .stages import FrameTime, StageTime

_ABSENT = "n/a"
CONVENTION = (
    "One multiply-add counts as one. Counted: convolutions, transposed convolutions, matrix products, for one face at the "
    "size given. M: 10^6 parameters, G: 10^9 multiply-adds. Per frame: what runs on every target frame. Per source: recogniser "
    "and injection network, once. Ratio: to the student; times at batch 1."
)


@dataclass(frozen=True, slots=True)
class CostReport:
    """A finished run.

    Attributes:
        methods: rows of the table.
        claims: the paper's numbers; empty if counted at other sizes than the paper's.
        latencies: measured times, all batches.
        memory: peak by method, CPU, one frame.
        stages: the student's own time.
        frames: whole frames.
        machine: where it was measured.
        file_mb: size of the weights that ship, by method.
        notes: what could not be measured, and why.
    """

    methods: list[MethodCost]
    claims: list[Claim] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    stages: list[StageTime] = field(default_factory=list)
    frames: list[FrameTime] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)
    file_mb: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def describe_machine(threads: int) -> dict[str, str]:
    """Processor, threads, versions and GPU."""
    import onnxruntime

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "threads": str(threads),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "libraries": f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def shipped_file_mb() -> dict[str, float]:
    """Megabytes of the weights in the package that a method needs, its recogniser included."""
    from mobilefaceswap_core.weights import WEIGHTS

    size = {name: sum(file.size for file in spec.files) / 1e6 for name, spec in WEIGHTS.items()}
    encoder = size["encoder_mobilefacenet"]
    return {"student": size["student_224"] + encoder, "teacher": size["teacher_224"] + encoder}


def count_rows(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the count."""
    head = ["method", "px", "M per frame", "M in all", "G per frame", "G per source", "ratio", "status"]
    base = next((m.frame.multiply_adds for m in report.methods if m.name == "student"), 0)
    rows = []
    for m in report.methods:
        known = m.frame.parameters > 0
        whole = known and m.status == "counted"
        rows.append([
            m.title, str(m.size_px or _ABSENT), _number(m.frame.parameters / 1e6, known),
            _number(m.parameters / 1e6, whole), _number(m.frame.multiply_adds / 1e9, known),
            _number(m.source.multiply_adds / 1e9, whole),
            _number(m.frame.multiply_adds / base if base else 0, known) + ("x" if known and base else ""), m.status,
        ])  # fmt: skip
    return head, rows


def claim_rows(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the paper's claims."""
    head = ["claim", "paper", "counted", "difference", "verdict", "counted as", "remark"]
    rows = [
        [c.statement, f"{c.published:g}", _number(c.counted), _percent(c.deviation), c.verdict, c.contains, c.remark]
        for c in report.claims
    ]
    return head, rows


def latency_rows(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the measured times: batch 1 with its spread, and the batch with the most frames per second."""
    head = ["method", "device", "backend", "ms", "10-90 %", "ratio", "best batch", "frames/s", "peak MB", "file MB"]
    single = {(r.method, r.backend, r.device): r for r in report.latencies if r.batch == 1}
    best, ratios = best_batch(report.latencies), ratios_to(report.latencies, "student")
    rows = []
    for key, one in sorted(single.items(), key=lambda item: (item[1].device, item[1].median_ms)):
        top, memory, file_mb = best[key], report.memory.get(one.method), report.file_mb.get(one.method)
        rows.append([
            one.method, one.device, one.backend, _number(one.median_ms), f"{_number(one.low_ms)}-{_number(one.high_ms)}",
            f"{ratios[key]:.1f}x" if key in ratios else _ABSENT, str(top.batch), _number(top.frames_per_second),
            f"{memory.network_mb:.0f}" if memory and one.device == "cpu" else _ABSENT,
            f"{file_mb:.1f}" if file_mb else _ABSENT,
        ])  # fmt: skip
    return head, rows


def frame_rows(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows of whole frames."""
    head = [
        "method",
        "device",
        "frame",
        "detector",
        "detect ms",
        "swap ms",
        "paste ms",
        "total ms",
        "frames/s",
        "source ms",
    ]
    rows = [
        [
            f.method, f.device, f"{f.size[0]} x {f.size[1]}", f.detector,
            *(_number(f.stages_ms[stage]) for stage in ("detect", "swap", "paste")),
            _number(f.total_ms), _number(1000.0 / f.total_ms), _number(f.source_ms),
        ]
        for f in report.frames
    ]  # fmt: skip
    return head, rows


def stage_rows(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the student's own time."""
    rows = []
    for group in ("part", "operator"):
        total = sum(s.median_ms for s in report.stages if s.group == group)
        rows += [
            [group, s.stage, _number(s.median_ms), f"{s.median_ms / total:.0%}"]
            for s in report.stages
            if s.group == group
        ]
    return ["by", "stage", "ms", "share"], rows


def tables(report: CostReport) -> dict[str, tuple[str, list[str], list[list[str]]]]:
    """Title, head and rows by file name; tables without rows are left out."""
    made = {
        "count": ("Counted", *count_rows(report)),
        "claims": ("The paper's claims", *claim_rows(report)),
        "latency": ("Measured: the per-frame network", *latency_rows(report)),
        "frames": ("Measured: a whole frame with one face", *frame_rows(report)),
        "stages": ("Where the student's time goes (ONNX Runtime)", *stage_rows(report)),
    }
    return {name: table for name, table in made.items() if table[2]}


def markdown(report: CostReport) -> str:
    """All tables, notes on rows, uncounted operators and the machine."""
    uncounted = [
        (m.title, ", ".join(f"{name} {values / 1e6:.2f}" for name, values in m.frame.uncounted.items()))
        for m in report.methods
        if m.name in ("student", "simswap") and m.frame.uncounted
    ]
    return render(
        "cost.md.j2",
        convention=CONVENTION,
        tables=list(tables(report).values()),
        methods=report.methods,
        notes=report.notes,
        uncounted=uncounted,
        machine=report.machine,
    )


def latex(report: CostReport) -> str:
    """Booktabs tables; quoted rows in italics."""
    printed = tables(report)
    if "claims" in printed:  # remarks are sentences; the printed table has no room for them
        title, head, rows = printed["claims"]
        printed["claims"] = (title, head[:5], [row[:5] for row in rows])
    return render("cost.tex.j2", convention=CONVENTION, tables=list(printed.values()))


def as_json(report: CostReport) -> dict[str, Any]:
    """Unrounded, one object."""
    value = asdict(report)
    for claim, item in zip(report.claims, value["claims"], strict=True):
        item |= {"deviation": claim.deviation, "verdict": claim.verdict}
    return value


def run_columns(report: CostReport) -> dict[str, dict[str, float]]:
    """What the table and plots of an evaluation run show beside each method's quality (its ``cost.json``).

    A method that was timed has its fastest runtime as ``ms per face``, and a column for every one that it was timed in.
    """
    from mobilefaceswap_core.student.mobile.stored import name_of

    columns: dict[str, dict[str, float]] = {}
    for m in report.methods:
        if m.status == "counted":
            columns[m.name] = {
                "parameters (M)": round(m.frame.parameters / 1e6, 3),
                "multiply-adds (G)": round(m.frame.multiply_adds / 1e9, 3),
            }
    if "student" in columns:
        columns[name_of("int8")] = dict(columns["student"])  # the same network with other numbers
    single = sorted((r for r in report.latencies if r.batch == 1), key=lambda r: r.median_ms)
    for result in single:
        columns.setdefault(result.method, {}).setdefault("ms per face", round(result.median_ms, 2))
    for result in sorted(single, key=lambda r: (r.device, r.backend.lower())):
        where = result.backend if result.device == "cpu" else f"{result.backend} on {result.device}"
        columns[result.method][f"ms in {where}"] = round(result.median_ms, 2)
    return columns


def write_report(report: CostReport, folder: Path) -> list[Path]:
    """Write ``cost.md``, ``cost.tex``, ``report.json``, ``cost.json`` (columns for ``eval run``) and one CSV per table."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "cost.md": markdown(report),
        "cost.tex": latex(report),
        "report.json": json.dumps(as_json(report), indent=2) + "\n",
        "cost.json": json.dumps(run_columns(report), indent=2) + "\n",
    }
    for name, (_, head, rows) in tables(report).items():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([head, *rows])
        files[f"{name}.csv"] = text.getvalue()
    for name, content in files.items():
        write_text(folder / name, content)
    return [folder / name for name in files]


def _number(value: float, known: bool = True) -> str:
    """Three significant digits, never in scientific notation."""
    if not known:
        return _ABSENT
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{digits}f}"


def _percent(value: float) -> str:
    """Signed, one decimal; a value that rounds to nothing has no sign."""
    text = f"{value:+.1%}"
    return "0.0%" if text in ("+0.0%", "-0.0%") else text
