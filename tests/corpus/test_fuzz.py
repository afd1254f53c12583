"""A few of the changes that ``python -m tests.corpus fuzz`` makes, on every seed file, inside the tests' own process."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from .fuzz import SEEDS, attack, mutations

FEW = 4  # of each file; the command makes 200


@pytest.mark.parametrize("name", SEEDS)
def test_a_changed_file_is_read_or_refused_in_our_words(name: str, tmp_path: Path) -> None:
    try:
        found = attack(name, FEW, tmp_path)
    except av.codec.codec.UnknownCodecError as missing:
        pytest.skip(f"nothing here can write this: {missing}")
    assert found["escaped"] == [] and int(str(found["tried"])) > 0


def test_changes_are_the_same_every_time_and_are_changes() -> None:
    data = bytes(range(256)) * 40
    first, again = (list(mutations(data, "x", 30)) for _ in range(2))
    assert first == again and data not in first and len({bytes(c) for c in first}) > 25
