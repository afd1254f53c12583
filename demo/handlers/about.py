"""Answers of the About tab."""

from __future__ import annotations

from typing import Any

from ..messages import Visit
from ..texts import say
from ..work.services import Services


def count(services: Services, visit: Visit) -> dict[str, Any]:
    """Count what every method costs."""
    services.engine.admit(visit.caller)
    return {"table": cost_table(visit.language)}


def cost_table(spoken: str) -> str:
    """Every method's cost as Markdown, counted from the networks."""
    from eval.cost.methods import all_methods

    heads = [say(key, spoken) for key in ("cost_method", "cost_params", "cost_ops", "cost_source", "cost_status")]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|"]
    for row in all_methods():
        numbers = (_scaled(row.frame.parameters, 1e6), _scaled(row.frame.multiply_adds, 1e9),
                   _scaled(row.source.multiply_adds, 1e9))  # fmt: skip
        lines.append(f"| {row.title} | {' | '.join(numbers)} | {row.status} |")
    return "\n".join(lines)


def _scaled(value: Any, unit: float) -> str:
    return f"{value / unit:.3g}" if value else "–"
