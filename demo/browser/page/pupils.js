/** Pupils, and what mirrors in them; a port of `blend/pupils.py`, which says where the numbers come from. */
import { GAZE, LANDMARKS_68, PUPILS } from './constants.js';
import { gaussianMean } from './filters.js';
import { atSide, forPixels, softHull } from './outline.js';
import { clamp, lumaAt, newPlane } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./outline.js').Outline} Outline
 */

/**
 * Give the swapped eyes the fine light and shade that the target's have, in place of their own. No pixel becomes darker or lighter than
 * it is in both faces.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target of the same size
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of a crop of 224
 * @param {number} strength how far, 0 to 1
 * @returns {Picture}
 */
export function bringBackPupils(swapped, target, landmarks, strength) {
  const data = swapped.data.slice();
  for (const eye of [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE]) {
    const outline = atSide(softHull(landmarks.slice(...eye), PUPILS), swapped.width);
    if (outline.data.length === 0) continue;
    const [ours, theirs] = [data, target.data].map((pixels) => detailOf(pixels, outline, swapped.width));
    forPixels(outline.box, swapped.width, (at, i) => {
      const [luma, light] = [lumaAt(data, at), lumaAt(target.data, at)];
      const factor = Math.exp((theirs[i] - ours[i]) * outline.data[i] * strength);
      const wanted = (luma + GAZE.DARK) * factor - GAZE.DARK;
      const change = clamp(wanted, Math.min(luma, light), Math.max(luma, light)) - luma;
      const [darker, share] = [1 + Math.min(change, 0) / Math.max(luma, 1), Math.max(change, 0) / (light + GAZE.DARK)];
      for (let p = at; p < at + 3; p++) data[p] = data[p] * darker + share * (target.data[p] + GAZE.DARK); // clamps, rounds
    });
  }
  return { ...swapped, data };
}

/**
 * By how much each pixel differs from the mean light within the eye around it, as a logarithm.
 *
 * @param {Uint8ClampedArray} data
 * @param {Outline} eye
 * @param {number} width of the picture
 */
function detailOf(data, { box, data: weight }, width) {
  const [inside, whole] = [0, 1].map(() => newPlane(box[2] - box[0], box[3] - box[1]));
  whole.data.set(weight);
  const logarithms = new Float32Array(weight.length);
  forPixels(box, width, (at, i) => {
    logarithms[i] = Math.log(lumaAt(data, at) + GAZE.DARK);
    inside.data[i] = logarithms[i] * weight[i];
  });
  const [sums, weights] = [inside, whole].map((plane) => gaussianMean(plane, PUPILS.FINE * width).data);
  return logarithms.map((own, i) => own - sums[i] / Math.max(weights[i], 1e-3));
}
