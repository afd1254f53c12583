"""Handlers and components meet by name; errors reach visitors in their own words."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from demo.build import build_demo
from demo.endpoints import (
    compare,
    endpoint,
    evaluate_pairs,
    study_answers,
    study_page,
    swap_image,
    swap_video,
    verify_file,
)
from demo.messages import Visit
from demo.ui.listen import answering
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError
from tests.fakes.painted import painted_engine

REQUEST: Any = SimpleNamespace(
    headers={"accept-language": "zh-CN"}, session_hash="me", client=SimpleNamespace(host="::/64")
)


@pytest.fixture(scope="module")
def services() -> Services:
    return Services.of(painted_engine())


def test_values_reach_a_handler_by_name_and_what_it_leaves_out_stays(services: Services) -> None:
    def handler(given: Services, visit: Visit, *, photo: str, number: int) -> dict[str, Any]:
        return {"status": (given is services, visit, photo, number)}

    answer = answering(handler, services, ["photo", "number"], {"status": "the component", "other": "another"})
    assert answer(REQUEST, "a.png", 3) == {"the component": (True, Visit("zh-CN", "me", "::/64"), "a.png", 3)}


def test_nothing_new_leaves_everything_as_it_is(services: Services) -> None:
    answer = answering(lambda *_: {}, services, [], {"status": "the component"})
    assert answer(REQUEST) == gr.skip()


def test_changing_what_is_not_connected_is_an_error_and_not_silence(services: Services) -> None:
    answer = answering(lambda *_: {"stats": 1}, services, [], {"status": "the component"})
    with pytest.raises(gr.Error):
        answer(REQUEST)


@pytest.mark.parametrize(
    ("error", "said"), [(OptionError("No photo was given."), "No photo was given."), (ZeroDivisionError("x"), "我们这边出了问题")]
)  # fmt: skip
@pytest.mark.parametrize("in_steps", [False, True])
def test_errors_are_said_and_surprises_are_not_shown(
    services: Services, error: Exception, said: str, in_steps: bool
) -> None:
    def once(*_: Any) -> dict[str, Any]:
        raise error

    def steps(*_: Any) -> Iterator[dict[str, Any]]:
        yield {}
        raise error

    answer = answering(steps if in_steps else once, services, [], {"status": "the component"})
    with pytest.raises(gr.Error) as shown:
        list(answer(REQUEST)) if in_steps else answer(REQUEST)
    assert said in str(shown.value.message) and shown.value.__cause__ is error


def test_a_bar_stops_with_an_error(services: Services) -> None:
    def steps(*_: Any) -> Iterator[dict[str, Any]]:
        yield {"progress": "Getting ready"}
        raise OptionError("No.")

    answers = answering(steps, services, [], {"progress": "the bar", "status": "the component"})(REQUEST)
    assert next(answers) == {"the bar": "Getting ready"} and next(answers) == {"the bar": ""}
    with pytest.raises(gr.Error):
        next(answers)


def test_a_visitor_who_leaves_closes_the_handler(services: Services) -> None:
    closed = []

    def steps(*_: Any) -> Iterator[dict[str, Any]]:
        try:
            while True:
                yield {"status": 1}
        finally:
            closed.append(True)

    answer = answering(steps, services, [], {"status": "the component"})(REQUEST)
    next(answer)
    answer.close()
    assert closed == [True]


def test_events_of_the_page_take_no_name_of_an_endpoint() -> None:
    engine = painted_engine()
    page, _ = build_demo(engine.settings, engine)
    public = {event.api_name for event in page.fns.values() if event.api_visibility == "public"}
    assert public == {"swap_image", "swap_video", "compare", "verify", "evaluate", "study", "study_score"}


@pytest.mark.parametrize(
    "function", [swap_image, swap_video, compare, evaluate_pairs, study_page, study_answers, verify_file]
)
def test_a_program_sees_its_own_parameters_with_their_kinds(services: Services, function: Any) -> None:
    offered = endpoint(function, services)
    shown = list(inspect.signature(offered).parameters.values())
    assert [each.name for each in shown][-1] == "request" and not {"services", "visit"} & {each.name for each in shown}
    assert all(not isinstance(each.annotation, str) for each in shown)
    before, returns, after = function.__doc__.partition("\n    Returns:")
    assert offered.__doc__.startswith(before.rstrip()) and offered.__doc__.endswith(returns + after)


def test_a_call_without_consent_is_refused_in_the_callers_language(services: Services) -> None:
    with pytest.raises(gr.Error, match="consent"):
        endpoint(swap_image, services)({}, {}, False, "auto", "all", False, None)


def test_functions_of_the_page_fit_a_screen() -> None:
    import importlib

    import demo.handlers
    import demo.work

    packages = (demo.ui, demo.handlers, demo.work)
    modules = [f"{p.__name__}.{m.name}" for p in packages for m in pkgutil.iter_modules(p.__path__)]
    modules += ["demo.build", "demo.endpoints", "demo.settings", "demo.messages"]
    lengths = {
        f"{name}.{function.__name__}": len(inspect.getsourcelines(function)[0])
        for name in modules
        for function in vars(importlib.import_module(name)).values()
        if inspect.isfunction(function) and function.__module__ == name
    }
    assert len(lengths) > 80
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}
