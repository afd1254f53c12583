"""Swaps the face of the test vectors with LiteRT and compares each step: python swap_litert.py me.tflite vectors

It needs ai-edge-litert, numpy and OpenCV alone, on Android's Termux or a Raspberry Pi as well as here.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter


def crop_from_frame(five, template):
    """The least-squares rotation, scale and shift from five points to the template: one complex number and a shift."""
    a, b = five @ [1, 1j], template @ [1, 1j]
    c = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())
    shift = b.mean() - c * a.mean()
    return np.array([[c.real, -c.imag, shift.real], [c.imag, c.real, shift.imag]])


def refine(mask, px):
    """What the swapped pixels count: the mask, faded to nothing at its own edge and at the crop's border."""
    square = np.ones((px["close"],) * 2, np.uint8)
    solid = cv2.erode(cv2.dilate((mask > px["threshold"]).astype(np.float32), square), square)
    solid = cv2.erode(solid, np.ones((px["erode"],) * 2), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    fade, edge = np.zeros_like(mask), px["border"]
    fade[edge:-edge, edge:-edge] = 1
    return mask * cv2.blur(solid, (px["blur"],) * 2) * cv2.blur(fade, (px["border_blur"],) * 2)


def paste(frame, face, weight, matrix):
    """Blend the swapped crop into its frame; a crop with more than twice the frame's pixels should be averaged first."""
    size, back = frame.shape[1::-1], cv2.invertAffineTransform(matrix)
    alpha = cv2.warpAffine(weight, back, size)[..., None]
    pixels = cv2.warpAffine(face, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.rint(frame + alpha * (pixels.astype(np.float32) - frame)), 0, 255).astype(np.uint8)


def main(model, folder):
    about = json.loads((folder / "vectors.json").read_text())
    want = {name: np.load(folder / f"{name}.npy") for name in about["arrays"]}
    side = about["crop"]["size_px"]
    interpreter = Interpreter(str(model), num_threads=2)
    run = interpreter.get_signature_runner()

    frame = want["frame"]
    matrix = crop_from_frame(want["five"], np.array(about["template"]))
    crop = cv2.warpAffine(frame, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    outputs = run(crop=crop[None].astype(np.float32) / 255)
    face, mask = outputs["face"][0], outputs["mask"][0, :, :, 0]
    weight = refine(mask, about["mask"])
    pasted = paste(frame, np.clip(np.rint(face * 255), 0, 255).astype(np.uint8), weight, matrix)

    got = {
        "crop_from_frame": matrix,
        "crop": crop,
        "face": face.transpose(2, 0, 1),
        "mask": mask,
        "weight": weight,
        "pasted": pasted,
    }
    limits = {"crop_from_frame": 1e-6, "crop": 1, "face": 0.01, "mask": 0.01, "weight": 0.02, "pasted": 3}
    good = True
    for name, limit in limits.items():
        apart = float(np.abs(got[name].astype(float) - want[name]).max())
        print(f"{name:16} differs by at most {apart:g} (limit {limit:g})")
        good &= apart <= limit
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python swap_litert.py FILE.tflite FOLDER")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
