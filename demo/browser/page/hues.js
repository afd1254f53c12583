/** Green or violet shades that no face has; a port of `blend/hues.py`, which says where the numbers come from. */
import { COLOUR, HUES, LANDMARKS_68 } from './constants.js';
import { gaussianMean } from './filters.js';
import { forPixels, softHull } from './outline.js';
import { LUMA, clamp, newPicture, newPlane, resize } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 * @typedef {{violet: number[], low: number, high: number}} HueLimits how green and how violet a target's face is: the change of red, green
 *   and blue that makes a pixel more violet and no lighter, the least and the most of it as shares of the light
 */
const SIDE = HUES.SIDE_PX;

/**
 * What a face in this picture may look like.
 *
 * @param {Picture} target crop, 224 x 224
 * @param {Float32Array<ArrayBuffer>} mask one value a pixel in [0, 1], where the face is
 * @param {readonly Point[]} landmarks 68 of the target, in its pixels
 * @returns {HueLimits | null} null where too little of the face is seen
 */
export function hueLimits(target, mask, landmarks) {
  const { data } = resize(target, SIDE, SIDE);
  const shown = inside(mask, target.width);
  const kept = lipsAndEyes(landmarks, target.width);
  const face = shown.filter((i) => kept[i] < COLOUR.MIN_WEIGHT);
  if (face.length < HUES.FEWEST) return null;
  let [red, blue] = [0, 0];
  for (const i of face) {
    const light = Math.max(dot(LUMA, data, 4 * i), HUES.DARK);
    red += data[4 * i] / light - 1;
    blue += data[4 * i + 2] / light - 1;
  }
  [red, blue] = [red / face.length, blue / face.length];
  if (Math.hypot(red, blue) < HUES.GREY) [red, blue] = HUES.USUAL_SKIN;
  const violet = awayFromGreen([red, -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1], blue]);
  const { luma, own } = beside(data, violet);
  const shares = Float32Array.from(face, (i) => own[i] / Math.max(luma[i], HUES.DARK)).sort();
  const low = shares[Math.floor(HUES.OUTER * shares.length)];
  const high = shares[Math.floor((1 - HUES.OUTER) * shares.length)];
  return { violet, low: Math.min(low, -HUES.LEAST), high: Math.max(high, HUES.LEAST) };
}

/**
 * Make a swapped face no greener and no more violet than the target's; how light it is stays.
 *
 * @param {Picture} swapped colours matched, 224 x 224
 * @param {Float32Array<ArrayBuffer>} mask one value a pixel in [0, 1]
 * @param {readonly Point[]} landmarks 68 of the target, in its pixels
 * @param {HueLimits} limits of the target
 * @returns {Picture} the input itself where nothing is; lips and eyes stay as they are
 */
export function calmHues(swapped, mask, landmarks, { violet, low, high }) {
  const { luma, own } = beside(resize(swapped, SIDE, SIDE).data, violet);
  const less = newPlane(SIDE, SIDE);
  for (let i = 0; i < own.length; i++) {
    const light = Math.max(luma[i], HUES.DARK);
    const beyond = own[i] - clamp(own[i], low * light, high * light);
    less.data[i] = Math.sign(beyond) * Math.max(Math.abs(beyond) - HUES.SLACK, 0);
  }
  const shown = inside(mask, swapped.width);
  if (shown.every((i) => less.data[i] === 0)) return swapped; // as with most faces
  const kept = lipsAndEyes(landmarks, swapped.width);
  for (let i = 0; i < kept.length; i++) less.data[i] *= 1 - kept[i];
  if (shown.every((i) => Math.abs(less.data[i]) < HUES.ROUNDED)) return swapped;
  const each = resize(less, swapped.width, swapped.height).data;
  const result = newPicture(swapped.width, swapped.height);
  for (let i = 0; i < each.length; i++) {
    for (let c = 0; c < 3; c++) result.data[4 * i + c] = swapped.data[4 * i + c] - each[i] * violet[c];
    result.data[4 * i + 3] = swapped.data[4 * i + 3];
  }
  return result;
}

/** What makes a pixel more violet and no lighter, of unit length, beside this colour of skin. @param {number[]} skin as a share of the light, less 1 */
function awayFromGreen([red, green, blue]) {
  const across = [LUMA[1] * blue - LUMA[2] * green, LUMA[2] * red - LUMA[0] * blue, LUMA[0] * green - LUMA[1] * red];
  const length = -Math.sign(across[1]) * Math.hypot(...across);
  return across.map((one) => one / length);
}

/** Levels of light, and by how many a pixel lies beside the line between grey and skin. @param {Uint8ClampedArray} data @param {number[]} violet */
function beside(data, violet) {
  const [luma, own] = [newPlane(SIDE, SIDE), newPlane(SIDE, SIDE)];
  const sum = violet[0] + violet[1] + violet[2];
  for (let i = 0; i < luma.data.length; i++) {
    luma.data[i] = dot(LUMA, data, 4 * i);
    own.data[i] = dot(violet, data, 4 * i) - sum * luma.data[i];
  }
  return { luma: gaussianMean(luma, HUES.BLUR_PX).data, own: gaussianMean(own, HUES.BLUR_PX).data };
}

/** @param {readonly number[]} weights @param {Uint8ClampedArray} data @param {number} at */
function dot(weights, data, at) {
  return weights[0] * data[at] + weights[1] * data[at + 1] + weights[2] * data[at + 2];
}

/** Pixels of the small picture that show the face. @param {Float32Array<ArrayBuffer>} mask @param {number} sizePx */
function inside(mask, sizePx) {
  const { data } = resize({ width: sizePx, height: sizePx, data: mask }, SIDE, SIDE);
  return Array.from(data.keys()).filter((i) => data[i] > COLOUR.MIN_WEIGHT);
}

/** How far each pixel of the small picture belongs to lips or eyes. @param {readonly Point[]} landmarks @param {number} sizePx */
function lipsAndEyes(landmarks, sizePx) {
  const kept = newPlane(sizePx, sizePx);
  for (const [part, soft] of /** @type {const} */ ([
    [LANDMARKS_68.OUTER_LIPS, HUES.LIPS],
    [LANDMARKS_68.LEFT_EYE, HUES.EYES],
    [LANDMARKS_68.RIGHT_EYE, HUES.EYES],
  ])) {
    const outline = softHull(landmarks.slice(...part), soft);
    forPixels(outline.box, sizePx, (at, i) => {
      kept.data[at / 4] = Math.max(kept.data[at / 4], outline.data[i]);
    });
  }
  return resize(kept, SIDE, SIDE).data;
}
