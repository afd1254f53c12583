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
from ..texts import glasses_words, model_words, say
from ..work.compare import REFERENCE, Compared, Measured
from ..work.services import Services
from .consent import may_swap
from .progress import bar

_PATCHY = 6.0  # dE; the worst of what we looked at had 4.6


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
    said = [say("compare_done", spoken, count=len(models), judges=judges)]
    said += glasses_words([compared.glasses for compared in done], spoken)
    yield {"progress": "", "status": " ".join(said)}


def _progress(done: Sequence[Compared], names: Sequence[str], spoken: str) -> str:
    now = names[min(max(len(done) - 1, 0), len(names) - 1)]
    text = say("compare_working", spoken, model=model_words(now, spoken), done=len(done), total=len(names) + 1)
    return bar(len(done), len(names) + 1, text)


def grid_of(done: Sequence[Compared], spoken: str) -> str:
    """Pictures with their figures below, as HTML that holds the pictures."""
    before = done[0].measured.id_similarity if done else None
    return f'<div class="compare-grid">{"".join(_figure(one, before, spoken) for one in done)}</div>'


def _figure(compared: Compared, before: float | None, spoken: str) -> str:
    row = compared.measured
    name = say("compare_reference", spoken) if row.name == REFERENCE else model_words(row.name, spoken)
    lines = "".join(
        f"<dt>{escape(say(key, spoken))}</dt><dd title='{escape(hint)}'>{escape(value)}</dd>"
        for key, value, hint in _facts(row, spoken)
    )
    failure = f"<p class='failure'>{escape(row.failure)}</p>" if row.failure else ""
    return (
        f"<figure><div class='compare-faces'>{_picture(compared.near, name)}"
        f"{_picture(compared.view, '', 'whole')}</div>"
        f"<figcaption><strong>{escape(name)}</strong>{failure}{_scales(row, before, spoken)}<dl>{lines}</dl>"
        f"<small>{escape(row.device)}</small></figcaption></figure>"
    )


def _picture(image: Image, alt: str, kind: str = "near") -> str:
    return f"<img class='{kind}' alt='{escape(alt)}' src='data:image/webp;base64,{_webp(image)}'>"


def _scales(row: Measured, before: float | None, spoken: str) -> str:
    """Identity and picture quality as bars, which say more than their figures."""
    bars = ""
    if row.id_similarity is not None and before is not None:
        value = f"{row.id_similarity:.3f} ↑"
        bars += _scale("compare_id", nearness(row.id_similarity, before), value, ("another", "same"), spoken)
    if row.patches is not None:
        value = f"{row.patches:.1f} dE ↓"
        bars += _scale("compare_patches", cleanness(row.patches), value, ("patchy", "clean"), spoken)
    return bars


def _scale(key: str, share: float, value: str, ends: tuple[str, str], spoken: str) -> str:
    name, (low, high) = say(key, spoken), (say(f"compare_{end}", spoken) for end in ends)
    told = escape(f"{name}: {low} 0, {share:.0%}, {high} 100")
    return (
        f"<div class='scale'><div><span>{escape(name)}</span><b>{escape(value)}</b></div>"
        f"<div class='line' role='img' aria-label='{told}'><i style='width: {share:.0%}'></i></div>"
        f"<div class='ends' aria-hidden='true'><span>{escape(low)}</span><span>{escape(high)}</span></div></div>"
    )


def nearness(similarity: float, before: float) -> float:
    """How far a face went from another person, as the target was, to the source's own photo; within 0 and 1.

    Args:
        similarity: cosine of the swapped face and the source.
        before: cosine of the target and the source.
    """
    return min(1.0, max(0.0, (similarity - before) / max(1.0 - before, 1e-6)))


def cleanness(patches: float) -> float:
    """1 for skin with the target's own light, 0 for as many patches as nobody takes for a photo; within 0 and 1."""
    return min(1.0, max(0.0, 1.0 - patches / _PATCHY))


def _facts(row: Measured, spoken: str) -> list[tuple[str, str, str]]:
    """Key of the label, value, and which direction is better."""
    unknown, low = say("compare_unknown", spoken), say("compare_better_low", spoken)
    facts = [
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
