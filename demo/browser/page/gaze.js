/** The target's gaze comes back; a port of `blend/gaze.py`, which says where the numbers come from. */
import { GAZE, LANDMARKS_68 } from './constants.js';
import { atSide, softHull, strongest } from './outline.js';
import { lumaAt } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 */

/**
 * Where the target's eyes show.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 */
export function gazeWeight(landmarks) {
  const eyes = [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE];
  return strongest(eyes.map((eye) => ({ outline: softHull(landmarks.slice(...eye), GAZE), of: (own) => own })));
}

/**
 * Give the swapped eyes the target's light and shade: where they look, and how far they are open.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target of the same size
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of a crop of 224
 * @param {number} strength how far, 0 to 1
 * @returns {Picture}
 */
export function bringBackGaze(swapped, target, landmarks, strength) {
  const { box, data: weight } = atSide(gazeWeight(landmarks), swapped.width);
  const [left, top, right, bottom] = box;
  const data = swapped.data.slice();
  for (let y = top, i = 0; y < bottom; y++) {
    for (let at = 4 * (y * swapped.width + left), x = left; x < right; x++, i++, at += 4) {
      if (weight[i] <= 0) continue;
      const before = lumaAt(swapped.data, at);
      const change = (lumaAt(target.data, at) - before) * weight[i] * strength;
      // Darkened by a factor and lightened by a difference: by a difference, skin that becomes a lid's line would turn red.
      const factor = 1 + Math.min(change, 0) / Math.max(before, 1);
      for (let p = at; p < at + 3; p++) data[p] = data[p] * factor + Math.max(change, 0); // clamps, rounds
    }
  }
  return { ...swapped, data };
}
