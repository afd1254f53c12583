"""The site is built without network and without a warning, and says what the programs say."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest

import mobilefaceswap_core
from demo.settings import PREFIX, Settings

from .pages import DOCS, ROOT, documents, name_of

FIGURES = ("idn_overview", "idn_kernels", "idn_variation", "idn_masks", "idn_cost")
PAGE = DOCS / "explanation" / "how_the_idn_works.md"


def run(*words: str) -> str:
    blocked = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment = {**os.environ, **blocked, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def site(made_once, tmp_path_factory) -> Path:
    if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_parser", "furo")):
        pytest.skip("needs sphinx, myst-parser and furo: pip install -r requirements-dev.txt")
    trees = str(tmp_path_factory.mktemp("doctrees"))
    build = ("sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", trees, "docs")
    return made_once("site", lambda folder: run(*build, str(folder)))


def text_of(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_page_is_built_and_has_words(site: Path) -> None:
    for path in DOCS.rglob("*.md"):
        if "generated" not in path.parts:
            assert len(text_of(site / path.relative_to(DOCS).with_suffix(".html")).split()) > 80, name_of(path)


@pytest.mark.slow
def test_the_pages_of_the_programs_name_their_commands_and_options(site: Path) -> None:
    core = text_of(site / "generated" / "commands_mobilefaceswap_core.html")
    assert all(
        f"python -m mobilefaceswap_core {name}" in core for name in ("image", "video", "export", "doctor", "bench")
    )
    assert "--i-have-consent" in core and "--metrics" in text_of(site / "generated" / "commands_eval.html")
    assert "--count-only" in text_of(site / "generated" / "commands_eval_cost.html")
    assert "--minutes" in text_of(site / "generated" / "commands_training.html")


@pytest.mark.slow
def test_the_api_comes_from_the_docstrings(site: Path) -> None:
    swapping = text_of(site / "reference" / "api" / "swapping.html")
    assert "Pixels that" in swapping or "pixels outside the swapped faces are those of the target" in swapping
    assert "exit_code" in text_of(site / "reference" / "errors.html")
    assert 'href="../reference/api/student.html#mobilefaceswap_core.student.idn.Idn"' in (
        site / "explanation" / "how_the_idn_works.html"
    ).read_text(encoding="utf-8")


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|link)[^>]+(?:src|href)=\"(https?:[^\"]+)", page.read_text(encoding="utf-8")
        )
        assert not loaded, f"{page.name}: {loaded}"


@pytest.mark.slow
def test_the_explanation_quotes_what_its_figures_print(tmp_path: Path) -> None:
    printed = run("docs.figures", "--out", str(tmp_path))
    assert {path.stem for path in tmp_path.glob("*.webp")} == set(FIGURES)
    text = PAGE.read_text(encoding="utf-8")
    spread = {name: float(value) for name, value in re.findall(r"^(\w+\.\d) +([\d.]+)$", printed, re.MULTILINE)}
    kernels = r"depthwise kernels differ by ([\d.]+?)(?: to ([\d.]+))?, the decoder's pointwise ones by ([\d.]+) to ([\d.]+)\."
    said = re.search(kernels, text.replace("\n", " "))
    assert said is not None
    quoted = [float(value or said[1]) for value in said.groups()]
    encoder = [value for name, value in spread.items() if name.startswith("encoder_depthwise")]
    decoder = [value for name, value in spread.items() if name.startswith("decoder_pointwise")]
    assert quoted == pytest.approx([min(encoder), max(encoder), min(decoder), max(decoder)], abs=0.011), (
        "other weights, other kernels: run `python -m docs.figures`, look at the figures, and update the page"
    )
    masks = re.search(r"differ by ([\d.]+) between two sources, by ([\d.]+) between two targets", printed)
    said = re.search(r"two sources it changes by ([\d.]+) on average, between two targets by ([\d.]+),", text)
    assert masks is not None and said is not None
    assert [float(v) for v in said.groups()] == pytest.approx([float(v) for v in masks.groups()], abs=0.002)
    for part, millions in re.findall(r"^(\w+) +([\d.]+) M multiply-adds", printed, re.MULTILINE):
        assert re.search(rf"{part}\s+{re.escape(millions)}\s+M", text, re.IGNORECASE), part


def test_every_module_of_the_core_stands_on_a_page_of_the_reference() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").rglob("*.md"))
    listed = re.findall(r"^\.\. automodule:: (mobilefaceswap_core[\w.]*)$", text, re.MULTILINE)
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "mobilefaceswap_core").rglob("*.py")
        if path.stem != "__main__" and "cli" not in path.relative_to(ROOT).with_suffix("").parts  # commands have pages
    }
    assert sorted(set(listed)) == sorted(listed), "listed twice"
    assert set(listed) - modules == set(), "gone"
    packages = {name for name in modules if (ROOT / name.replace(".", "/")).is_dir()}
    assert modules - packages - set(listed) == set(), "on no page"


def test_the_reference_names_what_the_package_offers() -> None:
    table = re.findall(
        r"^\| [\w ]+ \| (`.+`) \|$", (DOCS / "reference/api/index.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(re.findall(r"`(\w+)`", " ".join(table))) == sorted(mobilefaceswap_core.__all__)


def test_settings_are_listed_where_the_reference_says() -> None:
    demo, settings = ((DOCS / name).read_text(encoding="utf-8") for name in ("demo.md", "reference/settings.md"))
    assert all(f"`{PREFIX}{field.name.upper()}`" in demo for field in fields(Settings))
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("mobilefaceswap_core", "eval", "demo", "tests")
        for path in (ROOT / package).rglob("*.py")
    )
    variables = set(re.findall(r"[\"'](MOBILEFACESWAP_[A-Z_]+[A-Z])[\"']", code))
    assert len(variables) >= 6
    assert {name for name in variables if f"`{name}`" not in settings} == set()
    assert set(re.findall(r"`(MOBILEFACESWAP_[A-Z_]+)`", settings)) <= variables | {"MOBILEFACESWAP_REPOSITORY"}


@pytest.mark.parametrize("path", [p for p in documents() if p.name != "CHANGELOG.md"], ids=name_of)
def test_a_page_has_one_title_and_no_level_is_left_out(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    if not levels:
        assert "{include}" in path.read_text(encoding="utf-8")
        return
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
