/**
 * Hiding the mark in a swapped crop before it is pasted, as `marking/watermark.py` does for video: a pattern of a few grey
 * levels that `verify` finds again. The network `watermark.onnx` works it out on a grid of 112 x 112.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {(luma: Float32Array<ArrayBuffer>, weight: Float32Array<ArrayBuffer>) => Promise<Float32Array>} DrawPattern
 *   what runs that network: luma and paste weight on the grid -> change of each of the 224 * 224 pixels, in grey levels
 */
import { CROP_PX } from './align.js';
import { MARK } from './constants.js';
import { grey, resize } from './picture.js';

/** @type {number} */
export const GRID_PX = MARK.GRID_PX;
export const MARKED_MODEL = 'student'; // the mark spells its model's name, and the file that ships spells this one

/**
 * The crop with the mark in it.
 *
 * @param {Picture} crop swapped, square
 * @param {Float32Array<ArrayBuffer>} weight one value a pixel in [0, 1], it will be pasted with
 * @param {DrawPattern} drawPattern
 */
export async function hideMark(crop, weight, drawPattern) {
  const plane = { width: crop.width, height: crop.height, data: weight };
  const pattern = /** @type {Float32Array<ArrayBuffer>} */ (await drawPattern(lumaGrid(crop), onGrid(plane)));
  return addPattern(crop, resize({ width: CROP_PX, height: CROP_PX, data: pattern }, crop.width, crop.height).data);
}

/** Luminance averaged to the grid and rounded, as OpenCV does it. @param {Picture} crop square */
export function lumaGrid(crop) {
  return onGrid(grey(crop)).map((level) => Math.floor(level + 0.5));
}

/** Means of areas. @param {import('./picture.js').Plane} plane square @returns {Float32Array<ArrayBuffer>} (112 * 112) */
export function onGrid(plane) {
  return resize(plane, GRID_PX, GRID_PX).data;
}

/** Add grey levels to all three channels. @param {Picture} crop @param {Float32Array} pattern @returns {Picture} */
export function addPattern(crop, pattern) {
  const data = crop.data.slice();
  for (let i = 0, p = 0; i < pattern.length; i++, p += 4) {
    const added = pattern[i];
    data[p] += added; // a clamped array rounds
    data[p + 1] += added;
    data[p + 2] += added;
  }
  return { ...crop, data };
}
