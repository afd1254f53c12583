"""How faces and people are counted: from 1 wherever people read or write, from 0 inside Python.

A *number*, from 1, stands in messages, labels, reports as JSON, file names and on the command line: faces of a picture
from left to right, people of a clip by how often they are seen. An *index*, from 0, stands in Python: lists, mappings,
options. The two functions here are the only way from one to the other.

>>> number_of(0), index_of(1)
(1, 0)
"""

from __future__ import annotations

from ..errors import OptionError

FACES_COUNT = "counted from 1, left to right; in Python from 0"
PEOPLE_COUNT = "counted from 1, the one seen most first; in Python from 0"


def number_of(index: int) -> int:
    """What people call the face or person that Python calls ``index``."""
    return index + 1


def index_of(number: int, where: str = "A number", *, what: str = "face") -> int:
    """What Python calls the face or person that people call ``number``.

    Args:
        number: from 1.
        where: what the number was given to, such as ``--face``; the message begins with it.
        what: is counted: ``face`` or ``person``.

    Raises:
        OptionError: below 1.
    """
    if number < 1:
        raise OptionError(
            f"{where}: got {number}, wanted a {what} number from 1: the first {what} is 1, the second is 2."
        )
    return number - 1
