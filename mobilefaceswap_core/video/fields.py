"""Interlaced pictures made whole: a picture of two fields, taken at two times, becomes one of the first of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ..errors import VideoError

_FILTER = "bwdif"  # FFmpeg's best deinterlacer that needs no weights; its documentation calls yadif the simpler one


def deinterlaced(frames: Iterator[Any], time_base: Fraction) -> Iterator[Any]:
    """As many frames as come in, with the same times, of which none holds two fields.

    Args:
        frames: decoded ``av.VideoFrame`` in order of display; size and format may change on the way. Those that say that
            they are interlaced are changed, all of them if the first one does not say so.
        time_base: unit of their time stamps in seconds.

    Raises:
        VideoError: FFmpeg cannot take such pictures apart.
    """
    import av

    weaver: _Weaver | None = None
    which = ""
    try:
        for frame in frames:
            which = which or ("interlaced" if frame.interlaced_frame else "all")
            if weaver is not None and not weaver.fits(frame):
                yield from weaver.rest()
                weaver = None
            weaver = weaver or _Weaver(frame, time_base, which)
            yield from weaver.take(frame)
        if weaver is not None:
            yield from weaver.rest()
    except av.error.FFmpegError as error:
        raise VideoError(
            f"The clip could not be deinterlaced ({error}). Swap it without that; it stays interlaced then."
        ) from error


class _Weaver:
    """FFmpeg's filter for frames of one layout; it gives a frame out when the next one is there."""

    def __init__(self, like: Any, time_base: Fraction, which: str) -> None:
        import av

        self._layout = self._layout_of(like)
        graph = av.filter.Graph()
        self._source = graph.add_buffer(width=like.width, height=like.height, format=like.format, time_base=time_base)
        weave = graph.add(_FILTER, f"mode=send_frame:deint={which}")
        self._sink = graph.add("buffersink")
        self._source.link_to(weave)
        weave.link_to(self._sink)
        graph.configure()
        self._graph = graph  # its filters live as long as it does
        self._times: deque[tuple[Any, ...]] = deque()  # the filter counts in halves, and knows nothing of missing times

    @staticmethod
    def _layout_of(frame: Any) -> tuple[int, int, str]:
        return frame.width, frame.height, frame.format.name

    def fits(self, frame: Any) -> bool:
        """Whether a frame is laid out as those before it."""
        return self._layout == self._layout_of(frame)

    def take(self, frame: Any) -> Iterator[Any]:
        """Give a frame in; those that are ready come out."""
        colours = frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc
        self._times.append((frame.pts, frame.dts, frame.duration, frame.time_base, colours))
        self._source.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[Any]:
        """What is still in there; nothing is given in after this."""
        self._source.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Any]:
        import av

        while self._times:
            try:
                frame: Any = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            frame.pts, frame.dts, frame.duration, frame.time_base, colours = self._times.popleft()
            frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = colours
            yield frame
