"""Make the picture at the top of the README: one target with the faces of several sources.

    python -m demo.examples.hero [--model MODEL] [--out docs/images/swap.webp]

Uses example portraits of nobody and NASA's public-domain photograph of Eileen Collins that ships with scikit-image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.marking import save_image
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.types import Image

HERE = Path(__file__).parent
PANEL_PX, GAP_PX = 240, 8
ASTRONAUT_LEFT, ASTRONAUT_TOP, ASTRONAUT_SIDE = 84, 0, 280  # head and collar


def panel(image: Image) -> Image:
    """A square picture at the size of one panel."""
    shrink = image.shape[0] > PANEL_PX
    interpolation = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    return cv2.resize(image, (PANEL_PX, PANEL_PX), interpolation=interpolation)  # type: ignore[return-value]


def sheet(rows: list[list[Image]]) -> Image:
    """Panels in a grid on white."""
    height = len(rows) * (PANEL_PX + GAP_PX) - GAP_PX
    width = len(rows[0]) * (PANEL_PX + GAP_PX) - GAP_PX
    page = np.full((height, width, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = i * (PANEL_PX + GAP_PX), j * (PANEL_PX + GAP_PX)
            page[top : top + PANEL_PX, left : left + PANEL_PX] = panel(image)
    return page


def make_hero(pipeline: Pipeline, portraits: list[Image], photo: Image) -> Image:
    """Sources above, the target at the left, and below each source the target with its face."""

    def head(image: Image) -> Image:
        return image[ASTRONAUT_TOP : ASTRONAUT_TOP + ASTRONAUT_SIDE, ASTRONAUT_LEFT : ASTRONAUT_LEFT + ASTRONAUT_SIDE]

    swapped = [pipeline.swap(photo, pipeline.prepare_source([p]), faces="largest") for p in portraits]
    blank = np.full((PANEL_PX, PANEL_PX, 3), 255, np.uint8)
    return sheet([[blank, *portraits], [head(photo), *(head(result.image) for result in swapped)]])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="auto")
    parser.add_argument("--portraits", type=int, nargs="+", default=[1, 5, 2], help="numbers of the portraits")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "docs" / "images" / "swap.webp")
    options = parser.parse_args(arguments)
    pipeline = Pipeline.load(model=options.model)
    portraits = [read_image(HERE / "portraits" / f"average_{number}.webp").image for number in options.portraits]
    page = make_hero(pipeline, portraits, np.ascontiguousarray(astronaut()))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_image(options.out, page, model=pipeline.swapper.info.name, quality=90)
    print(f"{options.out}: {page.shape[1]} x {page.shape[0]} px, model {pipeline.swapper.info.name}")


if __name__ == "__main__":
    main()
