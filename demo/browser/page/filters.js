/**
 * What lies around each pixel of a plane - sums, means, the largest - as OpenCV takes it.
 *
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {'zero' | 'one' | 'mirror'} Outside what lies beyond the border; a mirror does not repeat the border itself
 */
import { cut, newPlane } from './picture.js';

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
  const { width, height } = plane;
  const reach = (side - 1) / 2;
  const across = new Float32Array(width * height);
  const result = newPlane(width, height);
  const beyond = outside === 'mirror' ? null : outside === 'one' ? 1 : 0;
  const line = new Float32Array(width + 2 * reach);
  const places = mirroredPlaces(width, reach);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let i = 0; i < line.length; i++) {
      const isInside = i >= reach && i < width + reach;
      line[i] = isInside || beyond === null ? plane.data[row + places[i]] : beyond;
    }
    let sum = 0;
    for (let k = 0; k < side - 1; k++) sum += line[k];
    for (let x = 0; x < width; x++) {
      sum += line[x + side - 1];
      across[row + x] = sum;
      sum -= line[x];
    }
  }
  // A row at a time, so that memory is read as it lies: the sums of all columns slide down together.
  const sums = new Float64Array(width);
  const rows = mirroredPlaces(height, reach);
  /** @param {number} place counted from `reach` rows above the plane @param {number} sign */
  const add = (place, sign) => {
    const isInside = place >= reach && place < height + reach;
    if (!isInside && beyond !== null) {
      for (let x = 0; x < width; x++) sums[x] += sign * beyond * side;
      return;
    }
    const row = rows[place] * width;
    for (let x = 0; x < width; x++) sums[x] += sign * across[row + x];
  };
  for (let place = 0; place < side - 1; place++) add(place, 1);
  for (let y = 0; y < height; y++) {
    add(y + side - 1, 1);
    result.data.set(sums, y * width);
    add(y, -1);
  }
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
export function gaussianMean(plane, sigma, side = 2 * Math.round(REACH_SIGMAS * sigma) + 1) {
  const { width, height } = plane;
  const reach = (side - 1) / 2;
  const raw = Float64Array.from({ length: side }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)));
  const total = raw.reduce((sum, one) => sum + one, 0);
  const kernel = raw.map((one) => one / total);
  const across = new Float32Array(width * height);
  const result = newPlane(width, height);
  const line = new Float64Array(width + 2 * reach);
  const places = mirroredPlaces(width, reach);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let i = 0; i < line.length; i++) line[i] = plane.data[row + places[i]];
    for (let x = 0; x < width; x++) {
      let sum = kernel[reach] * line[x + reach];
      // Both halves of the kernel are the same.
      for (let k = 0, end = x + side - 1; k < reach; k++) sum += kernel[k] * (line[x + k] + line[end - k]);
      across[row + x] = sum;
    }
  }
  const rows = mirroredPlaces(height, reach);
  const sums = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    const [middle, share] = [rows[y + reach] * width, kernel[reach]];
    for (let x = 0; x < width; x++) sums[x] = share * across[middle + x];
    for (let k = 0; k < reach; k++) {
      const [above, below, share] = [rows[y + k] * width, rows[y + side - 1 - k] * width, kernel[k]];
      for (let x = 0; x < width; x++) sums[x] += share * (across[above + x] + across[below + x]);
    }
    result.data.set(sums, y * width);
  }
  return result;
}

/** What a line shows of itself, from `reach` pixels before its beginning to as many after its end. @param {number} length @param {number} reach */
function mirroredPlaces(length, reach) {
  return Int32Array.from({ length: length + 2 * reach }, (_, i) => mirrored(i - reach, length));
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
