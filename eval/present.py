"""What ``--methods all`` stands for: everything that runs on this machine as it is."""

from __future__ import annotations

from collections.abc import Sequence

ALL = "all"


def with_all(methods: Sequence[str]) -> tuple[str, ...]:
    """The methods with ``all`` written out: the target as it is and as JPEG, and every model that is present, each once.

    Two names may stand for one file (``inswapper`` and ``inswapper_128``); the last of them, which is the published name, stays.
    """
    if ALL not in methods:
        return tuple(methods)
    from mobilefaceswap_core.models import entries

    present = [entry for entry in entries().values() if entry.present]
    by_network = {entry.files[0] if entry.files else entry.name: entry.name for entry in present}
    every = ("target", "target-jpeg", *by_network.values())
    return tuple(dict.fromkeys(name for method in methods for name in (every if method == ALL else (method,))))
