"""What the core computes from small made-up inputs, for the tests of the browser page's modules.

``python -m tests.fakes.page_golden`` writes ``demo/browser/tests/golden.json``. Its inputs are formulas in whole numbers,
which ``demo/browser/tests/inputs.js`` repeats, so that only answers are stored.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from demo.browser.build import HERE
from mobilefaceswap_core.blend.beard import Bearded, _signs, beard_weight, beardedness
from mobilefaceswap_core.blend.brows import BrowShift, brow_shifts, move_brows
from mobilefaceswap_core.blend.colour import match_colours
from mobilefaceswap_core.blend.detail import match_detail
from mobilefaceswap_core.blend.edges import along_edges
from mobilefaceswap_core.blend.folds import folds_weight, soften_folds
from mobilefaceswap_core.blend.gaze import bring_back_gaze, eye_tones, gaze_weights
from mobilefaceswap_core.blend.hues import calm_hues, hue_limits
from mobilefaceswap_core.blend.irises import blueness_of_eyes, calm_eyes
from mobilefaceswap_core.blend.lids import SteadyLids, bareness, bring_back_lids, closing, lids_weight
from mobilefaceswap_core.blend.luma import small_luma
from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.mouth import bring_back_mouth, mouth_share, mouth_weight
from mobilefaceswap_core.blend.native import enlarge, native_side_px
from mobilefaceswap_core.blend.occlusion import SteadyOcclusion, guided, visible_weight
from mobilefaceswap_core.blend.paste import paste_back
from mobilefaceswap_core.blend.pupils import bring_back_pupils
from mobilefaceswap_core.blend.texture import add_texture, texture_gate
from mobilefaceswap_core.blend.tone import match_tone
from mobilefaceswap_core.detect.detector import averaged, keep_best
from mobilefaceswap_core.detect.landmarks import crop_from_region, upright_extent, view_of_face
from mobilefaceswap_core.detect.ultraface import _anchors
from mobilefaceswap_core.detect.windows import looks, search_px
from mobilefaceswap_core.faces.geometry import crop_from_frame_matrix, template_points, warp_to_crop
from mobilefaceswap_core.identity.covered import with_average_eyes
from mobilefaceswap_core.identity.glasses import fill_in, find_glasses
from mobilefaceswap_core.student.contract import BLUE_EYES, FORMAT
from mobilefaceswap_core.types import CropSpec
from mobilefaceswap_core.video.smoothing import OneEuroFilter
from tests.fakes.page_skin import bearded_face, shaded_face

FILE = HERE / "tests" / "golden.json"
SIDE = 224
AT = range(8, SIDE, 16)  # rows and columns whose pixels are stored
FIVE = np.array([[210.5, 130.25], [262, 121], [240, 160], [221, 190], [266, 180.75]])
BOXES = [
    [10, 10, 60, 70],
    [12, 11, 61, 69],
    [100, 20, 140, 60],
    [104, 30, 132, 58],
    [200, 10, 210, 20],
    [55, 10, 100, 70],
]
SCORES = [0.9, 0.95, 0.6, 0.7, 0.4, 0.5]
# Of a file with its source inside, the least that the page reads.
NETWORK_SAYS = {
    "format": FORMAT,
    "kind": "baked",
    "model": "学生",
    "crop": json.dumps(asdict(CropSpec())),
    BLUE_EYES: "0.25",
}


def soft_face() -> NDArray[np.uint8]:
    """``(224, 224, 3)``, smooth and dark."""
    y, x, c = np.mgrid[:SIDE, :SIDE, :3]
    return (50 + x // 4 + y // 8 + 9 * c + (x + y) % 5).astype(np.uint8)


def sharp_face() -> NDArray[np.uint8]:
    """``(224, 224, 3)``, brighter and full of detail."""
    y, x, c = np.mgrid[:SIDE, :SIDE, :3]
    return (90 + 5 * c + (7 * x + 11 * y + x * y) % 101).astype(np.uint8)


TURNED = np.array([[0.97, -0.24, 20.0], [0.24, 0.97, -20.0]])  # slanted bars have steps
GREYS = 0, 38, 100  # hundredths of its colour that a light beard lacks
DEPTHS = 0, 98, 110  # levels that a beard is darker than skin: none, one that is not sure, and a black one
STRIPES = 0, 3, 30  # one tone, nearly so, and colours


def striped_face(levels: int) -> NDArray[np.uint8]:
    """The sharp face, whose colours follow from its light, with stripes of so much more red and less blue, as much less, and neither."""
    _, x, c = np.mgrid[:SIDE, :SIDE, :3]
    return np.clip(sharp_face() + (1 - c) * levels * (x // 16 % 3 - 1), 0, 255).astype(np.uint8)


def frame() -> NDArray[np.uint8]:
    """``(260, 320, 3)``."""
    y, x, c = np.mgrid[:260, :320, :3]
    return ((3 * x + 5 * y + 40 * c) % 256).astype(np.uint8)


def round_mask() -> NDArray[np.float32]:
    """``(224, 224)`` in [0, 1]: 1 in the middle, with a hole, fading outwards."""
    y, x = np.mgrid[:SIDE, :SIDE]
    mask = np.clip(1.5 - ((x - 112) ** 2 + (y - 120) ** 2) / 6400, 0, 1).astype(np.float32)
    mask[100:104, 100:104] = 0
    return mask


def landmarks() -> NDArray[np.float64]:
    """``(68, 2)``, scattered."""
    i = np.arange(68)
    return np.stack([100 + i * 37 % 83, 120 + i * 53 % 71], 1).astype(np.float64)


def face_landmarks() -> NDArray[np.float64]:
    """``(68, 2)`` of a face in a 224 crop; its left eye is open, its right one half closed."""
    jaw = [[42 + 9 * i - (i == 8) * 2, 100 + 12 * min(i, 16 - i)] for i in range(17)]
    brows = [[58 + 8 * i, 88 - (i in (1, 2, 3)) * 5] for i in range(5)]
    brows += [[132 + 8 * i, 88 - (i in (1, 2, 3)) * 5] for i in range(5)]
    nose = [[113, 104 + 10 * i] for i in range(4)] + [[101 + 6 * i, 146 - (i % 4 == 0) * 2] for i in range(5)]
    left = [[64, 104], [72, 99], [82, 99], [90, 104], [82, 108], [72, 108]]
    right = [[134, 104], [142, 103], [152, 103], [160, 105], [152, 108], [142, 108]]
    outer = [[88, 168], [96, 163], [105, 161], [113, 163], [121, 161], [130, 163], [138, 168], [130, 175], [121, 179],
             [113, 180], [105, 179], [96, 175]]  # fmt: skip
    inner = [[92, 168], [105, 166], [113, 167], [121, 166], [134, 168], [121, 172], [113, 173], [105, 172]]
    return np.array(jaw + brows + nose + left + right + outer + inner, np.float64)


def eyes_of(white: tuple[int, int, int], iris: tuple[int, int, int]) -> NDArray[np.uint8]:
    """:func:`soft_face` with whites where the eyes of :func:`face_landmarks` are, and with irises."""
    image = soft_face()
    image[95:112, 60:170] = white
    image[98:110, 72:84] = image[98:110, 140:152] = iris
    return image


def brow_landmarks() -> NDArray[np.float64]:
    """:func:`face_landmarks` with level brows and room below them."""
    points = face_landmarks()
    points[17:27, 1] = 72
    return points


def brow_face(down_px: int, *, faint: bool = False) -> NDArray[np.uint8]:
    """Light, with dark bars of brows so far below those landmarks, and a faint shadow where they are.

    Args:
        faint: the right one is hardly seen, a little lower, and has no shadow.
    """
    image = np.full((SIDE, SIDE, 3), 200, np.uint8)
    for left, is_faint in ((58, False), (132, faint)):
        if not is_faint:
            image[69:76, left : left + 33] = 170
        top = 69 + down_px + 2 * is_faint
        image[top : top + 7, left : left + 33] = 192 if is_faint else 60
    return image


def fold_landmarks() -> NDArray[np.float64]:
    """:func:`face_landmarks` with a wide jaw, for cheeks."""
    points, i = face_landmarks(), np.arange(17)
    points[:17] = np.stack([25 + 11 * i, 214 - 7 * (i - 8) ** 2 // 4], 1)
    return points


def fold_face(depth: int) -> NDArray[np.uint8]:
    """Light skin with a fold on both sides of the mouth, redder than the skin: a line so many levels deep, and shade beside it."""
    y, x, c = np.mgrid[:SIDE, :SIDE, :3]
    away = np.abs(np.abs(x - 113) - 20 - (y - 146) // 2)  # of those landmarks, from the nose outwards
    fold = np.maximum(depth - 10 * away, 0) + np.maximum(depth - 5 * away, 0) // 2
    return (150 + x // 8 + 9 * c + (3 * x + 5 * y) % 7 - fold * (2 + c) // 4).astype(np.uint8)


def _folds() -> dict[str, Any]:
    face, cut = fold_landmarks(), fold_landmarks() + np.array([-50, 30])
    softened = soften_folds(fold_face(40), fold_face(0), face)
    return {
        "folds_weight": _plane(folds_weight(face, SIDE)),
        # Cheeks and chin, with what both folds pass.
        "softened_folds": softened[150:210:4, 66:162:4].ravel().tolist(),
        "softened_detail": _pixels(soften_folds(sharp_face(), sharp_face() // 8 + 130, face)),
        # The crop cuts this one.
        "softened_edge": _pixels(soften_folds(sharp_face(), fold_face(40), cut)),
    }


def _skin() -> dict[str, Any]:
    face, mask = fold_landmarks(), round_mask()
    limits = hue_limits(bearded_face(0), mask, face)
    assert limits is not None
    return {
        "beard_signs": [_signs(bearded_face(depth), face).tolist() for depth in DEPTHS],
        "beardedness": [beardedness(bearded_face(depth), face) for depth in DEPTHS],
        "beard_weight": _plane(beard_weight(bearded_face(DEPTHS[-1]), face, Bearded(1.0, 0.0))),
        "grey_beardedness": [beardedness(bearded_face(10, grey), face) for grey in GREYS],
        "grey_beard_weight": _plane(beard_weight(bearded_face(10, GREYS[-1]), face, Bearded(0.0, 0.75))),
        "hue_limits": [*limits.violet.tolist(), limits.low, limits.high],
        "calm_hues": _pixels(calm_hues(shaded_face(), mask, face, limits)),
    }


def glasses_hidden(*, bridge: bool = True, lens: bool = False) -> NDArray[np.float32]:
    """What hides a face with square glasses, with or without a bridge or a dark lens, beside hair."""
    y, x = np.mgrid[:SIDE, :SIDE]
    hidden = np.zeros((SIDE, SIDE), np.float32)
    for left in (52, 124):
        away = np.maximum(np.abs(x - left - 24) - 24, np.abs(y - 104) - 16)  # from the rim's middle; inside below 0
        hidden[np.abs(away) <= 2] = 0.9
        if lens:
            hidden[away < 0] = 0.8
    if bridge:
        hidden[98:102, 100:124] = 0.7
    hidden[:, :30] = 1
    return hidden


def _glasses() -> dict[str, Any]:
    eyes = template_points(CropSpec())[:2]
    rims = find_glasses(glasses_hidden(), eyes).rims
    dark = glasses_hidden(lens=True)
    covered = find_glasses(dark, eyes).covered
    assert rims is not None and covered is not None
    filled = fill_in(sharp_face(), rims, eyes)
    return {
        "rims": _plane(rims.astype(np.float32)),
        "filled_rims": filled[80:130:3, 40:190:4].ravel().tolist(),
        "covered": _plane(covered.astype(np.float32)),
        "average_eyes": _pixels(with_average_eyes(sharp_face(), covered, dark, eyes)),
    }


def _brows() -> dict[str, Any]:
    points, swapped = brow_landmarks(), brow_face(9)
    shifts = brow_shifts(swapped, brow_face(0), points)
    pixels, weight = move_brows(swapped, brow_face(0), np.ones((SIDE, SIDE), np.float32), points, shifts)
    hint = brow_face(9, faint=True)
    hints = brow_shifts(hint, brow_face(0), points)
    _, hinted = move_brows(hint, brow_face(0), np.ones((SIDE, SIDE), np.float32), points, hints)
    # A target that is darker everywhere, and a right brow that stays.
    one_moves = BrowShift(9, 0), BrowShift(1, 0)
    _, dark = move_brows(swapped, soft_face(), np.ones((SIDE, SIDE), np.float32), points, one_moves)
    # Brows that go far up, with skin below them a little darker than the target's.
    shaded = swapped - np.uint8(12)
    _, drawn = move_brows(shaded, brow_face(0), np.ones((SIDE, SIDE), np.float32), points, (BrowShift(9, 0),) * 2)
    # Columns through the left brow, from its shadow to the eye; of the last two, through the right one.
    return {
        "hinted_brow_shifts": [value for shift in hints for value in shift],
        "hinted_brow_weight": hinted[40:100, 134:166:8].ravel().round(4).tolist(),
        "drawn_out_weight": drawn[40:100, 134:166:8].ravel().round(4).tolist(),
        "dark_brow_weight": dark[40:100, 134:166:8].ravel().round(4).tolist(),
        "brow_shifts": [value for shift in shifts for value in shift],
        "moved_brow": pixels[40:100, 60:92:8, 0].ravel().tolist(),
        "moved_brow_weight": weight[40:100, 60:92:8].ravel().round(4).tolist(),
    }


def _around_the_swap() -> dict[str, Any]:
    """Folds, brows, gaze, lids, mouth, size, occlusion and texture."""
    face, closed = face_landmarks(), (0.3, 0.9)
    eyes = gaze_weights(face, SIDE)
    tones = eye_tones(soft_face(), sharp_face(), eyes, closed)
    steady = SteadyLids()
    # Three steps of a blink, then what was learnt of how far the eyes open.
    blinks = [steady(face * [1, 1 + 0.2 * (n % 3)], time_s=0.03 * n) for n in range(1, 15)]
    crop_from_frame = crop_from_frame_matrix(FIVE, CropSpec())
    hidden = round_mask()
    moving, turned = SteadyOcclusion(), crop_from_frame + np.array([[0, 0.02, 3], [-0.02, 0, -5]])
    moving(hidden, crop_from_frame, time_s=1.0)
    carried = moving.carried(turned, time_s=1.03)
    average = moving(1 - hidden, crop_from_frame, time_s=1.09)
    wide = enlarge(soft_face(), round_mask(), crop_from_frame, frame(), 300)
    at_300, at_600 = ((face + 0.5) * side / SIDE - 0.5 for side in (300, 600))
    swapped = cv2.resize(soft_face(), (600, 600), interpolation=cv2.INTER_CUBIC)
    target = cv2.resize(sharp_face(), (600, 600), interpolation=cv2.INTER_CUBIC)
    assert carried is not None
    return {
        **_folds(),
        **_skin(),
        **_glasses(),
        **_brows(),
        "face_landmarks": face.tolist(),
        "closing": list(closing(face)),
        "lids_weight": _plane(lids_weight(face, closed, SIDE)),
        "with_lids": _pixels(bring_back_lids(soft_face(), sharp_face(), face, closed)),
        "gaze_weight": _plane(eyes.max(0)),
        "calm_eyes": _pixels(calm_eyes(eyes_of((190, 200, 230), (110, 95, 190)), sharp_face(), face)),
        "white_eyes": _pixels(
            calm_eyes(eyes_of((190, 200, 230), (110, 95, 190)), eyes_of((200, 195, 180), (90, 60, 40)), face)
        ),
        "blueness": [
            blueness_of_eyes(eyes_of((200, 195, 185), iris), face)
            for iris in ((60, 45, 40), (67, 67, 67), (90, 110, 140))
        ],
        "brown_eyes": _pixels(
            calm_eyes(eyes_of((190, 195, 210), (60, 62, 90)), eyes_of((200, 195, 180), (90, 60, 40)), face, blue=0.25)
        ),
        "shining_eyes": _pixels(
            calm_eyes(eyes_of((250, 250, 245), (60, 45, 40)), eyes_of((120, 115, 110), (50, 40, 35)), face)
        ),
        "eye_tones": list(tones),
        "with_gaze": _pixels(bring_back_gaze(soft_face(), sharp_face(), eyes, tones, strength=0.8)),
        "with_pupils": _pixels(bring_back_pupils(soft_face(), sharp_face(), face, strength=0.8)),
        "mouth_share": mouth_share(face),
        "mouth_weight": _plane(mouth_weight(face, 0.7, SIDE)),
        "with_mouth": _pixels(bring_back_mouth(soft_face(), sharp_face(), face, 0.7)),
        "with_teeth": _pixels(bring_back_mouth(soft_face(), sharp_face(), face, 0.7, strength=0.4)),
        "blinks": [list(blink) for blink in blinks],
        "bareness": list(bareness(sharp_face(), face)),
        "native_side": [native_side_px(crop_from_frame / scale, SIDE) for scale in (0.2, 0.5, 1.0, 4.0)],
        "native_pixels": _pixels(wide[0]),
        "along_edges": _pixels(along_edges(warp_to_crop(brow_face(4), TURNED, SIDE), strength=0.8)),
        "native_weight": _plane(wide[1]),
        "native_matrix": wide[2].ravel().tolist(),
        "native_target": _pixels(wide[3]),
        "small_luma": _plane(small_luma(target, SIDE)),
        "visible": visible_weight(np.linspace(0, 1, 11, dtype=np.float32)).tolist(),
        "guided": _plane(guided(hidden, target)),
        "carried": _plane(carried),
        "average": _plane(average),
        "texture_gate": _plane(texture_gate(wide[0], wide[3], at_300)),
        "textured": _pixels(add_texture(swapped, target, np.ones((600, 600), np.float32), at_600)),
    }


def _detection() -> dict[str, Any]:
    """Where is looked, what of it is seen, and where the anchors lie."""
    sizes = [(2000, 1500), (300, 200), (1000, 9000), (4000, 500)]
    shown = {
        f"{width} x {height}": [
            [*look.window, *look.size_px]
            for look in sorted(looks(width, height, 2), key=lambda one: (one.window, -one.size_px[0]))
        ]
        for width, height in sizes
    }
    anchors = [_anchors(*size) for size in ((320, 240), (320, 250), (160, 160))]
    cut = landmarks() - [130, 0]  # a third of the face is left of the picture
    view = view_of_face(
        frame(), cut, crop_from_region(np.array([15.0, 150.0]), np.array([170.0, 170.0]), 0.2, SIDE), SIDE
    )
    return {
        "looks": shown,
        "search_px": [search_px(*size) for size in [*sizes, (1000, 20000), (3000, 60000), (4000, 3000), (20000, 8)]],
        "anchors": [[len(own), *own.sum(0).tolist(), *own[-1].tolist()] for own in anchors],
        "averaged": averaged(frame(), (70, 57))[::7, ::7].ravel().tolist(),
        "cut_view": _pixels(view),
    }


def golden() -> dict[str, Any]:
    """Every answer as plain lists."""
    spec, mask = CropSpec(), round_mask()
    crop_from_frame = crop_from_frame_matrix(FIVE, spec)
    matched = match_colours(soft_face(), sharp_face(), mask)
    detailed = match_detail(matched, sharp_face(), mask)
    weight = refine_mask(mask)
    _, _, low, high = upright_extent(landmarks())
    keep = keep_best(np.array(BOXES, np.float64), np.array(SCORES), overlap=0.35, inside=0.65)
    smooth = OneEuroFilter()
    shifts = [np.array([3.0 * n, n * n]) for n in range(1, 5)]
    *_, smoothed = [
        smooth(landmarks() + shift, time_s=n / 15, scale_px=60.0) for n, shift in enumerate(shifts, start=1)
    ]
    return {
        "written_by": "python -m tests.fakes.page_golden",
        "five": FIVE.tolist(),
        "crop_from_frame": crop_from_frame.ravel().tolist(),
        "crop_from_region": crop_from_region(np.array([120.0, 90.0]), np.array([80.0, 100.0]), 0.3, 64)
        .ravel()
        .tolist(),
        "upright_extent": [*low.tolist(), *high.tolist()],
        "warped": _pixels(warp_to_crop(frame(), crop_from_frame, SIDE)),
        "matched": _pixels(matched),
        "toned": [_pixels(match_tone(matched, striped_face(levels), mask)) for levels in STRIPES],
        "detailed": _pixels(detailed),
        "weight": _plane(weight),
        "pasted": paste_back(frame(), detailed, weight, crop_from_frame)[::20, ::20].ravel().tolist(),
        **_detection(),
        "boxes": BOXES,
        "scores": SCORES,
        "kept": [int(i) for i in keep],
        "smoothed": smoothed.ravel().tolist(),
        **_around_the_swap(),
        "luma_grid": _grid(soft_face()),
        "network": _network(),
        "network_says": NETWORK_SAYS,
    }


def _pixels(image: NDArray[np.uint8]) -> list[int]:
    return image[AT.start :: AT.step, AT.start :: AT.step].ravel().tolist()


def _plane(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 6) for value in values[AT.start :: AT.step, AT.start :: AT.step].ravel()]


def _grid(image: NDArray[np.uint8]) -> list[float]:
    luma = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    return luma[::8, ::8].ravel().tolist()


def _network() -> str:
    """A network file that says something about itself, in base 64."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    model = helper.make_model(helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y]))
    helper.set_model_props(model, NETWORK_SAYS)
    return base64.b64encode(model.SerializeToString()).decode()


if __name__ == "__main__":
    FILE.write_text(json.dumps(golden(), ensure_ascii=False) + "\n", encoding="utf-8")
