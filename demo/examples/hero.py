"""Make the picture at the top of the README: each row shows source, target and the swapped result.

    python -m demo.examples.hero [--model MODEL] [--out docs/images/swap.png]

Uses an example portrait of nobody and NASA's public-domain photograph of Eileen Collins that ships with scikit-image.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

from mobilefaceswap_core.images import read_image
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.types import Image

HERE = Path(__file__).parent
PANEL_PX, GAP_PX = 320, 8
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


def make_hero(pipeline: Pipeline, portrait: Image, photo: Image) -> Image:
    """Portrait on photo, and photo on portrait."""

    def swapped(source: Image, target: Image) -> Image:
        return pipeline.swap(target, pipeline.prepare_source([source]), faces="largest").image

    def head(image: Image) -> Image:
        return image[ASTRONAUT_TOP : ASTRONAUT_TOP + ASTRONAUT_SIDE, ASTRONAUT_LEFT : ASTRONAUT_LEFT + ASTRONAUT_SIDE]

    onto_photo, onto_portrait = swapped(portrait, photo), swapped(photo, portrait)
    return sheet([[portrait, head(photo), head(onto_photo)], [head(photo), portrait, onto_portrait]])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="auto")
    parser.add_argument("--portrait", type=Path, default=HERE / "portraits" / "average_5.webp")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "docs" / "images" / "swap.png")
    options = parser.parse_args(arguments)
    pipeline = Pipeline.load(model=options.model)
    page = make_hero(pipeline, read_image(options.portrait).image, np.ascontiguousarray(astronaut()))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    partial = options.out.with_name(f"{options.out.stem}.partial{options.out.suffix}")
    cv2.imwrite(str(partial), cv2.cvtColor(page, cv2.COLOR_RGB2BGR))
    os.replace(partial, options.out)
    print(f"{options.out}: {page.shape[1]} x {page.shape[0]} px, model {pipeline.swapper.info.name}")


if __name__ == "__main__":
    main()
