/**
 * Hiding the mark in a swapped crop before it is pasted, as `marking/watermark.py` does for video: a pattern of a few grey
 * levels that `verify` finds again. `mark_pattern.js` works it out on a grid of 112 x 112, for the large faces of photos with
 * finer carriers.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {(luma: Float32Array<ArrayBuffer>, weight: Float32Array<ArrayBuffer>, isFine: boolean) => Promise<Float32Array>} DrawPattern
 *   luma and paste weight on the grid -> change of each of the 224 * 224 pixels, in grey levels
 *
 * @typedef {object} Place where the crop lies
 * @property {import('./align.js').Matrix} cropFromFrame
 * @property {number} sizePx side of the crop
 * @property {{memory: {mark: CarriedMark}, timeS: number} | null} moment of a camera's face
 */
import { CROP_PX, sideInFrame } from './align.js';
import { MARK } from './constants.js';
import { added, grey, resize } from './picture.js';

/** @type {number} */
export const GRID_PX = MARK.GRID_PX;
const LONGEST_CARRY_S = 0.12; // of the pattern: a frame at nine a second
export const MARKED_MODEL = 'student'; // the mark spells its model's name, and the file that ships spells this one

/**
 * The crop with the mark in it.
 *
 * @param {Picture} crop swapped, square
 * @param {Float32Array<ArrayBuffer>} weight one value a pixel in [0, 1], it will be pasted with
 * @param {DrawPattern} drawPattern
 * @param {Place} place
 */
export async function hideMark(crop, weight, drawPattern, { cropFromFrame, sizePx, moment }) {
  const isFine = moment === null && sideInFrame(cropFromFrame, sizePx) >= MARK.FINE_FROM_PX;
  let pattern = moment?.memory.mark.carried(moment.timeS) ?? null;
  if (pattern === null) {
    const plane = { width: crop.width, height: crop.height, data: weight };
    pattern = /** @type {Float32Array<ArrayBuffer>} */ (await drawPattern(lumaGrid(crop), onGrid(plane), isFine));
    moment?.memory.mark.keep(pattern, moment.timeS);
  }
  return added(crop, resize({ width: CROP_PX, height: CROP_PX, data: pattern }, crop.width, crop.height).data);
}

/**
 * The pattern of a camera's face, for every second frame: it lies in the crop's coordinates, and its strength follows the
 * skin's roughness, which a face has as much of a moment later.
 */
export class CarriedMark {
  /** @type {Float32Array<ArrayBuffer> | null} */
  #pattern = null;
  #keptS = 0;

  /** What was worked out for the frame before, once. @param {number} timeS when the frame was taken */
  carried(timeS) {
    const age = timeS - this.#keptS;
    const pattern = age > 0 && age < LONGEST_CARRY_S ? this.#pattern : null;
    this.#pattern = null;
    return pattern;
  }

  /** @param {Float32Array<ArrayBuffer>} pattern @param {number} timeS */
  keep(pattern, timeS) {
    this.#pattern = pattern;
    this.#keptS = timeS;
  }
}

/** Luminance averaged to the grid and rounded, as OpenCV does it. @param {Picture} crop square */
export function lumaGrid(crop) {
  return onGrid(grey(crop)).map((level) => Math.floor(level + 0.5));
}

/** Means of areas. @param {import('./picture.js').Plane} plane square @returns {Float32Array<ArrayBuffer>} (112 * 112) */
export function onGrid(plane) {
  return resize(plane, GRID_PX, GRID_PX).data;
}
