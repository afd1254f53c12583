"""Which judges could judge here, and on whose terms."""

from __future__ import annotations

import pandas as pd

from mobilefaceswap_core import plugins
from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError

from . import DEFAULT_JUDGES, JUDGES, load_judge

COLUMNS = ("judge", "measures", "title", "licence", "part in training", "here")


def list_judges(more: tuple[str, ...] = (), *, device: str = "cpu") -> pd.DataFrame:
    """Every judge by name, loaded where it can be: title, licence, part in training, or why it is not here.

    Args:
        more: others, as :func:`eval.judges.load_judge` reads them (``onnx:FILE``).
        device: torch device of judges that use torch.

    Returns:
        One row for each, :data:`COLUMNS`.
    """
    names = [*JUDGES, *plugins.registered(plugins.JUDGES, taken=frozenset(JUDGES)), *more]
    return pd.DataFrame([_row(name, device) for name in names], columns=list(COLUMNS))


def _row(name: str, device: str) -> dict[str, str]:
    try:
        info = load_judge(name, device=device).info
    except (BackendError, OptionError, WeightsError) as error:
        return dict.fromkeys(COLUMNS, "") | {"judge": name, "here": f"no: {error}"}
    part = "trained with" if info.used_in_training else "weights chosen by it" if info.selected_on else "none"
    if info.identity_of:
        part = f"gives the identity of {', '.join(info.identity_of)}"
    here = "default" if name in DEFAULT_JUDGES else "yes"
    return {
        "judge": name, "measures": info.kind, "title": info.title, "licence": info.licence or "not stated",
        "part in training": part, "here": here,
    }  # fmt: skip
