/** Folds about the mouth that the target does not have; a port of `blend/folds.py`, which says where the numbers come from. */
import { FOLDS, LANDMARKS_68 } from './constants.js';
import { boxSums } from './filters.js';
import { softHull, strongest } from './outline.js';
import { cut, newPlane, resize } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Box} Box
 * @typedef {import('./outline.js').Outline} Outline
 *
 * @typedef {object} Scale of light and shade: what lies above means over squares of what a weight shows
 * @property {Plane} skin the weight, above 0
 * @property {Square} below what the scale lies above
 * @property {Square} around over which the target's own light and shade are measured
 *
 * @typedef {object} Square that means are taken over
 * @property {number} side odd
 * @property {Float32Array} shares of a sum that is weighed, in the mean around each pixel
 */

/** Of every level: a fold multiplies the light. */
const LOGARITHMS = Float32Array.from({ length: 256 }, (_, level) => Math.log(level + FOLDS.DARK));

/**
 * Where folds are softened: on both sides of nose and mouth, and down to the jaw.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 * @returns {Outline} no larger than it has to be
 */
export function foldsWeight(landmarks) {
  const nose = LANDMARKS_68.NOSE_OUTLINE.map((at) => landmarks[at]);
  const corners = [landmarks[LANDMARKS_68.LEFT_EYE[0] + 3], landmarks[LANDMARKS_68.RIGHT_EYE[0]]];
  const beside = [nose[1], nose[nose.length - 1]].map(([x, y], i) => {
    const [cornerX, cornerY] = corners[i];
    return /** @type {Point} */ ([x + FOLDS.TO_EYE * (cornerX - x), y + FOLDS.TO_EYE * (cornerY - y)]);
  });
  const lower = softHull([...landmarks.slice(...FOLDS.JAW), ...beside], FOLDS.REGION);
  const [left, right] = [landmarks[LANDMARKS_68.LEFT_MOUTH], landmarks[LANDMARKS_68.RIGHT_MOUTH]];
  const inwards = [0, 1].map((axis) => FOLDS.INSET * (right[axis] - left[axis]));
  const ends = /** @type {Point[]} */ ([
    [left[0] + inwards[0], left[1] + inwards[1]],
    [right[0] - inwards[0], right[1] - inwards[1]],
  ]);
  const chin = landmarks.slice(LANDMARKS_68.CHIN - 1, LANDMARKS_68.CHIN + 2);
  const kept = [softHull(landmarks.slice(...LANDMARKS_68.OUTER_LIPS), FOLDS.LIPS), softHull(nose, FOLDS.NOSE)];
  const middle = softHull([...nose.slice(1), ...ends, ...chin], FOLDS.MIDDLE);
  const whole = kept.map((outline) => ({ outline, of: (/** @type {number} */ own) => Math.min(2 * own, 1) }));
  takeAway(lower, strongest([...whole, { outline: middle, of: (own) => own }]));
  return tight(lower);
}

/** @param {Outline} outline changed @param {Outline} other where it is whole, nothing stays */
function takeAway({ box, data }, { box: [left, top, right, bottom], data: goes }) {
  const width = box[2] - box[0];
  for (let y = top, from = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, from++) {
      if (x < box[0] || x >= box[2] || y < box[1] || y >= box[3]) continue;
      data[(y - box[1]) * width + x - box[0]] *= 1 - goes[from];
    }
  }
}

/** The same weight in the smallest box that holds all of it: means are mirrored where that ends. @param {Outline} outline @returns {Outline} */
function tight({ box: [left, top, right, bottom], data }) {
  const [width, height] = [right - left, bottom - top];
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (data[i] <= 0) continue;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      y1 = y + 1;
    }
  }
  if (x1 <= x0) return { box: [0, 0, 0, 0], data: new Float32Array(0) };
  const shown = cut({ width, height, data }, [x0, y0, x1, y1]);
  return { box: [left + x0, top + y0, left + x1, top + y1], data: shown.data };
}

/**
 * Weaken light and shade about the mouth, on two scales, to what the target has there. Nothing is added.
 *
 * @param {Picture} swapped a crop of 224, colours matched
 * @param {Picture} target the same crop
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of the crop
 * @returns {Picture} the input itself where the lower face lies outside of the crop
 */
