/**
 * From a network's mask to the weight of the swapped pixels; a port of `blend/mask.py`, which says where the numbers come
 * from.
 */
import { CROP_PX as SIDE } from './align.js';
import { MASK } from './constants.js';
import { boxMean, boxSums, grownBySquare } from './filters.js';

/** @typedef {import('./picture.js').Plane} Plane */

const BORDER_FADE = borderFade();

/**
 * The weight of the swapped pixels: the mask, faded to 0 at its own edge and at the crop's border.
 *
 * @param {Float32Array} mask (224 * 224) in [0, 1]
 * @returns {Float32Array<ArrayBuffer>} of the same size
 */
export function refineMask(mask) {
  const above = square(new Float32Array(mask.length));
  for (let i = 0; i < mask.length; i++) above.data[i] = mask[i] > MASK.THRESHOLD ? 1 : 0;
  const closed = shrunk(grownBySquare(above, MASK.CLOSE_PX), MASK.CLOSE_PX, 'one');
  // The crop's outside counts as background, else a mask that fills the crop would not fade at its edge.
  const eroded = shrunk(closed, MASK.ERODE_PX, 'zero');
  const weight = boxMean(eroded, MASK.BLUR_PX).data;
  for (let i = 0; i < mask.length; i++) weight[i] *= mask[i] * BORDER_FADE[i];
  return weight;
}

/** 0 along the crop's border, where the target always stays, and 1 in its middle. */
function borderFade() {
  const border = MASK.BORDER_PX;
  /** @param {number} v */
  const isInner = (v) => v >= border && v < SIDE - border;
  const flat = Float32Array.from({ length: SIDE * SIDE }, (_, i) =>
    isInner(i % SIDE) && isInner(Math.floor(i / SIDE)) ? 1 : 0,
  );
  return boxMean(square(flat), MASK.BORDER_BLUR_PX).data;
}

/** Zeros and ones, a one where the square around it is full. @param {Plane} plane @param {number} side @param {'zero' | 'one'} outside */
function shrunk(plane, side, outside) {
  return boxSums(plane, side, outside, side * side);
}

/** @param {Float32Array<ArrayBuffer>} data @returns {Plane} */
function square(data) {
  return { width: SIDE, height: SIDE, data };
}
