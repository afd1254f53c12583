/** Bringing a swapped face to the target's strength of detail; a port of `blend/detail.py`, which says where the numbers come from. */
import { DETAIL } from './constants.js';
import { gaussianMean } from './filters.js';
import { added, grey, indicesAbove } from './picture.js';

/** @typedef {import('./picture.js').Picture} Picture */

/**
 * Strengthen the fine detail of a soft swapped face until it is as strong as that of the target's face.
 *
 * @param {Picture} swapped crop
 * @param {Picture} target the same crop before
 * @param {Float32Array} mask one value a pixel in [0, 1]
 * @returns {Picture} the input itself where nothing is to be strengthened, or the mask shows too little face
 */
export function matchDetail(swapped, target, mask) {
  const inside = indicesAbove(mask, DETAIL.MIN_WEIGHT);
  if (inside.length < DETAIL.MIN_PIXELS_SHARE * mask.length) return swapped;
  const ours = detail(swapped);
  const wanted = strength(detail(target), inside) / Math.max(strength(ours, inside), DETAIL.MIN_LEVELS);
  const gain = Math.min(wanted, DETAIL.MAX_GAIN);
  if (gain <= 1) return swapped;
  return added(swapped, ours, gain - 1);
}

/** Luma less its Gaussian mean. @param {Picture} picture */
function detail(picture) {
  const luma = grey(picture);
  const mean = gaussianMean(luma, DETAIL.WIDTH_PX, DETAIL.KERNEL_PX).data;
  for (let i = 0; i < mean.length; i++) luma.data[i] -= mean[i];
  return luma.data;
}

/** Root mean square over the face. @param {Float32Array} values @param {Int32Array} inside */
function strength(values, inside) {
  let squares = 0;
  for (let k = 0; k < inside.length; k++) squares += values[inside[k]] * values[inside[k]];
  return Math.sqrt(squares / inside.length);
}
