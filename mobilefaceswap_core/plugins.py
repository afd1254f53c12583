"""Swappers, detectors, metrics and judges of other packages: found by entry point, or named as ``module:attribute``.

A package registers what it brings in its own ``pyproject.toml``; nothing here is edited:

.. code-block:: toml

    [project.entry-points."mobilefaceswap.swappers"]
    mine = "my_package.swap:load"

The name then works wherever a name of this project does. ``my_package.swap:load`` itself works in the same places without
any registration, for code that is not installed. Both run the module's code: names that come from a visitor must be compared
with the known ones first, as the demo does.
"""

from __future__ import annotations

import importlib
import inspect
import re
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import OptionError

SWAPPERS = "mobilefaceswap.swappers"
DETECTORS = "mobilefaceswap.detectors"
METRICS = "mobilefaceswap.metrics"
JUDGES = "mobilefaceswap.judges"


def registered(group: str, *, taken: frozenset[str] = frozenset()) -> dict[str, EntryPoint]:
    """What installed packages register in a group, by name; imports none of them.

    Args:
        group: one of the constants of this module.
        taken: names this project uses itself.

    Raises:
        OptionError: a name is taken, or two packages register the same one.
    """
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        if entry.name in taken or (entry.name in found and found[entry.name].value != entry.value):
            raise OptionError(
                f"The package {package_of(entry)} registers {entry.name!r} in {group}, a name that is already in use; "
                "uninstall it, or rename its entry point."
            )
        found[entry.name] = entry
    return found


def package_of(entry: EntryPoint) -> str:
    """Name of the package that an entry point comes from."""
    return entry.dist.name if entry.dist is not None else entry.module


def is_reference(name: str) -> bool:
    """Whether a name has the form ``module:attribute``.

    >>> is_reference("my_package.swap:load"), is_reference("student"), is_reference("C:/weights.onnx")
    (True, False, False)
    """
    return re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", name) is not None


def load_reference(reference: str) -> Any:
    """Import what ``module:attribute`` names.

    Raises:
        OptionError: the module cannot be imported, or has no such attribute.
    """
    module, _, attribute = reference.partition(":")
    try:
        value: Any = importlib.import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise OptionError(
            f"{reference} cannot be imported ({error}); check the spelling, and that the module is installed or on PYTHONPATH."
        ) from error
    return value


def make(reference: str, kind: type, **offered: Any) -> Any:
    """Call the factory that ``module:attribute`` names with those of the offered arguments that it takes.

    Args:
        reference: a function or class.
        kind: runtime-checkable protocol that the result must have.
        offered: keyword arguments, such as ``device``.

    Raises:
        OptionError: it cannot be imported or called, or returns something else.
    """
    factory = load_reference(reference)
    if not callable(factory):
        raise OptionError(
            f"{reference} is a {type(factory).__name__}; wanted a function that returns a {kind.__name__}."
        )
    known = inspect.signature(factory).parameters
    everything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    made = factory(**{name: value for name, value in offered.items() if everything or name in known})
    if not isinstance(made, kind):
        wanted = ", ".join(sorted(name for name in vars(kind) if not name.startswith("_")))
        raise OptionError(f"{reference} returned a {type(made).__name__}; wanted a {kind.__name__} with {wanted}.")
    return made
