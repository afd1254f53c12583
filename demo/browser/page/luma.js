/** Luma of a face at the size of a crop; a port of `blend/luma.py`. */
import { grey, resize, warp } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 */

/**
 * Luma of a square picture, averaged down.
 *
 * @param {Picture} picture
 * @param {number} side of the result
 * @returns {Plane} in whole levels
 */
export function smallLuma(picture, side) {
  let luma = grey(picture);
  const whole = Math.floor(luma.width / side);
  if (whole > 1) {
    const less = Math.floor(luma.width / whole);
    luma = rounded(resize(luma, less, less));
  }
  if (luma.width === side) return luma;
  const scale = side / luma.width;
  const shift = (scale - 1) / 2; // pixel centres stand at whole numbers
  return rounded(warp(luma, [scale, 0, shift, 0, scale, shift], side, side, { repeats: true }));
}

/** @param {Plane} plane */
function rounded(plane) {
  return { ...plane, data: plane.data.map(Math.round) };
}
