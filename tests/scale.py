"""The workbench at the scale of its field: makes a data set in a known layout, runs it, prints time and memory.

    python -m tests.scale lfw PLACE --pack FILE.npz     # 1,680 people, two photos each
    python -m tests.scale ffpp PLACE --pack FILE.npz    # 40 clips with a pair list and published results

Faces come from a pack of aligned crops with one person a crop (:mod:`mobilefaceswap_core.files.packs`); photos are 250 px, as
LFW's are. A second photo is the first one mirrored, turned by up to 8 degrees and exposed otherwise; a clip is a photo before a
moving camera. So identities are real, and what differs within a person is less than between photos of life.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.random import Generator

from eval.images import decode_image
from mobilefaceswap_core.files.packs import Pack, read_pack
from mobilefaceswap_core.types import Image

SIDE, FACE = 250, 150  # px of a photo, and of the crop in it
FRAMES = 30
RUNS = {
    "lfw": ("--dataset", "folders", "--methods", "target,target-jpeg,student"),
    "ffpp": (
        "--dataset",
        "ffpp",
        "--frames",
        "5",
        "--consecutive",
        "2",
        "--methods",
        "target,student,ffpp:FaceShifter",
    ),
}


def photo(crop: Image) -> Image:
    """A crop with room around it, 250 px."""
    edge = (SIDE - FACE) // 2
    small = cv2.resize(crop, (FACE, FACE), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_REFLECT_101)


def another(image: Image, random: Generator) -> Image:
    """The same person once more."""
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), float(random.uniform(-8, 8)), float(random.uniform(0.9, 1.1)))
    moved = cv2.warpAffine(image[:, ::-1], turn, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)
    light = 255 * (moved / 255) ** float(random.uniform(0.8, 1.25)) * random.uniform(0.92, 1.0, 3)
    return np.clip(light, 0, 255).astype(np.uint8)


def crops(pack: Pack, count: int, random: Generator) -> list[Image]:
    """So many people of a pack, drawn."""
    first = {str(label): at for at, label in reversed(list(enumerate(pack.labels)))}
    names = sorted(first)
    if len(names) < count:
        raise SystemExit(f"The pack has {len(names)} people; wanted {count}.")
    chosen = [names[at] for at in random.permutation(len(names))[:count]]
    return [decode_image(pack.encoded(first[name]).tobytes(), name) for name in chosen]


def write_jpeg(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def make_lfw(root: Path, pack: Pack, people: int) -> None:
    """``Name/Name_0001.jpg`` and ``_0002.jpg`` of each person."""
    random = np.random.default_rng(0)
    for number, crop in enumerate(crops(pack, people, random)):
        name, first = f"Person_{number:04d}", photo(crop)
        for index, image in enumerate((first, another(first, random)), 1):
            write_jpeg(root / name / f"{name}_{index:04d}.jpg", image)


def write_clip(path: Path, frames: list[Image]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        container.mux(stream.encode())


def make_ffpp(root: Path, pack: Pack, people: int) -> None:
    """``original_sequences`` and ``manipulated_sequences/FaceShifter``: clip k with the face of clip k + 1 pasted in."""
    random = np.random.default_rng(0)
    photos = [photo(crop) for crop in crops(pack, people, random)]
    edge = slice((SIDE - FACE) // 2, (SIDE + FACE) // 2)
    for number, image in enumerate(photos):
        swapped, other = image.copy(), (number + 1) % people
        swapped[edge, edge] = photos[other][edge, edge]
        phase = random.uniform(0, 6)
        for place, start in (
            (f"original_sequences/youtube/c23/videos/{number:03d}.mp4", image),
            (f"manipulated_sequences/FaceShifter/c23/videos/{number:03d}_{other:03d}.mp4", swapped),
        ):
            steps = [(3 * np.sin(phase + k / 6), 2 * np.cos(phase + k / 5)) for k in range(FRAMES)]
            moves = [np.array([[1, 0, x], [0, 1, y]]) for x, y in steps]
            write_clip(
                root / place,
                [cv2.warpAffine(start, m, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101) for m in moves],
            )


def measured(words: list[str]) -> str:
    """Seconds, processor seconds and peak memory of a command."""
    began = time.perf_counter()
    subprocess.run(words, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        f"{time.perf_counter() - began:.0f} s, {used.ru_utime + used.ru_stime:.0f} processor seconds, "
        f"{used.ru_maxrss / 1024:.0f} MiB at most"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("layout", choices=tuple(RUNS))
    parser.add_argument("place", type=Path, help="folder for the data set and the run")
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--people", type=int, help="1,680 photographed, or 40 filmed")
    parser.add_argument("--pairs", type=int, default=800)
    given = parser.parse_args()
    root, pack = given.place / "data", read_pack(given.pack)
    began = time.perf_counter()
    if given.layout == "lfw":
        make_lfw(root, pack, given.people or 1680)
    else:
        make_ffpp(root, pack, given.people or 40)
    print(f"made in {time.perf_counter() - began:.0f} s", flush=True)
    words = [sys.executable, "-m", "eval", "run", *RUNS[given.layout], "--root", str(root), "--cost", "none"]
    words += ["--judges", "dlib,pnp", "--out", str(given.place / "run")]
    print(measured([*words, *(("--pairs", str(given.pairs)) if given.layout == "lfw" else ())]))


if __name__ == "__main__":
    main()
