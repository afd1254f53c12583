"""What every method is to the workbench: a card, and a way from a pair to an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from mobilefaceswap_core.types import Image

from .images import ImageReader
from .pairs import Pair
from .units import Moment

# Reference rows change no face: never ranked against methods.
REFERENCE_METHODS = {
    "target": "Target, no swap (lower bound)",
    "target-jpeg": "Target shifted by half a pixel, as JPEG 75 (noise floor)",
    "source-paste": "Source crop pasted in (upper bound of identity)",
}


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What a table says about a method.

    Attributes:
        name: label of the row and name of its folder.
        title: one line for people.
        reference: whether it is a reference row.
        details: licence, weights, device, what was chosen about its swaps and the like, for the footer.
    """

    name: str
    title: str
    reference: bool = False
    details: dict[str, Any] = field(default_factory=dict)


class Method(Protocol):
    """Turns a pair into an image.

    Attributes:
        remembers: whether a frame of a clip depends on those before it.
    """

    @property
    def info(self) -> MethodInfo: ...

    @property
    def remembers(self) -> bool: ...

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        """The swapped image, as large as the target.

        Args:
            moment: when the target is shown, where it is to be swapped as a frame of its clip. The frames come in order.

        Raises:
            SwapError: when there is none; the message becomes the record.
        """
        ...
