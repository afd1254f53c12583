"""The files that a run is made of, which its folder must not hold: what a run writes there would take their place."""

from __future__ import annotations

from pathlib import Path

from mobilefaceswap_core.errors import OptionError

from .cost.columns import COST_MODES
from .options import RunOptions


def check_inputs(run: Path, options: RunOptions) -> None:
    """Refuse a new run whose folder is the data set's or holds one of the files that it reads.

    Args:
        run: folder of the run to come.
        options: of the run.

    Raises:
        OptionError: naming the option and both paths.
    """
    cost = options.cost if options.cost not in COST_MODES else None
    named = {
        "--identities": options.identities,
        "--pair-file": options.pair_file,
        "--cost": cost,
        "--root": options.root,
    }
    folder = run.resolve()
    for option, value in named.items():
        path = None if value is None else Path(value).expanduser().resolve()
        if path is not None and (path == folder or (path.is_file() and path.is_relative_to(folder))):
            raise OptionError(
                f"{option} {value} lies in the folder of the run, {run}, whose files would take its place. Choose another --out."
            )
