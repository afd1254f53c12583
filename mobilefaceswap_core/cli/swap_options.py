"""The options of every command that swaps, made from the one table of choices."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..choices import CHOICES, Choice

_TYPES: dict[str, Any] = {
    "parts": list[str],
    "box": tuple[float, float, float, float],
    "number": float,
    "switch": bool,
    "name": str,
}


def with_swap_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each of :data:`~mobilefaceswap_core.choices.CHOICES`.

    The command itself takes what was chosen as one value, its keyword ``swap``:
    :class:`~mobilefaceswap_core.options.SwapOptions`.
    """

    def run(**values: Any) -> None:
        from ..options import swap_options

        chosen = {choice.name: values.pop(choice.name) for choice in CHOICES}
        command(**values, swap=swap_options(chosen))

    command.__annotations__.pop("swap")  # its type is for checkers; loading it here would make --help load OpenCV
    own = inspect.signature(command, eval_str=True).parameters.values()
    shown = [parameter for parameter in own if parameter.name != "swap"] + [_parameter(choice) for choice in CHOICES]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return run


def _parameter(choice: Choice) -> inspect.Parameter:
    default = choice.default or (False if choice.kind == "switch" else None)
    kind = _TYPES[choice.kind] if choice.kind == "switch" else _TYPES[choice.kind] | None
    flag = "--" + choice.name.replace("_", "-")
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if choice.kind == "switch" and choice.default else flag,
        metavar=choice.metavar,
        help=choice.help + (" Repeat for more." if choice.kind == "parts" else ""),
        show_default=bool(default) and choice.kind in ("number", "name"),
        min=choice.low if choice.kind == "number" else None,
        max=choice.high if choice.kind == "number" else None,
    )
    # Keyword-only, as the commands' own parameters without a default come first.
    return inspect.Parameter(
        choice.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )
