/**
 * Hiding the mark in a swapped crop before it is pasted, as `marking/watermark.py` does for video: a pattern of a few grey
 * levels that `verify` finds again. The network `watermark.onnx` works it out on a grid of 112 x 112.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {(luma: Float32Array<ArrayBuffer>, weight: Float32Array<ArrayBuffer>) => Promise<Float32Array>} DrawPattern
 *   what runs that network: luma and paste weight on the grid -> change of each of the 224 * 224 pixels, in grey levels
 */
import { MARK } from './constants.js';
import { grey } from './picture.js';

/** @type {number} */
export const GRID_PX = MARK.GRID_PX;
export const MARKED_MODEL = 'student'; // the mark spells its model's name, and the file that ships spells this one

/**
 * The crop with the mark in it.
 *
 * @param {Picture} crop swapped, 224 x 224
 * @param {Float32Array} weight (224 * 224) in [0, 1], it will be pasted with
 * @param {DrawPattern} drawPattern
 */
export async function hideMark(crop, weight, drawPattern) {
  return addPattern(crop, await drawPattern(lumaGrid(crop), halve(weight)));
}

/** Luminance averaged to the grid and rounded, as OpenCV does it. @param {Picture} crop 224 x 224 */
export function lumaGrid(crop) {
  return halve(grey(crop).data).map((level) => Math.floor(level + 0.5));
}

/** Means of 2 x 2 values. @param {Float32Array} values (224 * 224) @returns {Float32Array<ArrayBuffer>} (112 * 112) */
export function halve(values) {
  const side = 2 * GRID_PX;
  return Float32Array.from({ length: GRID_PX * GRID_PX }, (_, i) => {
    const at = 2 * Math.floor(i / GRID_PX) * side + 2 * (i % GRID_PX);
    return (values[at] + values[at + 1] + values[at + side] + values[at + side + 1]) / 4;
  });
}

/** Add grey levels to all three channels. @param {Picture} crop @param {Float32Array} pattern @returns {Picture} */
export function addPattern(crop, pattern) {
  const data = crop.data.slice();
  for (let i = 0, p = 0; i < pattern.length; i++, p += 4) {
    for (let c = 0; c < 3; c++) data[p + c] += pattern[i]; // a clamped array rounds
  }
  return { ...crop, data };
}
