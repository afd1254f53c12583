/**
 * From a network's mask to the weight of the swapped pixels; a port of `blend/mask.py`, which says where the numbers come
 * from.
 */
import { CROP_PX as SIDE } from './align.js';
import { MASK } from './constants.js';

const BORDER_FADE = borderFade();

/**
 * The weight of the swapped pixels: the mask, faded to 0 at its own edge and at the crop's border.
 *
 * @param {Float32Array} mask (224 * 224) in [0, 1]
 * @returns {Float32Array<ArrayBuffer>} of the same size
 */
export function refineMask(mask) {
  const [close, erode, blur] = [MASK.CLOSE_PX, MASK.ERODE_PX, MASK.BLUR_PX];
  const above = Float32Array.from(mask, (value) => (value > MASK.THRESHOLD ? 1 : 0));
  // Of zeros and ones the largest in a square is 1 where their sum is not 0, the smallest where the square is full.
  const grown = boxSums(above, close, 'zero').map((sum) => (sum > 0 ? 1 : 0));
  const closed = boxSums(grown, close, 'one').map((sum) => (sum === close * close ? 1 : 0));
  // The crop's outside counts as background, else a mask that fills the crop would not fade at its edge.
  const eroded = boxSums(closed, erode, 'zero').map((sum) => (sum === erode * erode ? 1 : 0));
  const soft = boxSums(eroded, blur, 'mirror');
  return Float32Array.from(mask, (value, i) => (value * soft[i] * BORDER_FADE[i]) / (blur * blur));
}

/** 0 along the crop's border, where the target always stays, and 1 in its middle. */
function borderFade() {
  const [border, blur] = [MASK.BORDER_PX, MASK.BORDER_BLUR_PX];
  /** @param {number} v */
  const isInner = (v) => v >= border && v < SIDE - border;
  const flat = Float32Array.from({ length: SIDE * SIDE }, (_, i) =>
    isInner(i % SIDE) && isInner(Math.floor(i / SIDE)) ? 1 : 0,
  );
  return boxSums(flat, blur, 'mirror').map((sum) => sum / (blur * blur));
}

/**
 * Sums over a square around each pixel: rows, then columns, each with a sum that slides along.
 *
 * @param {Float32Array} values (224 * 224) whole numbers, so that sliding loses nothing
 * @param {number} side of the square, odd
 * @param {'zero' | 'one' | 'mirror'} outside what lies beyond the border; a mirror does not repeat the border itself
 * @returns {Float32Array<ArrayBuffer>} of the same size
 */
function boxSums(values, side, outside) {
  const reach = (side - 1) / 2;
  const beyond = outside === 'one' ? 1 : 0;
  const line = new Float32Array(SIDE + 2 * reach);
  /** @param {Float32Array} from @param {number} step @param {number} stride @param {number} beyondValue */
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
