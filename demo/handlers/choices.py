"""From the values of a tab's components to the core's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobilefaceswap_core.choices import CHOICES

BOX_SIDES = ("left", "top", "right", "bottom")
_HIGHEST = {choice.name: choice.high for choice in CHOICES if choice.default is None}


def box_name(side: str) -> str:
    """Name of the component of one side of the box."""
    return f"box_{side}"


def chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as :func:`~mobilefaceswap_core.options.swap_options` takes them.

    The four sides of a box become one value, and an angle at its end means no limit.
    """
    box = tuple(float(values.get(box_name(side)) or 0) for side in BOX_SIDES)
    given = {name: value for name, value in values.items() if name not in map(box_name, BOX_SIDES)}
    if given.get("max_yaw") == _HIGHEST["max_yaw"]:
        given["max_yaw"] = None
    return given | {"box": box}
