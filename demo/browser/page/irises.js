/** Irises are blue, grey, green or brown; a port of `blend/irises.py`, which says where the numbers come from. */
import { IRISES, LANDMARKS_68 } from './constants.js';
import { atSide, forPixels, softHull } from './outline.js';
import { GREEN_OF_LUMA, lumaAt } from './picture.js';

/** @typedef {import('./picture.js').Picture} Picture @typedef {import('./align.js').Point} Point */

/**
 * Give violet irises as much green as makes them blue; how light they are stays.
 *
 * @param {Picture} swapped colours matched, 224 x 224
 * @param {Picture} target of the same size
 * @param {readonly Point[]} landmarks 68 of the target, in its pixels
 * @returns {Picture}
 */
export function calmViolet(swapped, target, landmarks) {
  const data = swapped.data.slice();
  for (const eye of [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE]) {
    const { box, data: weight } = atSide(softHull(landmarks.slice(...eye), IRISES), swapped.width);
    /** @type {number[]} */
    const lacks = [];
    forPixels(box, swapped.width, (at, i) => {
      if (weight[i] > IRISES.WITHIN) lacks.push(lackOfGreen(target.data, at));
    });
    if (lacks.length === 0) continue;
    const usual = lacks.sort((a, b) => a - b)[Math.floor(IRISES.USUAL * (lacks.length - 1))];
    forPixels(box, swapped.width, (at, i) => {
      const more = Math.max(lackOfGreen(data, at) - usual, 0) * weight[i];
      if (more === 0) return;
      const before = lumaAt(data, at);
      const light = before / Math.max(before + GREEN_OF_LUMA * more, 1);
      data[at] *= light; // clamps, rounds
      data[at + 1] = (data[at + 1] + more) * light;
      data[at + 2] *= light;
    });
  }
  return { ...swapped, data };
}

/** Levels that a bluish pixel lacks of green. @param {Uint8ClampedArray} data @param {number} at */
function lackOfGreen(data, at) {
  const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
  return blue > red ? Math.max((red + blue) / 2 - green - IRISES.BLUE * blue, 0) : 0;
}
