/**
 * What lies around each pixel of a plane - sums, means, the largest - as OpenCV takes it, by `pixels.c`.
 *
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {'zero' | 'one' | 'mirror'} Outside what lies beyond the border; a mirror does not repeat the border itself
 */
import { cut, newPlane } from './picture.js';
import { withLoops } from './pixels.js';

const REACH_SIGMAS = 4; // how far a Gaussian is followed where nobody says; OpenCV's own choice for floats

/**
 * Sums over a square around each pixel.
 *
 * @param {Plane} plane
 * @param {number} side of the square, odd
 * @param {Outside} [outside]
 * @returns {Plane} of the same size
 */
export function boxSums({ width, height, data }, side, outside = 'mirror') {
  const result = newPlane(width, height);
  withLoops((loops) => {
    const [x, y] = [loops.keep(data), loops.room(data.length)];
    const scratch = loops.room((height + 3) * width + side + 8);
    const isFlat = Number(outside !== 'mirror');
    loops.calls.box(x, width, height, side, isFlat, Number(outside === 'one'), y, scratch);
    result.data.set(loops.floats(y, data.length));
  });
  return result;
}

/** Means over a square around each pixel; the border is mirrored. @param {Plane} plane @param {number} side odd */
export function boxMean(plane, side) {
  const sums = boxSums(plane, side);
  const share = 1 / (side * side);
  for (let i = 0; i < sums.data.length; i++) sums.data[i] *= share;
  return sums;
}

/**
 * Gaussian means; the border is mirrored.
 *
 * @param {Plane} plane
 * @param {number} sigma in pixels
 * @param {number} [side] of the square that is looked at, odd
 */
export function gaussianMean({ width, height, data }, sigma, side = 2 * Math.round(REACH_SIGMAS * sigma) + 1) {
  const reach = (side - 1) / 2;
  const raw = Float64Array.from({ length: side }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)));
  const total = raw.reduce((sum, one) => sum + one, 0);
  const result = newPlane(width, height);
  withLoops((loops) => {
    const [x, y] = [loops.keep(data), loops.room(data.length)];
    const kernel = loops.keep(Float32Array.from(raw, (one) => one / total));
    const scratch = loops.room((height + 1) * width + 2 * reach + 4);
    loops.calls.gaussian(x, width, height, kernel, reach, y, scratch);
    result.data.set(loops.floats(y, data.length));
  });
  return result;
}

/** Zeros and ones grown by a square. @param {Plane} plane @param {number} side odd @returns {Plane} */
export function grownBySquare(plane, side) {
  const sums = boxSums(plane, side, 'zero');
  for (let i = 0; i < sums.data.length; i++) sums.data[i] = sums.data[i] > 0 ? 1 : 0;
  return sums;
}

/** Zeros and ones grown by a disc. @param {Plane} plane @param {number} reach its radius, whole @returns {Plane} */
export function grownByDisc({ width, height, data }, reach) {
  const result = newPlane(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] === 0) continue;
      for (let dy = -reach; dy <= reach; dy++) {
        if (y + dy < 0 || y + dy >= height) continue;
        const half = Math.round(Math.sqrt(reach * reach - dy * dy));
        const row = (y + dy) * width;
        result.data.fill(1, row + Math.max(x - half, 0), row + Math.min(x + half + 1, width));
      }
    }
  }
  return result;
}

/**
 * An outline of ones grown by a disc and softened, worked out only where that is not zero.
 *
 * @param {Plane} plane zeros and ones
 * @param {number} growth radius of the disc, whole
 * @param {number} sigma of the Gaussian in pixels
 * @returns {Plane} of the same size
 */
export function grownSoftly(plane, growth, sigma) {
  const around = boundsOf(plane, growth + 2 * Math.round(REACH_SIGMAS * sigma));
  const result = newPlane(plane.width, plane.height);
  if (around === null) return result;
  const soft = gaussianMean(grownByDisc(cut(plane, around), growth), sigma);
  const [left, top] = around;
  for (let y = 0; y < soft.height; y++) {
    result.data.set(soft.data.subarray(y * soft.width, (y + 1) * soft.width), (top + y) * plane.width + left);
  }
  return result;
}

/** The rectangle of what is not zero and so many pixels more on each side, within the plane; null where all is zero. @param {Plane} plane @param {number} more @returns {import('./align.js').Box | null} */
function boundsOf({ width, height, data }, more) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (data[i] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (right < 0) return null;
  return [
    Math.max(left - more, 0),
    Math.max(top - more, 0),
    Math.min(right + more + 1, width),
    Math.min(bottom + more + 1, height),
  ];
}

/** The odd whole number next to a length: sides of squares that have a middle. @param {number} length */
export function odd(length) {
  return Math.max(1, 2 * Math.round((length - 1) / 2) + 1);
}
