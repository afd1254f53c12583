/** A swapped crop at the size its face has in the photo; a port of `blend/native.py`, which says where the numbers come from. */
import { scaledCrop, sideInFrame } from './align.js';
import { NATIVE } from './constants.js';
import { alongEdges } from './edges.js';
import { clamp, resize, resizeCubic, warp } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Matrix} Matrix
 */

/** The side to finish a crop at. @param {Matrix} cropFromFrame @param {number} sizePx side of the crop */
export function nativeSide(cropFromFrame, sizePx) {
  const side = Math.round(sideInFrame(cropFromFrame, sizePx));
  return side < NATIVE.WORTH * sizePx ? sizePx : Math.max(sizePx, Math.min(side, NATIVE.LARGEST_PX));
}

/**
 * Everything about a crop at another side.
 *
 * @param {Picture} pixels
 * @param {Float32Array<ArrayBuffer>} weight
 * @param {Matrix} cropFromFrame
 * @param {Picture} frame what the crop was cut out of
 * @param {number} side
 */
export function enlarge(pixels, weight, cropFromFrame, frame, side) {
  const matrix = scaledCrop(cropFromFrame, side / pixels.width);
  const plane = { width: pixels.width, height: pixels.height, data: weight };
  const [begins, plain] = NATIVE.STEPS_SHOW;
  const strength = clamp((side / pixels.width - begins) / (plain - begins), 0, 1);
  return {
    pixels: resizeCubic(alongEdges(pixels, strength), side),
    weight: resize(plane, side, side).data,
    cropFromFrame: matrix,
    native: warp(frame, matrix, side, side),
  };
}
