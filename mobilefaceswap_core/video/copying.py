"""Streams of a clip that go into the result as they are: sound, subtitles, attachments and data.

What a container can hold is asked of its muxer, by writing some packets of the stream and reading them back: tables of
codecs say less, and some muxers take what no player finds again.
"""

from __future__ import annotations

import collections
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..errors import VideoError
from ..files.formats import Format
from ..files.media import open_bytes, open_media
from .clip import Clip

_TRIAL_PACKETS = 48  # of each stream: about a second of sound
_TRIAL_BYTES = 32 << 20  # of the file that are read for them at most
# What FFmpeg tells of a container, which the result's own does not share.
_OF_THE_CONTAINER = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id")
_PERSONAL = ("location", "gps", "artist", "author", "owner")  # in tags' names


@dataclass(slots=True)
class Copies:
    """Streams that are copied, and what cannot be.

    Attributes:
        streams: of the result by index of the clip's.
        notes: what was left out, and why.
        first_s: by index, when the first packet that was copied is shown in the result, in seconds.
    """

    streams: dict[int, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    first_s: dict[int, float] = field(default_factory=dict)
    _pending: collections.deque[Any] = field(default_factory=collections.deque)
    _last_dts: dict[int, int] = field(default_factory=dict)

    def open(self, clip: Clip, out: Any, row: Format, *, sound: bool = True) -> None:
        """Add to a container what it can hold of a clip's other streams, with their titles, languages and dispositions.

        Args:
            clip: that is read.
            out: PyAV's container.
            row: its format.
            sound: copy the clip's sound too; left out on request, it needs no note.
        """
        from av.stream import Discard

        everything = Discard.all  # of a stream that only names chapters, which are copied as such
        others = [s for s in clip.container.streams if s.index != clip.stream.index and s.discard != everything]
        others = [s for s in others if sound or s.type != "audio"]
        samples = _samples(clip, others) if others else {}
        for stream in others:
            if reason := _refusal(stream, samples.get(stream.index, ()), row):
                self.notes.append(f"stream {stream.index} ({_about(stream)}) was left out: {reason}")
                continue
            copy = out.add_stream_from_template(stream)
            copy.metadata.update(kept_tags(stream.metadata))
            if title := title_of(stream):
                copy.metadata["title"] = title
            copy.disposition = stream.disposition
            self.streams[stream.index] = copy

    def take(self, packet: Any) -> None:
        """Keep a packet until its time comes."""
        self._pending.append(packet)

    def write(self, out: Any, start_s: Fraction, until_s: float | None, *, skip_before: bool = False) -> None:
        """Write packets up to a time; all of them with ``None``.

        Args:
            out: PyAV's container.
            start_s: what everything is moved by.
            until_s: on the clip's clock.
            skip_before: leave out what comes before the first picture's time, an encoder's running-up, where a container
                has no negative times and would move everything else.
        """
        while self._pending:
            packet = self._pending[0]
            time = packet.dts if packet.dts is not None else packet.pts
            if until_s is not None and time is not None and float(time * packet.time_base) > until_s:
                return
            self._pending.popleft()
            stream = self.streams.get(packet.stream.index)
            if stream is None or time is None:
                continue
            if skip_before and float(time * packet.time_base - start_s) < 0:
                continue
            shift = round(start_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = time - shift
            if stream.type == "audio" and packet.dts <= self._last_dts.get(stream.index, packet.dts - 1):
                continue  # a muxer refuses it, and with it the whole clip
            self._last_dts[stream.index] = packet.dts
            self.first_s.setdefault(packet.stream.index, float((packet.pts or packet.dts) * packet.time_base))
            packet.stream = stream
            out.mux_one(packet)


def kept_tags(tags: Mapping[str, str], *, personal: bool = True) -> dict[str, str]:
    """Tags of a clip or stream that the result carries too.

    Args:
        tags: as the clip has them.
        personal: keep where and by whom it was taken.
    """
    return {
        key: value
        for key, value in tags.items()
        if key.casefold() not in _OF_THE_CONTAINER and (personal or not is_personal(key))
    }


def title_of(stream: Any) -> str:
    """A track's title; MP4 calls it a name."""
    return str(stream.metadata.get("title") or stream.metadata.get("name") or "")


def is_personal(key: str) -> bool:
    """Whether a tag says where, or by whom, a clip was taken."""
    return any(word in key.lower() for word in _PERSONAL)


def _refusal(stream: Any, packets: Sequence[Any], row: Format) -> str:
    """Why a stream is not copied; empty if it is."""
    import av

    if stream.type == "video":
        if stream.disposition & av.stream.Disposition.attached_pic:
            return "a cover shows the clip before the swap"
        return "of several pictures one is swapped and written"
    if stream.codec_context is None and stream.type in ("audio", "subtitle", "unknown"):
        return "FFmpeg does not know its codec"
    if holds(row, stream, packets):
        return ""
    hint = "" if row.muxer == "matroska" or stream.type == "data" else "; write .mkv to keep it"
    return f"{row.name} cannot hold it{hint}"


def holds(row: Format, stream: Any, packets: Sequence[Any]) -> bool:
    """Whether a container can hold a stream: whether what is written of it is found again.

    Args:
        row: the container.
        stream: PyAV's, of an open clip.
        packets: some of its packets; without any, the header alone decides. They are used up.
    """
    import av

    file = io.BytesIO()
    try:
        with av.open(file, "w", format=row.muxer) as out:
            copy = out.add_stream_from_template(stream)
            first = next((p.dts if p.dts is not None else p.pts for p in packets), None) or 0
            for packet in packets:
                if packet.dts is None and packet.pts is None:
                    continue
                packet.pts = None if packet.pts is None else packet.pts - first
                packet.dts = packet.pts if packet.dts is None else packet.dts - first
                packet.stream = copy
                out.mux_one(packet)
            out.start_encoding()
        if stream.type == "attachment":
            return stream.data in file.getvalue()
        if not packets:
            return True
        with open_bytes(file.getvalue()) as found:
            return any(_family(other) == _family(stream) for other in found.streams)
    except (av.error.FFmpegError, OSError, ValueError, VideoError):
        return False


def _samples(clip: Clip, streams: Sequence[Any]) -> dict[int, list[Any]]:
    """The first packets of streams, read from the file once more so that none is missing from the result."""
    import av

    found: dict[int, list[Any]] = {stream.index: [] for stream in streams}
    read = 0
    with open_media(clip.info.path) as container:
        try:
            for packet in container.demux():
                read += packet.size
                mine = found.get(packet.stream.index)
                if mine is not None and packet.size and len(mine) < _TRIAL_PACKETS:
                    mine.append(packet)
                if read > _TRIAL_BYTES or all(len(packets) == _TRIAL_PACKETS for packets in found.values()):
                    break
        except (av.error.FFmpegError, OSError):
            return found
    return found


def _family(stream: Any) -> str:
    """Kind and codec, where the layers of MPEG sound count as one: MP4 has one name for them."""
    return re.sub(r"mp[12]$", "mp3", _about(stream))


def _about(stream: Any) -> str:
    """Kind and codec of a stream."""
    name = (
        stream.codec_context.codec.canonical_name if stream.codec_context is not None else getattr(stream, "name", "")
    )
    return f"{stream.type}, {name}" if name else f"{stream.type}"