export function softenFolds(swapped, target, landmarks) {
  const { box, data: weight } = foldsWeight(landmarks);
  if (!weight.length) return swapped;
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  const skin = newPlane(width, height);
  for (let i = 0; i < weight.length; i++) skin.data[i] = weight[i] + FOLDS.LEAST;
  const half = halved(skin);
  const fine = { skin, below: squareOf(skin, FOLDS.FINE_PX), around: squareOf(skin, FOLDS.AROUND_PX) };
  const coarse = {
    skin: half,
    below: squareOf(half, FOLDS.HALF_COARSE_PX),
    around: squareOf(half, FOLDS.HALF_AROUND_PX),
  };
  const data = swapped.data.slice();
  for (let channel = 0; channel < 3; channel++) {
    const [ours, theirs] = [swapped, target].map((face) => logarithms(face, box, channel));
    const change = changeOf(ours, theirs, fine, coarse).data;
    for (let y = box[1], i = 0; y < box[3]; y++) {
      for (let x = box[0], at = 4 * (y * swapped.width + x) + channel; x < box[2]; x++, i++, at += 4) {
        const own = change[i] * weight[i];
        if (own !== 0) data[at] *= Math.exp(own); // clamps, rounds
      }
    }
  }
  return { ...swapped, data };
}

/** Of one channel. @param {Picture} picture @param {Box} box @param {number} channel @returns {Plane} of the box's size */
function logarithms({ width, data }, [left, top, right, bottom], channel) {
  const plane = newPlane(right - left, bottom - top);
  for (let y = top, i = 0; y < bottom; y++) {
    for (let x = left, at = 4 * (y * width + x) + channel; x < right; x++, i++, at += 4)
      plane.data[i] = LOGARITHMS[data[at]];
  }
  return plane;
}

/**
 * What is taken off both scales of one channel, the larger one in planes of half the size.
 *
 * @param {Plane} ours @param {Plane} theirs @param {Scale} fine @param {Scale} coarse
 */
function changeOf(ours, theirs, fine, coarse) {
  const change = newPlane(ours.width, ours.height);
  const [ourHalf, theirHalf] = weaken(ours, theirs, fine, change.data).map(halved);
  const more = newPlane(ourHalf.width, ourHalf.height);
  weaken(ourHalf, theirHalf, coarse, more.data);
  const [{ data }, wide] = [change, resize(more, change.width, change.height).data];
  for (let i = 0; i < data.length; i++) data[i] += wide[i];
  return change;
}

/**
 * Weaken one scale. For every frame of a camera, so there are few loops, each with all that it can do.
 *
 * @param {Plane} ours @param {Plane} theirs @param {Scale} scale
 * @param {Float32Array} change what is taken off is added to it
 * @returns {[Plane, Plane]} the means that the scale lies above, of both faces
 */
function weaken({ width, height, data: ours }, { data: theirs }, { skin: { data: skin }, below, around }, change) {
  const [a, b] = [newPlane(width, height), newPlane(width, height)];
  for (let i = 0; i < skin.length; i++) {
    a.data[i] = ours[i] * skin[i];
    b.data[i] = theirs[i] * skin[i];
  }
  const [ourMean, theirMean] = [boxSums(a, below.side), boxSums(b, below.side)];
  const wanted = a.data;
  const [our, their, shares] = [ourMean.data, theirMean.data, below.shares];
  for (let i = 0; i < skin.length; i++) {
    their[i] *= shares[i];
    const level = theirs[i] - their[i];
    wanted[i] = Math.abs(level);
    b.data[i] = level * level * skin[i];
  }
  const [squares, parts] = [boxSums(b, around.side).data, around.shares];
  for (let i = 0; i < skin.length; i++) {
    our[i] *= shares[i];
    const level = ours[i] - our[i];
    const size = level < 0 ? -level : level;
    if (size - FOLDS.MARGIN <= wanted[i]) continue; // the root is what takes time
    const usual = FOLDS.SHARE * Math.sqrt(Math.max(squares[i] * parts[i], 0)); // running sums may end a little below 0
    const goes = size - FOLDS.MARGIN - (usual > wanted[i] ? usual : wanted[i]);
    if (goes > 0) change[i] -= level < 0 ? -goes : goes;
  }
  return [ourMean, theirMean];
}

/** @param {Plane} weight above 0 @param {number} side @returns {Square} */
function squareOf(weight, side) {
  const shares = boxSums(weight, side).data;
  for (let i = 0; i < shares.length; i++) shares[i] = 1 / shares[i];
  return { side, shares };
}

/** Two neighbours a pixel. @param {Plane} plane */
function halved(plane) {
  const [width, height] = [plane.width, plane.height].map((side) => Math.max(1, Math.floor(side / 2)));
  return resize(plane, width, height, true);
}
