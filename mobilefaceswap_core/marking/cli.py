"""``verify FILE [--json]``, without a command-line framework, so that scripts can call it too."""

from __future__ import annotations

import json
import os
import sys

from ..errors import SwapError
from .verify import verify_file

UNMARKED = 11  # exit status: readable, and no layer says that faces were swapped


def verify_main(path: str | os.PathLike[str], json_output: bool = False) -> int:
    """Print what a file's marks say.

    Returns:
        0 marked, 11 not marked, else the error's own status.
    """
    try:
        report = verify_file(path)
    except SwapError as error:
        if json_output:
            print(json.dumps({"path": str(path), "error": str(error)}))
        else:
            print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(report.to_json(), indent=2) if json_output else "\n".join(report.lines()))
    return 0 if report.marked else UNMARKED
