/**
 * What lies around each pixel of a plane - sums, means, the largest - as OpenCV takes it.
 *
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {'zero' | 'one' | 'mirror'} Outside what lies beyond the border; a mirror does not repeat the border itself
 */
import { newPlane } from './picture.js';

const REACH_SIGMAS = 4; // how far a Gaussian is followed where nobody says; OpenCV's own choice for floats

/**
 * Sums over a square around each pixel: rows, then columns, each with a sum that slides along.
 *
 * @param {Plane} plane
 * @param {number} side of the square, odd
 * @param {Outside} [outside]
 * @returns {Plane} of the same size
 */
export function boxSums(plane, side, outside = 'mirror') {
  const beyond = outside === 'mirror' ? null : outside === 'one' ? 1 : 0;
  /** @type {Run} */
  const slide = (line, to, at, step, length) => {
    let sum = 0;
    for (let k = 0; k < side - 1; k++) sum += line[k];
    for (let p = 0; p < length; p++, at += step) {
      sum += line[p + side - 1];
      to[at] = sum;
      sum -= line[p];
    }
  };
  const reach = (side - 1) / 2;
  const across = along(plane, 'rows', reach, beyond, slide);
  return along(across, 'columns', reach, beyond === null ? null : beyond * side, slide);
}

/** Means over a square around each pixel; the border is mirrored. @param {Plane} plane @param {number} side odd */
export function boxMean(plane, side) {
  const sums = boxSums(plane, side);
  for (let i = 0; i < sums.data.length; i++) sums.data[i] /= side * side;
  return sums;
}

/**
 * Gaussian means; the border is mirrored.
 *
 * @param {Plane} plane
 * @param {number} sigma in pixels
 * @param {number} [side] of the square that is looked at, odd
 */
export function gaussianMean(plane, sigma, side = 2 * Math.round(REACH_SIGMAS * sigma) + 1) {
  const reach = (side - 1) / 2;
  const raw = Float64Array.from({ length: side }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)));
  const total = raw.reduce((sum, one) => sum + one, 0);
  const kernel = raw.map((one) => one / total);
  /** @type {Run} */
  const weigh = (line, to, at, step, length) => {
    for (let p = 0; p < length; p++, at += step) {
      let sum = 0;
      for (let k = 0; k < side; k++) sum += kernel[k] * line[p + k];
      to[at] = sum;
    }
  };
  return along(along(plane, 'rows', reach, null, weigh), 'columns', reach, null, weigh);
}

/**
 * @callback Run one line of a plane
 * @param {Float64Array} line its values, and those beyond both its ends
 * @param {Float32Array} to all of the result
 * @param {number} at where the line begins in it
 * @param {number} step from one pixel of the line to the next
 * @param {number} length pixels of the line
 */

/**
 * @param {Plane} plane
 * @param {'rows' | 'columns'} which
 * @param {number} reach pixels wanted beyond each end of a line
 * @param {number | null} beyond their value; null mirrors the line
 * @param {Run} run
 * @returns {Plane}
 */
function along({ width, height, data }, which, reach, beyond, run) {
  const [length, lines, step, stride] = which === 'rows' ? [width, height, 1, width] : [height, width, width, 1];
  const result = newPlane(width, height);
  const line = new Float64Array(length + 2 * reach);
  const source = Int32Array.from(line, (_, i) => mirrored(i - reach, length) * step);
  for (let l = 0; l < lines; l++) {
    const at = l * stride;
    for (let i = 0; i < line.length; i++) {
      const isInside = i >= reach && i < length + reach;
      line[i] = isInside || beyond === null ? data[at + source[i]] : beyond;
    }
    run(line, result.data, at, step, length);
  }
  return result;
}

/** The pixel that a place beyond a line's end shows in the mirror. @param {number} at @param {number} length */
function mirrored(at, length) {
  if (length === 1) return 0;
  const round = Math.abs(at) % (2 * length - 2);
  return round < length ? round : 2 * length - 2 - round;
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

/** The odd whole number next to a length: sides of squares that have a middle. @param {number} length */
export function odd(length) {
  return Math.max(1, 2 * Math.round((length - 1) / 2) + 1);
}
