/**
 * Hiding the mark in a swapped crop before it is pasted, as `marking/watermark.py` does for video: a pattern of a few
 * levels that `verify` finds again. `mark_pattern.js` works it out on a grid of 112 x 112: in luminance, for the large faces of
 * photos in blue less luminance.
 *
 * @typedef {'' | 'fine' | 'blue'} MarkForm coarse, for a camera's faces and the smallest of photos; for larger ones; for large ones
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {(plane: Float32Array<ArrayBuffer>, weight: Float32Array<ArrayBuffer>, form: MarkForm, share: number) => Promise<Float32Array>} DrawPattern
 *   what carries it and the paste weight on the grid, and the share of its strength -> change of each of the 224 * 224 pixels, in levels
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
  const sidePx = sideInFrame(cropFromFrame, sizePx);
  const [form, share] = moment === null ? [formFor(sidePx), quietness(sidePx)] : [/** @type {MarkForm} */ (''), 1];
  const isBlue = form === 'blue';
  let pattern = moment?.memory.mark.carried(moment.timeS) ?? null;
  if (pattern === null) {
    const plane = { width: crop.width, height: crop.height, data: weight };
    pattern = /** @type {Float32Array<ArrayBuffer>} */ (
      await drawPattern(isBlue ? blueGrid(crop) : lumaGrid(crop), onGrid(plane), form, share)
    );
    moment?.memory.mark.keep(pattern, moment.timeS);
  }
  const change = resize({ width: CROP_PX, height: CROP_PX, data: pattern }, crop.width, crop.height).data;
  return isBlue ? bluer(crop, change) : added(crop, change);
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

/** @param {number} sidePx of a photo's crop in it @returns {MarkForm} */
function formFor(sidePx) {
  if (sidePx >= MARK.BLUE_FROM_PX) return 'blue';
  return sidePx >= MARK.FINE_FROM_PX ? 'fine' : '';
}

/** What the strength is multiplied by for a face's size. @param {number} sidePx of its crop in the picture */
function quietness(sidePx) {
  return Math.max(MARK.QUIETEST, Math.min(1, MARK.QUIETER_FROM_PX / Math.max(sidePx, 1)));
}

/** Luminance averaged to the grid and rounded, as OpenCV does it. @param {Picture} crop square */
export function lumaGrid(crop) {
  return onGrid(grey(crop)).map((level) => Math.floor(level + 0.5));
}

/** Blue less luminance on the grid, colours averaged and rounded as OpenCV does it. @param {Picture} crop square */
export function blueGrid({ width, height, data }) {
  const [reds, greens, blues] = [0, 1, 2].map((channel) =>
    onGrid({ width, height, data: Float32Array.from({ length: width * height }, (_, i) => data[4 * i + channel]) }).map(
      (level) => Math.floor(level + 0.5),
    ),
  );
  const [red, green, blue] = MARK.BLUE_LESS_LUMA;
  return blues.map((own, i) => red * reds[i] + green * greens[i] + blue * own);
}

/** A picture whose blue less luminance is changed, by its blue alone. @param {Picture} picture @param {Float32Array} change one a pixel */
function bluer({ width, height, data }, change) {
  const result = data.slice();
  change.forEach((own, i) => (result[4 * i + 2] = data[4 * i + 2] + own / MARK.BLUE_LESS_LUMA[2]));
  return { width, height, data: result };
}

/** Means of areas. @param {import('./picture.js').Plane} plane square @returns {Float32Array<ArrayBuffer>} (112 * 112) */
export function onGrid(plane) {
  return resize(plane, GRID_PX, GRID_PX).data;
}
