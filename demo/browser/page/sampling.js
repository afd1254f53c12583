/**
 * Pixels of a result read from a picture through a matrix, by `pixels.c`; each fills a result that is given.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./pixels.js').Loops} Loops
 */
import { bounds, transformPoints } from './align.js';
import { withLoops } from './pixels.js';

const REACH = 3; // pixels about a place that a cubic reads, and one for rounding
const CUBIC = -0.75; // OpenCV's

/** Bilinear, border repeated. @param {Picture} picture @param {Matrix} inFromOut @param {Picture} result filled */
export function sampleLinear(picture, inFromOut, result) {
  withRows(picture, inFromOut, result, (calls, given, y) => calls.linear(...given, y, result.width, result.height));
}

/** Cubic, border repeated. @param {Picture} picture @param {Matrix} inFromOut @param {Picture} result filled */
export function sampleCubic(picture, inFromOut, result) {
  withRows(picture, inFromOut, result, (calls, given, y) => calls.cubic(...given, y, result.width, result.height));
}

/** Bilinear; outside is zero, or the border repeated. @param {Plane} plane @param {Matrix} inFromOut @param {Plane} result filled @param {boolean} repeats */
export function samplePlane(plane, inFromOut, result, repeats) {
  withLoops((loops) => {
    const y = loops.room(result.data.length);
    const x = loops.keep(plane.data);
    const given = [x, plane.width, plane.height, ...inFromOut, Number(repeats)];
    loops.calls.plane(...given, y, result.width, result.height);
    result.data.set(loops.floats(y, result.data.length));
  });
}

/**
 * Only the rows that a result shows are handed over: a photo's face is a small part of it.
 *
 * @param {Picture} picture
 * @param {Matrix} inFromOut
 * @param {Picture} result
 * @param {(calls: Loops['calls'], given: number[], y: number) => void} fill
 */
function withRows({ width, height, data }, inFromOut, result, fill) {
  const corners = transformPoints(inFromOut, [
    [0, 0],
    [result.width, 0],
    [result.width, result.height],
    [0, result.height],
  ]);
  const [, above, , below] = bounds(corners);
  const top = Math.min(Math.max(Math.floor(above) - REACH, 0), height - 1);
  const bottom = Math.min(Math.max(Math.ceil(below) + REACH, top + 1), height);
  withLoops((loops) => {
    const y = loops.room(result.data.length / 4);
    const x = loops.keepBytes(data.subarray(top * width * 4, bottom * width * 4));
    fill(loops.calls, [x, width, top, bottom, ...inFromOut], y);
    result.data.set(loops.bytes(y, result.data.length));
  });
}

/** One place of a plane, bilinear, border repeated. @param {Plane} plane @param {number} x @param {number} y */
export function linearAt({ width, height, data }, x, y) {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const [s, t] = [x - i, y - j];
  const [left, right] = [clamped(i, width), clamped(i + 1, width)];
  const [above, below] = [clamped(j, height) * width, clamped(j + 1, height) * width];
  const upper = (1 - s) * data[above + left] + s * data[above + right];
  return (1 - t) * upper + t * ((1 - s) * data[below + left] + s * data[below + right]);
}

/**
 * One place of a picture whose column is a whole number, cubic, border repeated.
 *
 * @param {Picture} picture
 * @param {number} x
 * @param {number} y
 * @param {Uint8ClampedArray} out
 * @param {number} to where its red goes
 */
export function cubicAt({ width, height, data }, x, y, out, to) {
  const j = Math.floor(y);
  const t = y - j;
  const down = cubicWeights(t);
  for (let channel = 0; channel < 3; channel++) {
    let level = 0;
    for (let m = 0; m < 4; m++) level += down[m] * data[4 * (clamped(j - 1 + m, height) * width + x) + channel];
    out[to + channel] = level;
  }
}

/** Weights of the four pixels about a place. @param {number} t how far it lies beyond the second */
export function cubicWeights(t) {
  const [above, own, below] = [outer(1 + t), inner(t), inner(1 - t)];
  return [above, own, below, 1 - above - own - below];
}

/** Weight of a pixel less than one away. @param {number} t */
function inner(t) {
  return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1;
}

/** Weight of a pixel one to two away. @param {number} t */
function outer(t) {
  return ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC;
}

/** @param {number} place @param {number} length */
function clamped(place, length) {
  return place < 0 ? 0 : place >= length ? length - 1 : place;
}
