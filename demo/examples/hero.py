"""Make the picture at the top of the README: a source, a target, and the target with the source's face, from near.

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

from .pairs import EXAMPLES

PANEL_PX, GAP_PX = 400, 10
ASTRONAUT_LEFT, ASTRONAUT_TOP, ASTRONAUT_SIDE = 122, 0, 210  # head and collar
PORTRAIT_LEFT, PORTRAIT_TOP, PORTRAIT_SIDE = 46, 46, 420  # the face without the plain ground around it
_DEFAULT_OUT = Path(__file__).parents[2] / "docs" / "images" / "swap.webp"


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
    """Source, target and result from left to right: the portrait on the photo above, the photo on the portrait below."""
    onto_photo, onto_portrait = (
        pipeline.swap(target, pipeline.prepare_source([source]), faces="largest").image
        for source, target in ((portrait, photo), (photo, portrait))
    )

    def head(image: Image) -> Image:
        return image[ASTRONAUT_TOP : ASTRONAUT_TOP + ASTRONAUT_SIDE, ASTRONAUT_LEFT : ASTRONAUT_LEFT + ASTRONAUT_SIDE]

    def face(image: Image) -> Image:
        return image[PORTRAIT_TOP : PORTRAIT_TOP + PORTRAIT_SIDE, PORTRAIT_LEFT : PORTRAIT_LEFT + PORTRAIT_SIDE]

    return sheet([[face(portrait), head(photo), head(onto_photo)], [head(photo), face(portrait), face(onto_portrait)]])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="student")
    parser.add_argument("--portrait", type=int, default=2, help="number of the portrait")
    parser.add_argument("--out", type=Path, default=_DEFAULT_OUT)
    options = parser.parse_args(arguments)
    pipeline = Pipeline.load(model=options.model)
    portrait = read_image(EXAMPLES / f"average_{options.portrait}.webp").image
    page = make_hero(pipeline, portrait, np.ascontiguousarray(astronaut()))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_image(options.out, page, model=pipeline.swapper.info.name, quality=85)
    print(f"{options.out}: {page.shape[1]} x {page.shape[0]} px, model {pipeline.swapper.info.name}")


if __name__ == "__main__":
    main()
