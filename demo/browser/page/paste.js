/**
 * Putting a swapped crop back into its frame, touching nothing else; a port of `paste.py`, which says where the numbers
 * come from.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Matrix} Matrix
 */
import { bounds, compose, invert, transformPoints } from './align.js';
import { warp } from './picture.js';

const SIDE = 224; // the crop these lengths were written for, and the only one used here
const THRESHOLD = 0.001; // where the network's mask is above it, the face begins
const [CLOSE, ERODE, BLUR] = [11, 11, 7]; // sides of squares in pixels
const [BORDER, BORDER_BLUR] = [10, 11]; // of the crop, where the target always stays

/**
 * The weight of the swapped pixels from a network's mask: the mask, faded to 0 at its own edge and at the crop's border.
 *
 * @param {Float32Array} mask (224 * 224) in [0, 1]
 * @returns {Float32Array} of the same size
 */
export function refineMask(mask) {
  const above = mask.map((value) => (value > THRESHOLD ? 1 : 0));
  // Of zeros and ones the largest in a square is 1 where their sum is not 0, the smallest where the square is full.
  const grown = boxSums(above, CLOSE, 'zero').map((sum) => (sum > 0 ? 1 : 0));
  const closed = boxSums(grown, CLOSE, 'one').map((sum) => (sum === CLOSE * CLOSE ? 1 : 0));
  // The crop's outside counts as background, else a mask that fills the crop would not fade at its edge.
  const eroded = boxSums(closed, ERODE, 'zero').map((sum) => (sum === ERODE * ERODE ? 1 : 0));
  const soft = boxSums(eroded, BLUR, 'mirror');
  const fade = borderFade();
  return mask.map((value, i) => (value * soft[i] * fade[i]) / (BLUR * BLUR));
}

let fadeOnce = null;
function borderFade() {
  if (fadeOnce === null) {
    const inner = (v) => v >= BORDER && v < SIDE - BORDER;
    const flat = Float32Array.from({ length: SIDE * SIDE }, (_, i) =>
      inner(i % SIDE) && inner(Math.floor(i / SIDE)) ? 1 : 0);
    fadeOnce = boxSums(flat, BORDER_BLUR, 'mirror').map((sum) => sum / (BORDER_BLUR * BORDER_BLUR));
  }
  return fadeOnce;
}

/**
 * Sums over a square around each pixel: rows, then columns, each with a sum that slides along.
 *
 * @param {Float32Array} values (224 * 224) whole numbers, so that sliding loses nothing
 * @param {number} side of the square, odd
 * @param {'zero' | 'one' | 'mirror'} outside what lies beyond the border; a mirror does not repeat the border itself
 */
function boxSums(values, side, outside) {
  const reach = (side - 1) / 2;
  const beyond = outside === 'one' ? 1 : 0;
  const line = new Float32Array(SIDE + 2 * reach);
  const pass = (from, step, stride, beyondValue) => {
    const to = new Float32Array(SIDE * SIDE);
    for (let l = 0; l < SIDE; l++) {
      for (let p = -reach; p < SIDE + reach; p++) {
        const isInside = p >= 0 && p < SIDE;
        const mirrored = p < 0 ? -p : p >= SIDE ? 2 * SIDE - 2 - p : p;
        line[p + reach] = isInside || outside === 'mirror' ? from[l * stride + mirrored * step] : beyondValue;
      }
      let sum = 0;
      for (let k = 0; k < side - 1; k++) sum += line[k];
      for (let p = 0; p < SIDE; p++) {
        sum += line[p + side - 1];
        to[l * stride + p * step] = sum;
        sum -= line[p];
      }
    }
    return to;
  };
  return pass(pass(values, 1, SIDE, beyond), SIDE, 1, beyond * side);
}

/**
 * Blend a swapped crop into a frame, in place. A pixel where the warped weight is 0 keeps its value.
 *
 * @param {Picture} frame RGBA, changed
 * @param {Picture} crop RGBA
 * @param {Float32Array} weight one value a crop pixel in [0, 1]; 0 at the crop's border
 * @param {Matrix} cropFromFrame the matrix the crop was cut out with
 */
export function pasteBack(frame, crop, weight, cropFromFrame) {
  const rectangle = touchedRectangle(weight, cropFromFrame, frame);
  if (rectangle === null) return;
  const [left, top, right, bottom] = rectangle;
  const regionFromCrop = compose([1, 0, -left, 0, 1, -top], invert(cropFromFrame));
  const [width, height] = [right - left, bottom - top];
  const plane = { width: SIDE, height: SIDE, data: weight };
  const alpha = warp(plane, regionFromCrop, width, height, { border: 'zero' }).data;
  // Cubic keeps a face that is larger than its crop from looking washed out.
  const pixels = warp(crop, regionFromCrop, width, height, { cubic: true, where: alpha }).data;
  for (let y = 0; y < height; y++) {
    let to = ((top + y) * frame.width + left) * 4;
    for (let i = y * width; i < (y + 1) * width; i++, to += 4) {
      const share = alpha[i];
      if (share <= 0) continue;
      for (let c = 0; c < 3; c++) frame.data[to + c] += share * (pixels[4 * i + c] - frame.data[to + c]);
    }
  }
}

/** Left, top, right, bottom (exclusive) of the frame pixels a weight can reach; null if there are none. */
function touchedRectangle(weight, cropFromFrame, frame) {
  let [x0, y0, x1, y1] = [SIDE, SIDE, -1, -1];
  weight.forEach((value, i) => {
    if (value === 0) return;
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    x0 = Math.min(x0, x);
    x1 = Math.max(x1, x);
    y0 = Math.min(y0, y);
    y1 = Math.max(y1, y);
  });
  if (x1 < 0) return null;
  [x0, y0, x1, y1] = [x0 - 1, y0 - 1, x1 + 1, y1 + 1]; // bilinear reach
  const around = bounds(transformPoints(invert(cropFromFrame), [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]));
  const left = Math.min(Math.max(Math.floor(around[0]), 0), frame.width);
  const top = Math.min(Math.max(Math.floor(around[1]), 0), frame.height);
  const right = Math.min(Math.max(Math.ceil(around[2]) + 1, 0), frame.width);
  const bottom = Math.min(Math.max(Math.ceil(around[3]) + 1, 0), frame.height);
  return right > left && bottom > top ? [left, top, right, bottom] : null;
}
