"""Answers of the Compare tab."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import cv2

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image

from ..messages import Visit
from ..texts import model_words, say
from ..work.compare import REFERENCE, Compared, Measured
from ..work.services import Services
from .consent import may_swap
from .progress import bar


def compare(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    target: str | None,
    models: list[str],
    consented: bool,
) -> Iterator[dict[str, Any]]:
    """Swap the pair by every chosen model and show each as soon as it is measured; nothing without consent.

    Raises:
        OptionError: a photo is missing, or no model was chosen.
    """
    spoken = visit.language
    if not source:
        raise OptionError(say("need_source", spoken))
    if not target:
        raise OptionError(say("need_target", spoken))
    if not models:
        raise OptionError(say("compare_pick", spoken))
    if not may_swap(consented, source, target):
        yield {}
        return
    services.engine.admit(visit.caller)
    done: list[Compared] = []
    yield {"progress": _progress(done, models, spoken), "grid": "", "status": ""}
    for compared in services.compare(services.engine, services.bench, source, target, models):
        done.append(compared)
        is_last = len(done) > len(models)  # the target without a swap comes first
        yield {"progress": "" if is_last else _progress(done, models, spoken), "grid": grid_of(done, spoken)}
    judges = ", ".join(services.bench.titles())
    yield {"progress": "", "status": say("compare_done", spoken, count=len(models), judges=judges)}


def _progress(done: Sequence[Compared], names: Sequence[str], spoken: str) -> str:
    now = names[min(max(len(done) - 1, 0), len(names) - 1)]
    text = say("compare_working", spoken, model=model_words(now, spoken), done=len(done), total=len(names) + 1)
    return bar(len(done), len(names) + 1, text)


def grid_of(done: Sequence[Compared], spoken: str) -> str:
    """Pictures with their figures below, as HTML that holds the pictures."""
    return f'<div class="compare-grid">{"".join(_figure(one, spoken) for one in done)}</div>'


def _figure(compared: Compared, spoken: str) -> str:
    row = compared.measured
    name = say("compare_reference", spoken) if row.name == REFERENCE else model_words(row.name, spoken)
    lines = "".join(
        f"<dt>{escape(say(key, spoken))}</dt><dd title='{escape(hint)}'>{escape(value)}</dd>"
        for key, value, hint in _facts(row, spoken)
    )
    failure = f"<p class='failure'>{escape(row.failure)}</p>" if row.failure else ""
    return (
        f"<figure><img alt='{escape(name)}' src='data:image/webp;base64,{_webp(compared.view)}'>"
        f"<figcaption><strong>{escape(name)}</strong>{failure}<dl>{lines}</dl>"
        f"<small>{escape(row.device)}</small></figcaption></figure>"
    )


def _facts(row: Measured, spoken: str) -> list[tuple[str, str, str]]:
    """Key of the label, value, and which direction is better."""
    unknown = say("compare_unknown", spoken)
    high, low = say("compare_better_high", spoken), say("compare_better_low", spoken)
    facts = [
        ("compare_id", unknown if row.id_similarity is None else f"{row.id_similarity:.3f} ↑", high),
        ("compare_pose", unknown if row.pose_error_deg is None else f"{row.pose_error_deg:.1f}° ↓", low),
        ("compare_expression", unknown if row.expression_error is None else f"{row.expression_error:.2f} ↓", low),
    ]
    if row.name == REFERENCE:
        return facts
    if row.multiply_adds is None:
        cost = unknown
    else:
        cost = f"{row.multiply_adds / 1e9:.2f} G" if row.multiply_adds else say("compare_no_network", spoken)
    time_text = unknown if row.latency_ms is None else f"{row.latency_ms:.0f} ms"
    return [*facts, ("compare_cost", cost, low), ("compare_time", time_text, low)]


def _webp(image: Image) -> str:
    _, data = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 90])
    return base64.b64encode(data.tobytes()).decode("ascii")
