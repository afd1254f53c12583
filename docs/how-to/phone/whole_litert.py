"""From two photos to a swapped one with five LiteRT files: python whole_litert.py MODELS source.jpg target.jpg swapped.png

MODELS holds detector, landmarks, identity, occlusion and network.tflite, as `export --part` and `export --dynamic` write them. One
upright face a photo; ai-edge-litert, numpy and OpenCV alone.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from swap_litert import crop_from_frame, paste, refine

SIDE = 224
TEMPLATE = 2 * np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
MASK = {"threshold": 0.001, "close": 11, "erode": 11, "blur": 7, "border": 10, "border_blur": 11}
VISIBLE, HIDDEN = 0.3, 0.7  # between these probabilities the target fades in
RIM = 3  # outermost pixels of the occlusion network's answer, which are not its own


def load(folder, name):
    return Interpreter(str(folder / f"{name}.tflite"), num_threads=2).get_signature_runner()


def unit(pixels):
    return pixels[None].astype(np.float32) / 255


def box_of(detector, photo):
    """The best face: left, top, right, bottom in pixels, 0 at the photo's edge."""
    scale = min(320 / photo.shape[1], 240 / photo.shape[0])
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:240, :320]
    picture = cv2.copyMakeBorder(small, 0, 240 - small.shape[0], 0, 320 - small.shape[1], cv2.BORDER_REPLICATE)
    found = detector(picture=unit(picture))
    best = found["scores"][0, :, 1].argmax()
    return found["boxes"][0, best] * [320, 240, 320, 240] / scale


def five_of(landmarks, photo, box):
    """Eye centres, nose tip and mouth corners: the network looks at a square around the box, then twice at what it has found."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    size = np.full(2, 1.1 * (box[2:] - box[:2]).max())
    low = (box[:2] + box[2:] - size) / 2
    for _ in range(3):
        (a, b), (c, d) = 64 / size, 0.5 - low
        matrix = np.array([[a, 0, a * c - 0.5], [0, b, b * d - 0.5]])
        shown = cv2.warpAffine(grey, matrix, (64, 64), borderMode=cv2.BORDER_REPLICATE)
        points = low + landmarks(crop=unit(shown[..., None]))["points"].reshape(68, 2) * size
        extent = np.ptp(points, axis=0)
        low, size = points.min(0) - extent * [0.10, 0.15], extent * [1.20, 1.25]
    points -= 0.5  # from the photo's edge to the centre of its first pixel
    return np.array([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])


def main(folder, source, target, out):
    networks = {name: load(folder, name) for name in ("detector", "landmarks", "identity", "occlusion", "network")}
    crops = {}
    for path in (source, target):
        photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        five = five_of(networks["landmarks"], photo, box_of(networks["detector"], photo))
        matrix = crop_from_frame(five, TEMPLATE)
        crops[path] = photo, matrix, cv2.warpAffine(photo, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    kernels = networks["identity"](photos=unit(crops[source][2]))["kernels"]  # once a person
    frame, matrix, crop = crops[target]
    drawn = networks["network"](crop=unit(crop), kernels=kernels)
    hidden = networks["occlusion"](crop=unit(crop))["hidden"][0, RIM:-RIM, RIM:-RIM, 0]
    visible = np.clip((HIDDEN - np.pad(hidden, RIM, mode="edge")) / (HIDDEN - VISIBLE), 0, 1)
    weight = np.minimum(refine(drawn["mask"][0, :, :, 0], MASK), visible)
    face = np.clip(np.rint(drawn["face"][0] * 255), 0, 255).astype(np.uint8)
    swapped = cv2.cvtColor(paste(frame, face, weight, matrix), cv2.COLOR_RGB2BGR)
    cv2.putText(
        swapped, "face swapped", (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2
    )  # and see docs/marking.md
    cv2.imwrite(str(out), swapped)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python whole_litert.py MODELS SOURCE TARGET OUT.png")
    main(*map(Path, sys.argv[1:]))
