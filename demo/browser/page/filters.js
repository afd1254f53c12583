/**
 * What lies around each pixel of a plane - sums, means, the largest - as OpenCV takes it, by `pixels.c`.
 *
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {'zero' | 'one' | 'mirror'} Outside what lies beyond the border; a mirror does not repeat the border itself
 */
import { newPlane } from './picture.js';
import { withLoops } from './pixels.js';

const REACH_SIGMAS = 4; // how far a Gaussian is followed where nobody says; OpenCV's own choice for floats

/**
 * Sums over a square around each pixel.
 *
 * @param {Plane} plane
 * @param {number} side of the square, odd
 * @param {Outside} [outside]
 * @param {number} [least] above 0: ones where a sum is as large, and zeros
 * @returns {Plane} of the same size
 */
export function boxSums({ width, height, data }, side, outside = 'mirror', least = 0) {
  const result = newPlane(width, height);
  withLoops((loops) => {
    const [x, y] = [loops.keep(data), loops.room(data.length)];
    const scratch = loops.room((height + 4) * width + side + 8);
    const isFlat = Number(outside !== 'mirror');
    loops.calls.box(x, width, height, side, isFlat, Number(outside === 'one'), least, y, scratch);
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
  return boxSums(plane, side, 'zero', 1);
}

/** Zeros and ones grown by a disc, run by run of ones. @param {Plane} plane @param {number} reach its radius, whole @returns {Plane} the plane itself where that is 0 */
export function grownByDisc(plane, reach) {
  if (reach === 0) return plane;
  const { width, height, data } = plane;
  const result = newPlane(width, height);
  const halves = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.round(Math.sqrt(reach * reach - (i - reach) ** 2)),
  );
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    for (let from = row.indexOf(1); from >= 0;) {
      let to = from + 1;
      while (to < width && row[to] !== 0) to++;
      for (let i = 0, at = y - reach; i < halves.length; i++, at++) {
        if (at < 0 || at >= height) continue;
        const start = at * width;
        result.data.fill(1, start + Math.max(from - halves[i], 0), start + Math.min(to + halves[i], width));
      }
      from = row.indexOf(1, to);
    }
  }
  return result;
}

/**
 * An outline of ones grown by a disc and softened.
 *
 * @param {Plane} plane zeros and ones
 * @param {number} growth radius of the disc, whole
 * @param {number} sigma of the Gaussian in pixels
 * @returns {Plane} of the same size
 */
export function grownSoftly(plane, growth, sigma) {
  return gaussianMean(grownByDisc(plane, growth), sigma);
}

/** How far a grown outline softens, and as much again that is zero. @param {number} sigma */
export function softReach(sigma) {
  return 2 * Math.round(REACH_SIGMAS * sigma);
}

/** The odd whole number next to a length: sides of squares that have a middle. @param {number} length */
export function odd(length) {
  return Math.max(1, 2 * Math.round((length - 1) / 2) + 1);
}
