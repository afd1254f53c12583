"""What the stages of the finish take for faces of several sizes, beside detection and the network: one thread's processor time.

    python -m tests.finish_speed

The face is scikit-image's astronaut, swapped with itself; each figure is the smallest of fifteen runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from unittest import mock

import cv2

from mobilefaceswap_core.blend.finish import finish
from mobilefaceswap_core.diagnose.bench import source_photo
from mobilefaceswap_core.faces.geometry import side_in_frame
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline

PHOTO_PX = (900, 1280, 1800, 4000)  # its face's crop is about a fourth of it
RUNS = 15


def smallest_ms(call: Callable[[], object]) -> float:
    """Milliseconds of this thread's processor time."""
    taken = []
    for _ in range(RUNS):
        started = time.thread_time()
        call()
        taken.append(time.thread_time() - started)
    return 1e3 * min(taken)


def main() -> None:
    """Print a line for each size."""
    cv2.setNumThreads(1)
    pipeline = Pipeline.load("student", "lite", "cpu", threads=1)
    source, steps = pipeline.prepare_source([source_photo()]), pipeline.stages(SwapOptions())
    for side in PHOTO_PX:
        photo = cv2.resize(source_photo(), (side, side), interpolation=cv2.INTER_CUBIC)
        target = pipeline.align(photo, pipeline.detect(photo)[0])
        (crop,) = pipeline.swap_aligned([target], [source])
        runs: list[dict[str, float]] = []
        with mock.patch("mobilefaceswap_core.blend.finish.time.perf_counter", time.thread_time):
            for _ in range(RUNS):
                runs.append({})
                finish(target, crop, steps, frame=photo, seconds=runs[-1])
        stages = {name: 1e3 * min(run[name] for run in runs) for name in runs[0]}
        detection = smallest_ms(lambda photo=photo: pipeline.detect(photo))  # type: ignore[misc]
        network = smallest_ms(lambda target=target: pipeline.swap_aligned([target], [source]))  # type: ignore[misc]
        px = round(side_in_frame(target.crop_from_frame, len(target.image)))
        print(
            f"face of {px} px: stages {sum(stages.values()):.1f} ms, detection {detection:.1f}, network {network:.1f}"
        )
        print("   ", ", ".join(f"{name} {spent:.1f}" for name, spent in stages.items()), flush=True)


if __name__ == "__main__":
    main()
