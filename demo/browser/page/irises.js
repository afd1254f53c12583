/** Colours that eyes do not have: violet irises, blue whites, and blue irises that are nobody's; a port of `blend/irises.py`, which says where the numbers come from. */
import { IRISES, LANDMARKS_68 } from './constants.js';
import { atSide, forPixels, softHull } from './outline.js';
import { LUMA, lumaAt } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./outline.js').Outline} Outline
 */

/**
 * How surely somebody's eyes are blue, in [0, 1]: irises that are light, and no less blue than the whites beside them.
 *
 * @param {Picture} picture an aligned crop
 * @param {readonly Point[]} landmarks 68, in its pixels
 * @returns {number} 1 too where eyes are closed or too small to be told
 */
export function bluenessOfEyes({ width, data }, landmarks) {
  const found = [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE]
    .map((eye) => irisAndWhite(data, width, landmarks.slice(...eye)))
    .filter((one) => one !== null);
  if (found.length === 0) return 1;
  return [IRISES.BLUER, IRISES.LIGHT].reduce((share, [begins, ends], i) => {
    const mean = found.reduce((sum, one) => sum + one[i], 0) / found.length;
    return share * Math.min(Math.max((mean - begins) / (ends - begins), 0), 1);
  }, 1);
}

/**
 * By how much of its light an iris is bluer than the white, and how light it is as a share of the lightest.
 *
 * @param {Uint8ClampedArray} data
 * @param {number} width
 * @param {Point[]} eye
 * @returns {[number, number] | null}
 */
function irisAndWhite(data, width, eye) {
  const { box, data: weight } = atSide(softHull(eye, IRISES), width);
  /** @type {number[]} */
  const inside = [];
  forPixels(box, width, (at, i) => {
    if (weight[i] > IRISES.WITHIN) inside.push(at);
  });
  if (inside.length === 0) return null;
  const across = eye.map(([x]) => x);
  const [middleX, middleY] = [0, 1].map((axis) => eye.reduce((sum, point) => sum + point[axis], 0) / eye.length);
  const reach = IRISES.IRIS * (Math.max(...across) - Math.min(...across));
  const around = inside.filter((at) => {
    const pixel = at / 4;
    return Math.hypot((pixel % width) - middleX, Math.floor(pixel / width) - middleY) < reach;
  });
  const isWhite = whiteness(data, inside);
  const white = inside.filter((at) => isWhite(at) > IRISES.WITHIN);
  if (Math.min(around.length, white.length) < IRISES.FEWEST) return null;
  /** @param {number} at */
  const luma = (at) => lumaAt(data, at);
  /** @param {number} at */
  const relative = (at) => coolness(data, at) / Math.max(luma(at), IRISES.DARK);
  const lightest = quantile(around.map(luma), IRISES.USUAL_IRIS);
  const iris = around.filter((at) => luma(at) <= lightest); // not the light that mirrors in it
  const bluer = quantile(iris.map(relative), 0.5) - quantile(white.map(relative), IRISES.COOL);
  return [bluer, quantile(iris.map(luma), 0.5) / Math.max(quantile(inside.map(luma), IRISES.LIGHTEST), 1)];
}

/**
 * Give violet irises as much green as makes them blue, and whites no more blue than the target's have; how light they are stays.
 * Eyes of somebody whose irises are not blue are no bluer than those whites as a whole. Whites that outshine the target's face are half as
 * much lighter.
 *
 * @param {Picture} swapped colours matched, 224 x 224
 * @param {Picture} target of the same size
 * @param {readonly Point[]} landmarks 68 of the target, in its pixels
 * @param {number} [blue] how surely the source's own eyes are; 1 where nobody knows
 * @returns {Picture}
 */
export function calmEyes(swapped, target, landmarks, blue = 1) {
  const data = swapped.data.slice();
  for (const eye of [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE]) {
    const outline = atSide(softHull(landmarks.slice(...eye), IRISES), swapped.width);
    /** Pixels of the eye itself: where their red stands. @type {number[]} */
    const inside = [];
    forPixels(outline.box, swapped.width, (at, i) => {
      if (outline.data[i] > IRISES.WITHIN) inside.push(at);
    });
    if (inside.length === 0) continue;
    lessViolet(data, target.data, outline, swapped.width, inside);
    lessBlue(data, target.data, outline, swapped.width, inside);
    lessLight(data, target.data, outline, swapped.width, inside);
    if (blue === 1) continue;
    greyer(
      data,
      target.data,
      atSide(softHull(landmarks.slice(...eye), IRISES.LIDS), swapped.width),
      swapped.width,
      inside,
      blue,
    );
  }
  return { ...swapped, data };
}

