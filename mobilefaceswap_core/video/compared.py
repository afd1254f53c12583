"""A written clip beside the one that it was made from: what of its tags, chapters and tracks is not found again.

Containers differ in what they can say, and muxers drop the rest without a word. So the result is opened and asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files.formats import Format
from ..files.media import open_media
from .clip import Clip
from .copying import Copies, kept_tags, title_of

_HEARD_S = 0.1  # sound this far from its picture is noticed; ITU-R BT.1359 has 45 to 125 ms
_UNKNOWN_LANGUAGE = "und"
_REPLACED = "comment"  # by the statement that faces were swapped


def lacking(clip: Clip, written: Path, row: Format, copies: Copies, *, personal: bool) -> list[str]:
    """What a result lacks of a clip's descriptions, in sentences.

    Args:
        clip: that was read.
        written: the complete result.
        row: its container.
        copies: its streams beside the pictures.
        personal: tags of where and by whom were to be kept.

    Raises:
        VideoError: the result cannot be opened.
    """
    from av.stream import Disposition

    source, notes = clip.container, []
    with open_media(written) as result:
        there = {key.casefold(): value for key, value in result.metadata.items()}
        kept = kept_tags(source.metadata, personal=personal)
        wanted = {key.casefold(): value for key, value in kept.items()}  # Matroska spells them in capitals
        if gone := sorted(wanted.keys() - there.keys()):
            notes.append(f"{row.name} has no place for the tags {', '.join(gone)}; they were left out")
        if _REPLACED in there and _changed(_REPLACED, wanted, there):
            notes.append("the clip's comment made room for the statement that faces were swapped")
        if len(source.chapters()) > len(result.chapters()):
            notes.append(f"{len(source.chapters()) - len(result.chapters())} chapters were left out")
        found = list(result.streams)
        copied = [source.streams[index] for index in copies.streams]
        for stream in copied[max(0, len(found) - 1) :]:
            notes.append(f"stream {stream.index} ({stream.type}) holds nothing that could be copied")
        kinds = Counter(stream.type for stream in [clip.stream, *copied])
        for before, after in zip([clip.stream, *copied], found, strict=False):
            lost = ["title"] if title_of(before) not in ("", title_of(after)) else []
            lost += ["language"] if _changed("language", before.metadata, after.metadata) else []
            flags = before.disposition & ~after.disposition
            if flags & ~Disposition.default or (flags and kinds[before.type] > 1):  # the only track is the default one
                lost.append("disposition")
            if (
                before.type == "audio"
                and (early := _early_s(found[0], after, copies.first_s.get(before.index))) is not None
            ):
                way = "earlier" if early > 0 else "later"
                notes.append(f"the sound of stream {before.index} begins {abs(early):.2f} s {way} than in the clip")
            if lost:
                notes.append(
                    f"{row.name} does not keep the {' and '.join(lost)} of stream {before.index} ({before.type})"
                )
    return notes


def _early_s(pictures: Any, sound: Any, wanted_s: float | None) -> float | None:
    """By how much a track of sound begins too early in a result; ``None`` where nobody hears it."""
    if wanted_s is None or pictures.start_time is None or sound.start_time is None:
        return None
    begins_s = float(sound.start_time * sound.time_base - pictures.start_time * pictures.time_base)
    early = max(wanted_s, 0.0) - max(begins_s, 0.0)
    return early if abs(early) > _HEARD_S else None


def _changed(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return before.get(key, _UNKNOWN_LANGUAGE) not in (_UNKNOWN_LANGUAGE, "", after.get(key))
