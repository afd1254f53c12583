"""What a visitor chose about a swap, as the core takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.options import SwapOptions, offered, swap_options
from mobilefaceswap_core.weights.published import COMMAND


def wished(choices: Mapping[str, Any]) -> SwapOptions:
    """Options of a visitor's swap.

    Args:
        choices: values by the names of :data:`~mobilefaceswap_core.choices.CHOICES`.

    Raises:
        OptionError: a value that is none, or a network that this host has not fetched; nothing is fetched here, and the
            message does not say where the host keeps its files, as the core's own does.
    """
    for choice in CHOICES:
        name, here = choices.get(choice.name), offered(choice)
        if name in choice.names and name not in here:
            raise OptionError(
                f"The {choice.name} {name} is not available here; choose {', '.join(here)}. Whoever runs this page gets it with "
                f"`{COMMAND} {name}`."
            )
    return swap_options(choices)