/** @param {Uint8ClampedArray} data @param {Uint8ClampedArray} theirs @param {Outline} outline @param {number} width @param {number[]} inside */
function lessViolet(data, theirs, { box, data: weight }, width, inside) {
  const usual = quantile(inside.map((at) => lackOfGreen(theirs, at)), IRISES.USUAL); // prettier-ignore
  forPixels(box, width, (at, i) => change(data, at, 1, Math.max(lackOfGreen(data, at) - usual, 0) * weight[i]));
}

/** @param {Uint8ClampedArray} data @param {Uint8ClampedArray} theirs @param {Outline} outline @param {number} width @param {number[]} inside */
function lessBlue(data, theirs, { box, data: weight }, width, inside) {
  const ours = whiteness(data, inside);
  const white = whiteness(theirs, inside);
  const cool = inside.filter((at) => white(at) > IRISES.WITHIN).map((at) => coolness(theirs, at));
  const usual = Math.max(quantile(cool, IRISES.COOL), 0);
  forPixels(box, width, (at, i) => {
    change(data, at, 2, -Math.max(coolness(data, at) - usual, 0) * ours(at) * white(at) * weight[i]);
  });
}

/** @param {Uint8ClampedArray} data @param {Uint8ClampedArray} theirs @param {Outline} outline @param {number} width @param {number[]} inside @param {number} blue */
function greyer(data, theirs, { box, data: weight }, width, inside, blue) {
  const white = whiteness(theirs, inside);
  const cool = inside.filter((at) => white(at) > IRISES.WITHIN).map((at) => coolness(theirs, at));
  const most = Math.max(quantile(cool, IRISES.COOL_OF_WHITE), 0);
  forPixels(box, width, (at, i) => {
    const own = coolness(data, at);
    if (own <= most) return;
    const share = Math.max(1 - most / Math.max(own, 1), 0) * weight[i] * (1 - blue);
    const grey = LUMA[0] * data[at] + LUMA[1] * data[at + 1] + LUMA[2] * data[at + 2];
    for (let c = 0; c < 3; c++) data[at + c] += (grey - data[at + c]) * share;
  });
}

/** @param {Uint8ClampedArray} data @param {Uint8ClampedArray} theirs @param {Outline} outline @param {number} width @param {number[]} inside */
function lessLight(data, theirs, { box, data: weight }, width, inside) {
  let [sum, count] = [0, 0];
  forPixels(box, width, (at, i) => {
    if (weight[i] <= 0) return;
    sum += lumaAt(theirs, at);
    count++;
  });
  const [ours, lightest] = [
    quantile(inside.map((at) => lumaAt(data, at)), IRISES.WHITES), // prettier-ignore
    quantile(inside.map((at) => lumaAt(theirs, at)), IRISES.LIGHTEST), // prettier-ignore
  ];
  const most = Math.max(IRISES.OF_EYE * lightest, (IRISES.OF_LIDS * sum) / count);
  if (ours <= most) return; // nothing, or what mirrors in an iris
  forPixels(box, width, (at, i) => {
    const own = lumaAt(data, at);
    const factor = 1 - (Math.max(own - most, 0) * (1 - IRISES.LEFT) * weight[i]) / Math.max(own, 1);
    for (let c = 0; c < 3; c++) data[at + c] *= factor;
  });
}

/** So much more of a channel, and as light as before. @param {Uint8ClampedArray} data @param {number} at @param {number} channel @param {number} more */
function change(data, at, channel, more) {
  if (more === 0) return;
  const before = lumaAt(data, at);
  const light = before / Math.max(before + LUMA[channel] * more, 1);
  for (let c = 0; c < 3; c++) data[at + c] = (data[at + c] + (c === channel ? more : 0)) * light; // clamps, rounds
}

/** How surely a pixel belongs to the white of an eye, by its light. @param {Uint8ClampedArray} data @param {number[]} inside */
function whiteness(data, inside) {
  const lightest = Math.max(quantile(inside.map((at) => lumaAt(data, at)), IRISES.LIGHTEST), 1); // prettier-ignore
  const [begins, ends] = IRISES.WHITE;
  return (/** @type {number} */ at) =>
    Math.min(Math.max((lumaAt(data, at) / lightest - begins) / (ends - begins), 0), 1);
}

/** Levels that a bluish pixel lacks of green. @param {Uint8ClampedArray} data @param {number} at */
function lackOfGreen(data, at) {
  const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
  return blue > red ? Math.max((red + blue) / 2 - green - IRISES.BLUE * blue, 0) : 0;
}

/** By how many levels blue lies above the mean of red and green. @param {Uint8ClampedArray} data @param {number} at */
function coolness(data, at) {
  return data[at + 2] - (data[at] + data[at + 1]) / 2;
}

/** The number that so much of some lies below. @param {number[]} values @param {number} share */
function quantile(values, share) {
  return values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];
}
