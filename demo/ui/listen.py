"""Where what is shown and what answers meet: values go in and out of a handler by the names of components.

A handler is a function ``(services, visit, *, name, ...)``. Its keywords are the values of the components that have these
names in the tab, a mapping where the tab has a mapping of components, and ``consented`` is the visit's answer. It returns, or yields step by step, what is new by name; what it
leaves out stays as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import gradio as gr

from ..messages import Visit, spoken_error
from ..work.services import Services
from .context import Context

# A result goes with what it was made of. In the browser, so that it cannot arrive after the next result; what is
# hidden loses its file too, and comes back with the next one.
_FORGET = """() => [%s]"""
_NOTHING, _HIDDEN = "null", "{__type__: 'update', visible: false}"
_BACK = "{__type__: 'update', value: null, visible: true}"
Changes = Mapping[str, Any]
_GIVEN = 2  # services and visit


def listen(
    event: Callable[..., Any], handler: Callable[..., Any], context: Context, tab: Any, outputs: Sequence[str] = (), **options: Any
) -> Any:  # fmt: skip
    """Have a handler answer an event.

    Args:
        event: Gradio's, such as ``button.click``.
        handler: as described above.
        context: of the page.
        tab: dataclass of its components.
        outputs: names of the components that the handler may change.
        options: more of Gradio's event options.

    Returns:
        Gradio's event.

    Raises:
        KeyError: the handler takes or changes something that the tab does not show.
    """
    shown = {field.name: getattr(tab, field.name) for field in fields(tab)} | {"consented": context.consent}
    inputs = [*inspect.signature(handler).parameters][_GIVEN:]
    groups = {name: tuple(shown[name]) for name in inputs if isinstance(shown[name], Mapping)}
    answer = answering(handler, context.services, inputs, {name: shown[name] for name in outputs}, groups)
    wiring: dict[str, Any] = {"api_visibility": "private", **options}
    given = [each for name in inputs for each in (shown[name].values() if name in groups else [shown[name]])]
    return event(answer, given, [shown[name] for name in outputs], **wiring)


def once_seen(where: str, then: str) -> str:
    """JavaScript that does something to an element as soon as it is seen; a busy browser draws an answer later than it tells it.

    Args:
        where: CSS selector of the element.
        then: JavaScript, a function of it.
    """
    return f"""() => {{
    const look = left => {{
        const found = document.querySelector('{where}');
        if (found && found.checkVisibility()) ({then})(found);
        else if (left > 0) setTimeout(look, 100, left - 1);
    }};
    setTimeout(look, 100, 100);
}}"""


def forget(
    events: Sequence[Callable[..., Any]], emptied: Sequence[Any], hidden: Sequence[Any] = (), back: Sequence[Any] = ()
) -> None:
    """Have results go when what they were made of changes.

    Args:
        events: Gradio's, such as ``image.change``.
        emptied: components that stay, without their content.
        hidden: components that are seen only with a result.
        back: components that are seen, empty, only without one.
    """
    script = _FORGET % ", ".join([*[_NOTHING] * len(emptied), *[_HIDDEN] * len(hidden), *[_BACK] * len(back)])
    for event in events:
        event(None, None, [*emptied, *hidden, *back], js=script, api_visibility="private")


def answering(
    handler: Callable[..., Any],
    services: Services,
    inputs: Sequence[str],
    outputs: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Callable[..., Any]:
    """A handler as Gradio calls it: values in order, a request, and errors in the visitor's words.

    Args:
        inputs: names of the handler's keywords, in order.
        outputs: components by name.
        groups: names in each keyword whose value is a mapping; its values come one after another.
    """

    def named(values: Sequence[Any]) -> dict[str, Any]:
        left = iter(values)
        return {name: {each: next(left) for each in groups[name]} if name in groups else next(left) for name in inputs}

    def changed(values: Changes) -> Any:
        if not outputs:
            return None
        return {outputs[name]: value for name, value in values.items()} or gr.skip()

    def steps(request: gr.Request, *values: Any) -> Iterator[Any]:
        visit = Visit.of(request)
        try:
            with closing(handler(services, visit, **named(values))) as answers:
                for answer in answers:
                    yield changed(answer)
        except Exception as error:
            if "progress" in outputs:
                yield changed({"progress": ""})  # nothing goes on any more
            raise spoken_error(error, handler.__name__, visit.language) from error

    def once(request: gr.Request, *values: Any) -> Any:
        visit = Visit.of(request)
        try:
            return changed(handler(services, visit, **named(values)) or {})
        except Exception as error:
            raise spoken_error(error, handler.__name__, visit.language) from error

    answer = steps if inspect.isgeneratorfunction(handler) else once
    # Gradio names the event after it; with the tab's name it takes none of the endpoints' names.
    answer.__name__ = f"{handler.__module__.rpartition('.')[2]}_{handler.__name__}"
    return answer
