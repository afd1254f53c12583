"""The swapped crops of one picture: finished, a few at a time where that is faster, and pasted in their order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..types import AlignedFace, Image, SwappedCrop
from .finish import finish
from .finishing import Finishing, Stage
from .memory import FaceMemory
from .paste import paste_back


def finish_and_paste(
    frame: Image,
    targets: Sequence[AlignedFace],
    crops: Sequence[SwappedCrop],
    steps: Sequence[Stage],
    *,
    memories: Sequence[FaceMemory | None],
    time_s: float = 0.0,
    threads: int = 1,
) -> tuple[Image, dict[str, float]]:
    """Bring the swapped crops of a picture into it.

    Args:
        frame: ``(H, W, 3)`` RGB uint8; not changed.
        targets: the faces, in the order they are pasted: the last one ends up on top.
        crops: what was made of each.
        steps: see :func:`~.finish.stages`.
        memories: of each face, where the frames before are known.
        time_s: when the frame is shown.
        threads: faces finished at a time. Each is finished alone, so the result is the same with any number.

    Returns:
        The picture, and seconds by stage and of ``paste``; of several faces at a time the seconds of each are added up.
    """
    spent: list[dict[str, float]] = [{} for _ in targets]

    def one(number: int) -> Finishing:
        return finish(
            targets[number], crops[number], steps, frame=frame, memory=memories[number], time_s=time_s, seconds=spent[number]
        )  # fmt: skip

    numbers = range(len(targets))
    if min(threads, len(targets)) > 1:
        with ThreadPoolExecutor(min(threads, len(targets)), thread_name_prefix="finish") as pool:
            done = list(pool.map(one, numbers))
    else:
        done = [one(number) for number in numbers]
    started, image = time.perf_counter(), frame.copy()
    for face in done:
        paste_back(image, face.pixels, face.weight, face.crop_from_frame, out=image)
    names = dict.fromkeys(name for seconds in spent for name in seconds)
    by_stage = {name: sum(seconds.get(name, 0.0) for seconds in spent) for name in names}
    return image, {**by_stage, "paste": time.perf_counter() - started}
