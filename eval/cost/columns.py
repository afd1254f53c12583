"""What each method of a run costs, beside how well it swaps: ``cost.json`` of the run, counted or measured here."""

from __future__ import annotations

import contextlib
import json
import reprlib
import sys
from collections.abc import Set
from pathlib import Path

from mobilefaceswap_core.errors import OptionError, SwapError
from mobilefaceswap_core.files.ordinary import check_ordinary

from ..method_options import split_choices
from ..methods import parse_method
from ..records import write_json
from ..run_files import read_card

COST_MODES = ("count", "measure", "none")
_MAX_BYTES = 4 << 20
_MAX_CELL = 200  # characters of a column head with its cell; longer ones break every table
_TIME = "ms per face"  # the column that only a measurement gives

Costs = dict[str, dict[str, float]]


def cost_stage(run: Path, methods: tuple[str, ...], mode: str) -> None:
    """Bring ``cost.json`` of a run up to date.

    Entries that are there stay: a file put there by hand, or measured on another machine, is not overwritten. A method whose
    cost nobody knows (somebody's results in a folder) gets an empty entry.

    Args:
        run: folder of a run whose swap stage is done; method cards say which network a label stands for.
        methods: as on the command line.
        mode: ``count`` (parameters and multiply-adds, some seconds), ``measure`` (times too: ``python -m eval cost --quick``,
            a minute or more), ``none``, or a ``cost.json`` to take.

    Raises:
        OptionError: for another mode that names no readable file.
    """
    if mode == "none":
        return
    path = run / "cost.json"
    known: Costs = read_costs(path) if path.is_file() else {}
    if mode not in COST_MODES:
        write_json(path, {**known, **read_costs(Path(mode).expanduser())})
        return
    specs = {label: split_choices(spec)[0] for label, spec in map(parse_method, methods)}
    untimed = mode == "measure" and not any(_TIME in columns for columns in known.values())
    missing = [label for label in specs if untimed or label not in known]
    if not missing:
        return
    files = {label: specs[label] for label in missing if specs[label].endswith(".onnx")}
    models = {label: read_card(run, label)["details"].get("model", "") for label in missing if label not in files}
    by_model = _measured(run) if mode == "measure" else _counted(set(models.values()))
    found = {
        label: _counted_file(Path(files[label])) if label in files else dict(by_model.get(models[label], {}))
        for label in missing
    }
    write_json(path, {**known, **found})


def read_costs(path: Path) -> Costs:
    """Columns by method label from a JSON file.

    Raises:
        OptionError: not readable, or not an object of objects.
    """
    check_ordinary(path, error=OptionError, wanted="a cost.json")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes, wanted at most {_MAX_BYTES}")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise OptionError(
            f"--cost {path}: wanted {', '.join(COST_MODES)}, or a cost.json that can be read ({error})."
        ) from error
    if not isinstance(value, dict) or not all(isinstance(columns, dict) for columns in value.values()):
        raise OptionError(f"--cost {path}: wanted one object per method label, as python -m eval cost writes it.")
    for columns in value.values():
        for head, cell in columns.items():
            if not isinstance(cell, (int, float, str, type(None))) or len(head) + len(str(cell)) > _MAX_CELL:
                raise OptionError(f"--cost {path.name}: {reprlib.repr(head)} must be a number or a short text.")
    return value


def _counted(models: Set[str]) -> Costs:
    """Columns of these models alone: a run waits for no network that it does not show."""
    from mobilefaceswap_core.student.mobile.stored import name_of

    from .methods import all_methods
    from .report import CostReport, run_columns

    same = {"student"} if name_of("int8") in models else set()  # the same network with other numbers
    return run_columns(CostReport(all_methods(names=models | same)))


def _counted_file(path: Path) -> dict[str, float]:
    from .onnx_count import count_onnx

    try:
        cost = count_onnx(path, _one_frame(path))
    except SwapError as error:
        print(f"cost: {path.name} could not be counted: {error}", file=sys.stderr)
        return {}
    return {
        "parameters (M)": round(cost.parameters / 1e6, 3),
        "multiply-adds (G)": round(cost.multiply_adds / 1e9, 3),
    }


def _one_frame(path: Path) -> dict[str, tuple[int, ...]]:
    """Sizes for one crop where the file leaves them open and states its crop."""
    from mobilefaceswap_core.student.contract import stated_crop
    from mobilefaceswap_core.teachers.onnx_file import read_card

    card = read_card(path)
    side = stated_crop(card.properties, path).size_px if "crop" in card.properties else 0
    usual = {4: (1, 3, side, side), 2: (1, 0)}
    shapes = {
        name: tuple(known or one for known, one in zip(shape, usual[len(shape)], strict=True))
        for name, shape in card.inputs.items()
        if None in shape and len(shape) in usual
    }
    return {name: shape for name, shape in shapes.items() if all(shape)}


def _measured(run: Path) -> Costs:
    """Run the quick measurement; its own report stays in ``cost/`` of the run. Standard output is kept for the table."""
    from .cli import cost_app

    with contextlib.redirect_stdout(sys.stderr):
        code = cost_app(args=["--quick", "--out", str(run / "cost")], standalone_mode=False)
    if code:
        raise OptionError("python -m eval cost --quick failed; its message stands above. Use --cost count.")
    return read_costs(run / "cost" / "cost.json")
