/** Bringing a swapped face to the target's strength of detail; a port of `blend/detail.py`, which says where the numbers come from. */
import { DETAIL } from './constants.js';
import { grey } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 */

const REACH_PX = (DETAIL.KERNEL_PX - 1) / 2;
const KERNEL = gaussian();

/**
 * Strengthen the fine detail of a soft swapped face until it is as strong as that of the target's face.
 *
 * @param {Picture} swapped crop
 * @param {Picture} target the same crop before
 * @param {Float32Array} mask one value a pixel in [0, 1]
 * @returns {Picture} the input itself where nothing is to be strengthened, or the mask shows too little face
 */
export function matchDetail(swapped, target, mask) {
  /** @type {number[]} */
  const inside = [];
  mask.forEach((weight, i) => weight > DETAIL.MIN_WEIGHT && inside.push(i));
  if (inside.length < DETAIL.MIN_PIXELS_SHARE * mask.length) return swapped;
  const ours = detail(swapped);
  const wanted = strength(detail(target), inside) / Math.max(strength(ours, inside), DETAIL.MIN_LEVELS);
  const gain = Math.min(wanted, DETAIL.MAX_GAIN);
  if (gain <= 1) return swapped;
  const data = swapped.data.slice();
  for (let i = 0; i < ours.length; i++) {
    for (let channel = 0; channel < 3; channel++) data[4 * i + channel] += ours[i] * (gain - 1); // clamps, rounds
  }
  return { ...swapped, data };
}

/** Luma less its Gaussian mean. @param {Picture} picture */
function detail(picture) {
  const { width, height, data: luma } = grey(picture);
  const across = blur(luma, { length: width, lines: height, step: 1, stride: width });
  const mean = blur(across, { length: height, lines: width, step: width, stride: 1 });
  return luma.map((level, i) => level - mean[i]);
}

/**
 * Weighted mean along lines; the border is mirrored without its last pixel.
 *
 * @param {Float32Array} values
 * @param {{length: number, lines: number, step: number, stride: number}} layout pixels of a line, and how far the next
 *   pixel and the next line are away
 */
function blur(values, { length, lines, step, stride }) {
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

/** Root mean square over the face. @param {Float32Array} values @param {number[]} inside */
function strength(values, inside) {
  return Math.sqrt(inside.reduce((sum, i) => sum + values[i] ** 2, 0) / inside.length);
}

/** Weights of the mean, which add up to 1. */
function gaussian() {
  const raw = Array.from({ length: DETAIL.KERNEL_PX }, (_, i) =>
    Math.exp(-((i - REACH_PX) ** 2) / (2 * DETAIL.WIDTH_PX ** 2)),
  );
  const total = raw.reduce((sum, one) => sum + one, 0);
  return raw.map((one) => one / total);
}
