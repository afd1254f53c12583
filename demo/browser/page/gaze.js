/** The target's gaze comes back; a port of `blend/gaze.py`, which says where the numbers come from. */
import { GAZE, LANDMARKS_68 } from './constants.js';
import { atSide, softHull } from './outline.js';
import { lumaAt } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 */

/**
 * Where the target's eyes show.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 * @returns {Float32Array<ArrayBuffer>} (224 * 224) in [0, 1]
 */
export function gazeWeight(landmarks) {
  const [left, right] = [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE].map((eye) =>
    softHull(landmarks.slice(...eye), GAZE),
  );
  return left.map((own, i) => Math.max(own, right[i]));
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
  const weight = atSide(gazeWeight(landmarks), swapped.width);
  const data = swapped.data.slice();
  for (let i = 0; i < weight.length; i++) {
    if (weight[i] <= 0) continue;
    const before = lumaAt(swapped.data, 4 * i);
    const change = (lumaAt(target.data, 4 * i) - before) * weight[i] * strength;
    // Darkened by a factor and lightened by a difference: by a difference, skin that becomes a lid's line would turn red.
    const factor = 1 + Math.min(change, 0) / Math.max(before, 1);
    for (let p = 4 * i; p < 4 * i + 3; p++) data[p] = data[p] * factor + Math.max(change, 0); // clamps, rounds
  }
  return { ...swapped, data };
}
