"""Write ``docs/methods.md`` from the tables of contracts, of what is published, and of costs.

    python -m docs.methods

Costs are counted on layouts that this package builds itself; what a foreign file costs is counted where the file is, by
``python -m eval cost``. A test compares the page with what this writes.
"""

from __future__ import annotations

from pathlib import Path

from eval.cost.methods import MethodCost, ghost, official, simswap, student, teacher
from mobilefaceswap_core.blend.stage_contracts import StageContract, stage_contracts
from mobilefaceswap_core.teachers.contracts import Contract, contracts
from mobilefaceswap_core.weights.published import PUBLISHED, Published, with_needs

PAGE = Path(__file__).with_name("methods.md")
NAMES = {(0.0, 0.0, 0.0): "[0, 1]", (0.5, 0.5, 0.5): "[-1, 1]"}


def text() -> str:
    """The whole page."""
    return "\n".join([*_head(), *_own(), *_published(), *_stages(), *_other(), *_terms()]) + "\n"


def terms_of(name: str) -> dict[str, list[str]]:
    """Licences that apply when a method runs, each with the files that it is of."""
    found: dict[str, list[str]] = {}
    for item in reversed(with_needs([name])):
        found.setdefault(item.licence, []).append(item.name)
    return found


def _head() -> list[str]:
    return [
        "# Methods",
        "",
        "Everything that `--model` takes and `--methods` compares. Written by `python -m docs.methods` from the tables that the",
        "programs use. How to get what does not ship: [fetch other methods](how-to/fetch_other_methods.md).",
        "",
    ]


def _own() -> list[str]:
    rows = [_cost(row) for row in (student(), official(), teacher(), simswap(), *(ghost(n) for n in (1, 2, 3)))]
    return [
        "## Built here",
        "",
        "Parameters and multiply-adds of what runs on every target frame, and of what runs once per source face; one fused",
        "multiply-add counts as one. More in [what each method costs](cost.md).",
        "",
        "| name | what | px | M per frame | G per frame | M per source | G per source |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "| `graphics` | Graphics baseline, no network | 224 | | | | |",
        "",
    ]


def _cost(row: MethodCost) -> str:
    numbers = (f"{cost.parameters / 1e6:.2f} | {cost.multiply_adds / 1e9:.3f}" for cost in (row.frame, row.source))
    return f"| `{row.name}` | {row.title} | {row.size_px} | {' | '.join(numbers)} |"


def _published() -> list[str]:
    return [
        "## Published by others, run by a contract",
        "",
        "All read RGB; templates are those of `mobilefaceswap_core/faces/geometry.py`. *Out* is what the network's numbers become",
        "before they are pixels. Cost is counted from the file where it is present: `python -m eval cost`.",
        "",
        "| name | paper | licence | template, px | in | source | out |",
        "|---|---|---|---|---|---|---|",
        *(_contract(name, contract) for name, contract in contracts().items()),
        "",
        "Embeddings are those of `arcface_w600k_r50` (112 px, template `arcface`, [-1, 1]). *Through* names the converter that an",
        "embedding passes first. *Matrix*: the raw embedding times the 512 x 512 matrix that the file ends with, divided by the",
        "embedding's own length.",
        "",
    ]


def _contract(name: str, contract: Contract) -> str:
    if contract.source == "image":
        source = f"image, `{contract.source_template}`, {contract.source_size_px} px, [0, 1]"
    else:
        length = {"unit": "unit length", "raw": "raw", "matrix": "matrix"}[contract.vector]
        source = f"embedding, {length}" + (f", through `{contract.converter}`" if contract.converter else "")
    read = NAMES.get(contract.mean, "ImageNet mean and std")
    written = "[0, 1]" if contract.output_mean == (0.0, 0.0, 0.0) else "x .5 + .5"
    crop = f"`{contract.template}`, {contract.size_px}"
    paper = "" if contract.paper == "none" else contract.paper
    return f"| `{name}` | {paper} | {contract.licence} | {crop} | {read} | {source} | {written} |"


def _stages() -> list[str]:
    return [
        "## Masks and enhancers",
        "",
        "Stages of the finish in the place of ours, or after them: `--occluder`, `--parser`, `--enhancer`. Without a template a network",
        "reads the swapper's own crop.",
        "",
        "| name | paper | licence | chosen as | template, px | in | out |",
        "|---|---|---|---|---|---|---|",
        *(_stage(name, contract) for name, contract in stage_contracts().items()),
        "",
    ]


def _stage(name: str, contract: StageContract) -> str:
    chosen = {"occluder": "`--occluder`", "parser": "`--occluder`, `--parser`", "enhancer": "`--enhancer`"}[
        contract.role
    ]
    crop = f"`{contract.template}`, {contract.size_px}" if contract.template else f"the swapper's, {contract.size_px}"
    read = NAMES.get(contract.mean, "ImageNet mean and std") + (", blue first" if contract.order == "bgr" else "")
    given = {
        "visible": "visible face, blurred by 5 px, upper half stretched",
        "labels": "19 classes; the chosen ones blurred by 5 px, upper half stretched",
        "face": "x .5 + .5",
    }[contract.output]
    taken = " and `weight`" if contract.fidelity else ""
    return f"| `{name}` | {contract.paper} | {contract.licence} | {chosen} | {crop} | {read}{taken} | {given} |"


def _other() -> list[str]:
    rows = [item for item in PUBLISHED.values() if item.kind != "swapper" and item.name not in stage_contracts()]
    return [
        "## What else can be fetched",
        "",
        "| name | what for | licence | known by |",
        "|---|---|---|---|",
        *(f"| `{item.name}` | {item.about} | {item.licence} | {_known_by(item)} |" for item in rows),
        "",
    ]


def _known_by(item: Published) -> str:
    return f"{item.digest} published beside it; SHA-256 pinned at the first download" if item.crc32 else item.digest


def _terms() -> list[str]:
    rows = []
    for name in contracts():
        listed = "; ".join(
            f"{licence}: {', '.join(f'`{n}`' for n in names)}" for licence, names in terms_of(name).items()
        )
        rows.append(f"| `{name}` | {listed} |")
    return [
        "## Licences that apply together",
        "",
        "A method runs with its recogniser and converter, so the terms of all of them hold. What that means for a public page:",
        "[which methods a host may offer](how-to/host_other_methods.md).",
        "",
        "| method | licences of what runs |",
        "|---|---|",
        *rows,
    ]


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    print(PAGE)
