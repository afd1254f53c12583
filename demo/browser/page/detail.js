/** Bringing a swapped face to the target's strength of detail; a port of `detail.py`, which says where the numbers come from. */

import { lumaAt } from './colour.js';

const WIDTH_PX = 1.5;
const REACH_PX = 4; // a kernel of nine
const MAX_GAIN = 1.6;
const MIN_WEIGHT = 0.6; // only pixels that are surely face are counted
const MIN_PIXELS_SHARE = 0.001;
const MIN_LEVELS = 0.3; // of 255: below it there is no detail to strengthen

const KERNEL = (() => {
  const raw = Array.from({ length: 2 * REACH_PX + 1 }, (_, i) => Math.exp(-((i - REACH_PX) ** 2) / (2 * WIDTH_PX ** 2)));
  const total = raw.reduce((sum, one) => sum + one, 0);
  return raw.map((one) => one / total);
})();

/**
 * Strengthen the fine detail of a soft swapped face until it is as strong as that of the target's face, in place.
 *
 * @param {import('./picture.js').Picture} swapped RGBA crop, changed
 * @param {import('./picture.js').Picture} target the same crop before
 * @param {Float32Array} mask one value a pixel in [0, 1]
 */
export function matchDetail(swapped, target, mask) {
  const inside = [];
  mask.forEach((weight, i) => weight > MIN_WEIGHT && inside.push(i));
  if (inside.length < MIN_PIXELS_SHARE * mask.length) return;
  const ours = detail(swapped);
  const wanted = strength(detail(target), inside) / Math.max(strength(ours, inside), MIN_LEVELS);
  const gain = Math.min(wanted, MAX_GAIN);
  if (gain <= 1) return;
  for (let i = 0; i < ours.length; i++) {
    for (let channel = 0; channel < 3; channel++) swapped.data[4 * i + channel] += ours[i] * (gain - 1); // clamps, rounds
  }
}

/** Luma less its Gaussian mean. */
function detail({ data, width, height }) {
  const luma = Float32Array.from({ length: width * height }, (_, i) => lumaAt(data, 4 * i));
  const across = blur(luma, width, height, 1, width);
  const mean = blur(across, height, width, width, 1);
  return luma.map((level, i) => level - mean[i]);
}

/** Weighted mean along lines of `length` pixels that lie `step` apart; the border is mirrored without its last pixel. */
function blur(values, length, lines, step, stride) {
  const blurred = new Float32Array(values.length);
  for (let line = 0; line < lines; line++) {
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (let k = -REACH_PX; k <= REACH_PX; k++) {
        const there = length - 1 - Math.abs(length - 1 - Math.abs(at + k));
        sum += KERNEL[k + REACH_PX] * values[line * stride + there * step];
      }
      blurred[line * stride + at * step] = sum;
    }
  }
  return blurred;
}

/** Root mean square over the face. */
function strength(values, inside) {
  return Math.sqrt(inside.reduce((sum, i) => sum + values[i] ** 2, 0) / inside.length);
}
