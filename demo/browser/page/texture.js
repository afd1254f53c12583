/** The target's fine detail on a swapped face; a port of `blend/texture.py`, which says where the numbers come from. */
import { transformPoints } from './align.js';
import { TEXTURE } from './constants.js';
import { features } from './features.js';
import { boxMean, gaussianMean, grownBySquare, odd } from './filters.js';
import { smallLuma } from './luma.js';
import { clamp, cut, lumaAt, newPlane, resize } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Box} Box
 */

/**
 * Add the target's detail where both faces agree in coarser structure, away from brows, eyes and mouth.
 *
 * @param {Picture} swapped at the face's native size, colours matched
 * @param {Picture} target the same crop before
 * @param {Float32Array} weight where the swapped face shows; 0 gets nothing
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of the crop
 * @param {number} strength of what is added; 0 changes nothing
 * @returns {Picture}
 */
export function addTexture(swapped, target, weight, landmarks, strength) {
  const side = swapped.width;
  const part = shownRectangle(weight, side);
  if (strength === 0 || part === null) return swapped;
  const gate = cut(resize(textureGate(swapped, target, landmarks), side, side), part).data;
  const [left, top, right, bottom] = part;
  const width = right - left;
  const shown = gate.map((own, i) => own * weight[(top + Math.floor(i / width)) * side + left + (i % width)]);
  const box = odd(TEXTURE.BOX_SIGMAS * TEXTURE.DETAIL_SIGMA * side);
  const change = detailChange(cut(swapped, part), cut(target, part), box, strength);
  const largest = TEXTURE.LARGEST_SHARE * meanStrength(change, shown, width);
  const data = swapped.data.slice();
  let i = 0;
  for (let y = top; y < bottom; y++) {
    for (let p = 4 * (y * side + left); p < 4 * (y * side + right); p += 4, i++) {
      const added = Math.round(clamp(change[i], -largest, largest) * shown[i]);
      for (let c = 0; c < 3; c++) data[p + c] += added; // clamps
    }
  }
  return { ...swapped, data };
}

/** The smallest rectangle that holds every weight above 0. @param {Float32Array} weight @param {number} side @returns {Box | null} */
function shownRectangle(weight, side) {
  let [left, top, right, bottom] = [side, side, 0, 0];
  weight.forEach((own, i) => {
    if (own <= 0) return;
    const [x, y] = [i % side, Math.floor(i / side)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = y + 1;
  });
  return right > left ? [left, top, right, bottom] : null;
}

/**
 * The target's detail less the share of the swapped face's own that makes way, in levels.
 *
 * @param {Picture} swapped
 * @param {Picture} target
 * @param {number} box side of the square whose mean is no detail
 * @param {number} strength
 */
function detailChange({ width, height, data }, target, box, strength) {
  // What comes less what goes, before the mean is taken off: that is linear, so once is enough.
  const both = newPlane(width, height);
  const goes = TEXTURE.OWN_SHARE * Math.min(strength, 1);
  for (let i = 0; i < both.data.length; i++) {
    both.data[i] = strength * lumaAt(target.data, 4 * i) - goes * lumaAt(data, 4 * i);
  }
  const mean = boxMean(both, box).data;
  return both.data.map((own, i) => own - mean[i]);
}

/** Mean absolute change where it will show; a fourth of the rows and columns tell it. @param {Float32Array} change @param {Float32Array} shown @param {number} width */
function meanStrength(change, shown, width) {
  let [sum, whole] = [0, 0];
  for (let row = 0; row < change.length; row += 4 * width) {
    for (let i = row; i < row + width; i += 4) {
      sum += Math.abs(change[i]) * shown[i];
      whole += shown[i];
    }
  }
  return sum / Math.max(whole, 1e-6);
}

/**
 * How far texture may come through: not where the two faces differ in structure, which is what makes a face somebody's.
 *
 * @param {Picture} swapped
 * @param {Picture} target
 * @param {readonly Point[]} landmarks
 * @returns {Plane} (224, 224) in [0, 1]
 */
export function textureGate(swapped, target, landmarks) {
  const size = TEXTURE.GATE_PX;
  const sigma = TEXTURE.DETAIL_SIGMA * size;
  const [ours, theirs] = [structure(swapped, sigma), structure(target, sigma)];
  const difference = blurred({ ...ours, data: ours.data.map((own, i) => Math.abs(theirs.data[i] - own)) }, 2 * sigma);
  const scale = size / swapped.width;
  const grown = grownBySquare(
    features(transformPoints([scale, 0, 0, 0, scale, 0], [...landmarks]), size),
    odd(TEXTURE.FEATURE_GROWTH * size),
  );
  const soft = blurred(grown, TEXTURE.FEATURE_BLUR * size).data;
  const data = difference.data.map((own, i) => {
    const feature = Math.max(grown.data[i], Math.min(2 * soft[i], 1));
    return Math.exp(-((own / TEXTURE.AGREEMENT_LEVELS) ** 2)) * (1 - feature);
  });
  return { ...difference, data };
}

/** Luma between two widths. @param {Picture} picture @param {number} sigma @returns {Plane} */
function structure(picture, sigma) {
  const luma = smallLuma(picture, TEXTURE.GATE_PX);
  const [fine, coarse] = [blurred(luma, sigma), blurred(luma, TEXTURE.STRUCTURE_RATIO * sigma).data];
  return { ...fine, data: fine.data.map((own, i) => own - coarse[i]) };
}

/** @param {Plane} plane @param {number} sigma wide ones as two boxes, which come near and cost the same at every width */
function blurred(plane, sigma) {
  if (sigma <= 2) return gaussianMean(plane, sigma);
  const box = odd(TEXTURE.BOX_SIGMAS * sigma);
  return boxMean(boxMean(plane, box), box);
}
