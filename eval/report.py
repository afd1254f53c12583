"""One HTML file with tables, figures and provenance; opens anywhere, loads nothing."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from .records import OUTCOME, read_records, write_text
from .summary import Summary
from .tables import html_tables

_CAPTIONS = {
    "retrieval_pose": "Identity against pose. Up is more of the source, left is closer to the target; bars are 95 % intervals.",
    "cumulative_match": "How often the right source is among the k nearest faces of the gallery. Failures never are.",
    "distributions": "Every measured pair as a dot; black: middle half, white tick: median. Failures are in the table.",
    "error_yaw": "Means by how far the target is turned. Failures count at their worst value; a class of few pairs says little.",
    "cost_identity": "Multiply-adds per frame against identity, of the methods that run a network.",
}
_CSS = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:1180px;margin:0 auto;padding:24px}
h1{font-size:1.7rem;margin:.2em 0}h2{font-size:1.25rem;margin:2em 0 .6em;border-bottom:1px solid #ccc;padding-bottom:.2em}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums;margin:.6em 0}caption{text-align:left;font-weight:600;padding:.4em 0}
th,td{padding:.32em .7em;text-align:right;vertical-align:top;white-space:nowrap}th[scope=row]{text-align:left;font-weight:500}
thead th:first-child{text-align:left}thead th{border-bottom:2px solid #333;white-space:normal;vertical-align:bottom}tbody tr{border-bottom:1px solid #e4e4e4}td b{color:#00507d}
.ci{color:#666;font-size:.86em}.scroll{overflow-x:auto}figure{margin:1.4em 0}figure img{max-width:min(100%,860px);height:auto}figure.wide img{max-width:100%}figcaption{color:#444;font-size:.9rem}
.quoted{background:#f6f4ee;padding:2px 18px 14px;margin-top:2.4em;border-left:5px solid #b9a774}ul{padding-left:1.2em}li{overflow-wrap:anywhere;font-size:.9rem}
details{margin:2em 0}summary{cursor:pointer;font-weight:600}.lead{color:#333;max-width:76ch}@media print{body{max-width:none;padding:0}figure{break-inside:avoid}}
"""


def write_report(run: Path, summary: Summary) -> None:
    """Write ``report.html``."""
    write_text(run / "report.html", report_html(run, summary))


def report_html(run: Path, summary: Summary) -> str:
    """The report's text; images are inside it as data."""
    meta = summary.meta
    names = ", ".join(summary.methods)
    lead = (
        f"{meta['used_pairs']} pairs of {html.escape(meta['dataset'])} ({html.escape(meta['dataset_note'])}); methods: "
        f"{html.escape(names)}. A swap should take the source's identity (ID columns high) and keep the target's pose, expression "
        "and surroundings (errors low). Read each number against the reference rows marked *: no swap (target), and a "
        "change that leaves the face alone (target-jpeg), which is the noise floor."
    )
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>",
        f"<title>Face swap evaluation: {html.escape(meta['dataset'])}</title><style>{_CSS}</style></head><body>",
        f"<h1>Face swap evaluation</h1><p class='lead'>{lead}</p>",
    ]
    tables = html_tables(summary)
    # Figures stand between the first table and the fine print.
    first, _, rest = tables.partition("</section>")
    parts += [
        first,
        "</section>",
        _failures_html(run),
        _figures_html(run, summary),
        rest,
        _definitions_html(summary),
        "</body></html>",
    ]
    return "\n".join(parts)


def _figures_html(run: Path, summary: Summary) -> str:
    parts = ["<section><h2>Figures</h2>"]
    for name, caption in _CAPTIONS.items():
        path = run / "figures" / f"{name}.png"
        if path.is_file():
            parts.append(_figure(path, caption, wide=name in ("distributions", "error_yaw")))
    for name, card in summary.methods.items():
        path = run / "figures" / f"pairs_{name}.png"
        if not card["reference"] and path.is_file():
            parts.append(
                _figure(
                    path, f"{card['title']}: best, median and worst pairs (cosine to source and pose error).", wide=True
                )
            )
    return "\n".join([*parts, "</section>"])


def _figure(path: Path, caption: str, *, wide: bool) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    text = html.escape(caption)
    kind = " class='wide'" if wide else ""
    return (
        f"<figure{kind}><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"
    )


def _failures_html(run: Path) -> str:
    """What went wrong, by method and reason."""
    counts: dict[tuple[str, str], int] = {}
    latest = {
        (r["method"], r["pair"]): r
        for r in read_records(run / "manifest.jsonl", required=OUTCOME)
        if r["status"] != "ok"
    }
    for record in latest.values():
        key = (record["method"], str(record.get("reason")))
        counts[key] = counts.get(key, 0) + 1
    if not counts:
        return ""
    rows = sorted(counts.items(), key=lambda item: (item[0][0], -item[1]))[:40]
    items = "".join(f"<li><b>{html.escape(m)}</b>: {n} x {html.escape(reason)}</li>" for (m, reason), n in rows)
    return f"<section><h2>Failed swaps</h2><ul>{items}</ul></section>"


def _definitions_html(summary: Summary) -> str:
    specs = dict.fromkeys(column.spec for column in summary.columns)
    rows = "".join(
        f"<li><b>{html.escape(s.label)}</b>: {html.escape(s.definition)} <i>{html.escape(s.source)}.</i></li>"
        for s in specs
    )
    return f"<section><details><summary>Definitions of all columns</summary><ul>{rows}</ul></details></section>"
