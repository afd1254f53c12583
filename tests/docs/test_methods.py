"""The page of methods is what the tables say."""

from __future__ import annotations

import runpy

from mobilefaceswap_core.teachers.contracts import contracts

from .pages import DOCS

PROGRAM = runpy.run_path(str(DOCS / "methods.py"))  # by its path: other packages are called docs too


def test_the_page_of_methods_is_the_one_that_the_tables_give() -> None:
    assert PROGRAM["PAGE"].read_text(encoding="utf-8") == PROGRAM["text"](), "run `python -m docs.methods`"


def test_the_terms_of_a_method_are_those_of_everything_that_runs() -> None:
    terms_of = PROGRAM["terms_of"]
    assert terms_of("ghost_1_256") == {
        "Apache-2.0": ["ghost_1_256"],
        "unknown": ["crossface_ghost"],
        "non-commercial": ["arcface_w600k_r50"],
    }
    assert terms_of("blendswap_256") == {"non-commercial": ["blendswap_256"]}
    assert all(terms_of(name) for name in contracts())
