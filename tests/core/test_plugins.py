"""Swappers and detectors of other packages: by entry point, and as ``module:factory``."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from mobilefaceswap_core import plugins
from mobilefaceswap_core.detect import DetectorInfo, available_detectors, load_detector
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.models import available_swappers, entries, load_swapper
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import CropSpec


class Keeps:
    """A swapper that returns the target."""

    def __init__(self, **given) -> None:
        self.given = given
        self.info = SwapperInfo("keeps", "returns the target", CropSpec(112), "none", "tests")

    def condition(self, sources):
        return None

    def swap(self, targets, conditions):
        return []


class Blind:
    """A detector that finds nothing."""

    def __init__(self, fast=False) -> None:
        self.info = DetectorInfo("blind", "finds nothing", "cpu", "none", reason=f"fast={fast}")

    def detect(self, image, *, order="left_to_right"):
        return []

    def landmarks(self, image, face):
        return np.zeros((68, 2))


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("of_another_package")
    made.keeps = lambda device, threads=None: Keeps(device=device, threads=threads)
    made.Blind, made.seven, made.number = Blind, lambda: 7, 7
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.fixture
def register(monkeypatch):
    """``register(group, name, value)`` as if an installed package did."""
    known: list[EntryPoint] = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: [e for e in known if e.group == group])
    return lambda group, name, value: known.append(EntryPoint(name, value, group))


def test_a_factory_is_a_model_wherever_a_name_is_and_gets_the_arguments_it_takes(module) -> None:
    swapper = load_swapper("of_another_package:keeps", device="cpu", threads=3)
    assert swapper.info.name == "keeps" and swapper.given["threads"] == 3
    assert str(swapper.given["device"]) == "cpu"


def test_a_registered_swapper_is_listed_present_and_loaded_by_name(module, register) -> None:
    register(plugins.SWAPPERS, "keeps", "of_another_package:keeps")
    assert "keeps" in available_swappers() and entries()["keeps"].about == "from the package of_another_package"
    assert load_swapper("keeps", device="cpu").info.title == "returns the target"


def test_a_registered_detector_is_listed_and_loaded_by_name_and_auto_stays_what_it_was(module, register) -> None:
    before = load_detector("auto").info
    register(plugins.DETECTORS, "blind", "of_another_package:Blind")
    assert available_detectors()["blind"] == ""
    assert load_detector("blind", fast=True).info.reason == "fast=True"
    assert load_detector("of_another_package:Blind").detect(np.zeros((8, 8, 3), np.uint8)) == []
    assert load_detector("auto").info == before


@pytest.mark.parametrize(
    ("group", "name", "act"),
    [(plugins.SWAPPERS, "student", entries), (plugins.DETECTORS, "auto", available_detectors)],
)
def test_a_name_that_is_in_use_is_refused_and_the_package_named(register, group, name, act) -> None:
    register(group, name, "of_another_package:keeps")
    with pytest.raises(OptionError, match=f"of_another_package registers '{name}'"):
        act()


def test_two_packages_may_not_register_one_name(register) -> None:
    register(plugins.SWAPPERS, "mine", "first:load")
    register(plugins.SWAPPERS, "mine", "second:load")
    with pytest.raises(OptionError, match="second registers 'mine'"):
        entries()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("no_such_module:load", "cannot be imported"),
        ("of_another_package:absent", "cannot be imported"),
        ("of_another_package:number", "is a int; wanted a function that returns a Swapper"),
        ("of_another_package:seven", "returned a int; wanted a Swapper with condition, info, swap"),
    ],
)
def test_what_is_no_swapper_is_refused_with_what_was_wanted(module, reference, said) -> None:
    with pytest.raises(OptionError, match=said):
        load_swapper(reference, device="cpu")
