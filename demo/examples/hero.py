"""Make the picture at the top of the README, and the one that links to the page show: source, target, result, from near.

    python -m demo.examples.hero [--model MODEL] [--out docs/images/swap.webp] [--card demo/examples/card.jpg]

Uses example portraits of nobody and NASA's public-domain photograph of Eileen Collins that ships with scikit-image, and writes
it as the page offers it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from skimage.data import astronaut

from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.marking import save_image
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.types import Image

from .pairs import ASTRONAUT, CARD, EXAMPLES

PANEL_PX, GAP_PX = 400, 10
ASTRONAUT_LEFT, ASTRONAUT_TOP, ASTRONAUT_SIDE = 138, 12, 180  # head and collar
PORTRAIT_LEFT, PORTRAIT_TOP, PORTRAIT_SIDE = 46, 46, 420  # the face without the plain ground around it
# What links show is 1200 x 630 px by custom; some show only its middle square.
_CARD_PX, _CARD_GROUND, _CARD_INK = (1200, 630), (4, 120, 87), (255, 255, 255)
_CARD_PANEL_PX, _CARD_TITLE_PX = 384, 84
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


def swaps(pipeline: Pipeline, first: Image, second: Image, photo: Image) -> list[list[Image]]:
    """Source, target and result in close-up: the second portrait on the photo, and the first one on the second."""
    onto_photo, onto_portrait = (
        pipeline.swap(target, pipeline.prepare_source([source]), faces="largest").image
        for source, target in ((second, photo), (first, second))
    )

    def head(image: Image) -> Image:
        return image[ASTRONAUT_TOP : ASTRONAUT_TOP + ASTRONAUT_SIDE, ASTRONAUT_LEFT : ASTRONAUT_LEFT + ASTRONAUT_SIDE]

    def face(image: Image) -> Image:
        return image[PORTRAIT_TOP : PORTRAIT_TOP + PORTRAIT_SIDE, PORTRAIT_LEFT : PORTRAIT_LEFT + PORTRAIT_SIDE]

    return [[face(first), face(second), face(onto_portrait)], [face(second), head(photo), head(onto_photo)]]


def link_card(row: list[Image]) -> Image:
    """``(630, 1200, 3)``: a row of panels under the page's name."""
    page = PillowImage.new("RGB", _CARD_PX, _CARD_GROUND)
    draw = ImageDraw.Draw(page)
    middle, ground = _CARD_PX[0] // 2, _CARD_PX[1]
    draw.text((middle, 24), "MobileFaceSwap", _CARD_INK, ImageFont.load_default(_CARD_TITLE_PX), anchor="ma")
    gap = (_CARD_PX[0] - len(row) * _CARD_PANEL_PX) // (len(row) + 1)
    top = ground - _CARD_PANEL_PX - 2 * gap - 60
    for number, (image, name) in enumerate(zip(row, ("this face", "on this one", "gives this"), strict=True)):
        left = gap + number * (_CARD_PANEL_PX + gap)
        side = PillowImage.fromarray(image).resize((_CARD_PANEL_PX, _CARD_PANEL_PX), PillowImage.Resampling.LANCZOS)
        page.paste(side, (left, top))
        place = (left + _CARD_PANEL_PX // 2, top + _CARD_PANEL_PX + 10)
        draw.text(place, name, _CARD_INK, ImageFont.load_default(44), anchor="ma")
    return np.asarray(page)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="student")
    parser.add_argument("--portraits", type=int, nargs=2, default=[1, 3], help="numbers of two portraits")
    parser.add_argument("--out", type=Path, default=_DEFAULT_OUT)
    parser.add_argument("--card", type=Path, default=CARD)
    options = parser.parse_args(arguments)
    pipeline = Pipeline.load(model=options.model)
    first, second = (read_image(EXAMPLES / f"average_{number}.webp").image for number in options.portraits)
    rows = swaps(pipeline, first, second, np.ascontiguousarray(astronaut()))
    write_image(ASTRONAUT, np.ascontiguousarray(astronaut()), quality=92)
    for path, page in ((options.out, sheet(rows)), (options.card, link_card(rows[0]))):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(path, page, model=pipeline.swapper.info.name, quality=85)
        print(f"{path}: {page.shape[1]} x {page.shape[0]} px, model {pipeline.swapper.info.name}")


if __name__ == "__main__":
    main()
