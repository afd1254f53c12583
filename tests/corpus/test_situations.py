"""Every situation of the corpus on the command line: what comes out is what the row, and so the page of the docs, says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.cli import main
from mobilefaceswap_core.files.media import open_media
from mobilefaceswap_core.video.reader import open_clip

from .clips import COUNT, is_upright, number_of
from .page import PAGE, page
from .parts import OPTIONS, paint_share, source_photo
from .situations import SITUATIONS, Situation

IDS = [f"{row.group}: {row.gives}" for row in SITUATIONS]


def test_there_are_more_than_150_and_no_two_are_the_same() -> None:
    assert len(SITUATIONS) >= 150
    assert len(set(IDS)) == len(IDS)


def test_the_page_of_the_docs_says_what_the_rows_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: python -m tests.corpus page"


def run(row: Situation, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    source = source_photo(folder)
    try:
        row.make(folder / "in" / row.name)
    except (av.codec.codec.UnknownCodecError, KeyError) as missing:
        pytest.skip(f"nothing here can write this: {missing}")
    fast = ("--preset", "ultrafast", "--crf", "10") if row.command == "video" else ()
    with pytest.raises(SystemExit) as left:
        main([row.command, "--source", str(source), f"--target={folder / 'in' / row.name}",
              f"--out={folder / 'out' / row.out}", *OPTIONS, *fast, *row.options, "--json"])  # fmt: skip
    return int(left.value.code or 0), json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("row", SITUATIONS, ids=IDS)
def test_a_situation_comes_out_as_its_row_says(
    row: Situation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = run(row, tmp_path, capsys)
    result = tmp_path / "out" / row.out
    if row.refused:
        message = printed["error"]["message"]
        assert code == row.code and row.refused in message and "mfs-part" not in message, message
        assert not list((tmp_path / "out").iterdir())
        return
    assert code == 0, printed
    notes = [note for note in printed["notes"] if "could not be added" not in note]
    for word in row.notes:
        assert any(word in note for note in notes), (word, notes)
    expected = {*row.notes, *(_tags_of(notes) if row.group in ("Sound", "Time") else ())}
    assert len(notes) <= len(expected) + ("place for the tags" in " ".join(notes)), notes
    if row.command == "image":
        _check_photo(row, result)
    elif result.is_dir():
        _check_pictures(row, [np.asarray(PillowImage.open(file).convert("RGB")) for file in sorted(result.iterdir())])
    elif result.suffix in (".gif", ".webp", ".apng"):
        clip = open_clip(result)
        _check_pictures(row, [picture.rgb() for picture in clip.pictures()])
        clip.close()
    else:
        _check_clip(row, result)
    for fact, holds in row.kept.items():
        assert holds(tmp_path / "in" / row.name, result), fact


def _tags_of(notes: list[str]) -> list[str]:
    return [note for note in notes if "does not keep" in note]


def _check_photo(row: Situation, result: Path) -> None:
    with PillowImage.open(result) as opened:
        assert opened.getexif().get(0x0112, 1) == 1
        pixels = np.asarray(opened.convert("RGB"))
    assert (pixels.shape[1], pixels.shape[0]) == row.size
    _check_pictures(row, [pixels])


def _check_pictures(row: Situation, pictures: list[Any]) -> None:
    assert len(pictures) == row.frames or (row.frames < 0 and 2 < len(pictures) < COUNT), len(pictures)
    assert all((p.shape[1], p.shape[0]) == row.size for p in pictures)
    if not row.in_order:
        return
    assert all(is_upright(p) for p in pictures)
    assert [number_of(p) for p in pictures] == [(row.first + n) % COUNT for n in range(len(pictures))]
    assert all(paint_share(p) > 0.03 for p in pictures)


def _check_clip(row: Situation, result: Path) -> None:
    with open_media(result) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        sounds = [s for s in container.streams if s.type == "audio"]
        rate, length = stream.average_rate, frames[-1].time - frames[0].time
        names = tuple(s.codec_context.codec.canonical_name for s in sounds)
        starts = [float(s.start_time * s.time_base) for s in sounds]
    _check_pictures(row, [frame.to_ndarray(format="rgb24") for frame in frames])
    assert frames[0].rotation == 0
    assert names == row.sound
    step = 1 / float(row.rate or 25)
    if row.rate is not None:
        if rate is not None and len(frames) > 1:
            assert abs(float(rate / row.rate) - 1) < 0.01, rate
        assert abs(length - (len(frames) - 1) * step) < step / 2
    if row.seconds is not None:
        assert abs(length - row.seconds) < step
    for start in starts:
        assert abs(start - frames[0].time - row.sound_late_s) <= step + 0.005, (start, frames[0].time)
