/**
 * Pictures as arrays, resized and warped as OpenCV does it in the Python pipeline.
 *
 * A picture is `{width, height, data}` with 4 values a pixel (RGBA, 0 to 255; what `ImageData` is), a plane the same with
 * one float a pixel. Pixel centres are at whole numbers.
 *
 * @typedef {{width: number, height: number, data: Uint8ClampedArray<ArrayBuffer>}} Picture
 * @typedef {{width: number, height: number, data: Float32Array<ArrayBuffer>}} Plane
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./pixels.js').Loops} Loops
 * @typedef {object} Taps which input samples make each output sample, and with what weights
 * @property {Int32Array} first of the samples
 * @property {Int32Array} count of them
 * @property {Float32Array} weights from `most` times the output's number on
 * @property {number} most
 * @typedef {import('./align.js').Box} Box
 */
import { bounds, compose, invert, scaledCrop, transformPoints } from './align.js';
import { withLoops } from './pixels.js';
import { cubicWeights, sampleCubic, sampleLinear, samplePlane } from './sampling.js';

/** @param {number} width @param {number} height @returns {Picture} */
export function newPicture(width, height) {
  return { width, height, data: new Uint8ClampedArray(width * height * 4) };
}

/** @param {number} width @param {number} height @returns {Plane} */
export function newPlane(width, height) {
  return { width, height, data: new Float32Array(width * height) };
}

/** @param {Picture | Plane} picture @returns {picture is Picture} whether it has colours */
function isPicture(picture) {
  return picture.data instanceof Uint8ClampedArray;
}

/**
 * An empty one of the same kind.
 *
 * @template {Picture | Plane} Kind
 * @param {Kind} like
 * @param {number} width
 * @param {number} height
 * @returns {Kind}
 */
function emptyLike(like, width, height) {
  return /** @type {Kind} */ (isPicture(like) ? newPicture(width, height) : newPlane(width, height));
}

/**
 * A copy of a rectangle.
 *
 * @template {Picture | Plane} Kind
 * @param {Kind} picture
 * @param {Box} rectangle whole numbers; right and bottom exclusive
 * @returns {Kind}
 */
export function cut(picture, [left, top, right, bottom]) {
  const channels = isPicture(picture) ? 4 : 1;
  const result = emptyLike(picture, right - left, bottom - top);
  const length = result.width * channels;
  for (let y = top; y < bottom; y++) {
    const from = (y * picture.width + left) * channels;
    result.data.set(picture.data.subarray(from, from + length), (y - top) * length);
  }
  return result;
}

/**
 * Resize by averaging areas where the picture shrinks, and linearly where it grows.
 *
 * @template {Picture | Plane} Kind
 * @param {Kind} picture
 * @param {number} width
 * @param {number} height
 * @param {boolean} [isLinear] also where it shrinks: two neighbours a pixel, however many it stands for
 * @returns {Kind} the picture itself where it has that size already
 */
export function resize(picture, width, height, isLinear = width >= picture.width && height >= picture.height) {
  if (width === picture.width && height === picture.height) return picture;
  if (!isLinear && !isPicture(picture) && picture.width === 2 * width && picture.height === 2 * height)
    return halved(picture, emptyLike(picture, width, height));
  const taps = isLinear ? linearTaps : areaTaps;
  return resizeBy(picture, width, height, taps(picture.width, width), taps(picture.height, height));
}

/**
 * Resize by sums of input samples.
 *
 * @template {Picture | Plane} Kind
 * @param {Kind} picture
 * @param {number} width
 * @param {number} height
 * @param {Taps} across
 * @param {Taps} down
 * @returns {Kind}
 */
export function resizeBy(picture, width, height, across, down) {
  const isBytes = isPicture(picture);
  const channels = isBytes ? 4 : 1;
  const result = emptyLike(picture, width, height);
  withLoops((loops) => {
    const kept = { x: keepPixels(loops, picture), isBytes, channels, width: picture.width };
    const y = resizeKept(loops, kept, width, height, across, down);
    const length = width * height * channels;
    result.data.set(isBytes ? loops.bytes(y, length) : loops.floats(y, length));
  });
  return result;
}

/**
 * @param {Loops} loops
 * @param {{x: number, isBytes: boolean, channels: number, width: number}} kept where pixels lie in the loops' memory
 * @param {number} width
 * @param {number} height
 * @param {Taps} across
 * @param {Taps} down
 * @returns {number} where the result lies there
 */
function resizeKept(loops, { x, isBytes, channels, width: from }, width, height, across, down) {
  const y = loops.room((width * height * channels) / (isBytes ? 4 : 1));
  const [ofRows, ofColumns] = [keepTaps(loops, down), keepTaps(loops, across)];
  const line = loops.room(from * channels + 4);
  loops.calls.resize(x, Number(isBytes), channels, from, ...ofRows, ...ofColumns, y, width, height, line);
  return y;
}

/**
 * Resize floats that lie in the loops' memory, linearly.
 *
 * @param {Loops} loops
 * @param {number} x where they lie
 * @param {number} channels 1 or 4
 * @param {readonly [number, number]} size width and height
 * @param {readonly [number, number]} wanted
 * @returns {number} where the result lies
 */
export function resizeFloats(loops, x, channels, [width, height], wanted) {
  const kept = { x, isBytes: false, channels, width };
  return resizeKept(loops, kept, ...wanted, linearTaps(width, wanted[0]), linearTaps(height, wanted[1]));
}

/** @param {Loops} loops @param {Picture | Plane} picture */
function keepPixels(loops, picture) {
  return isPicture(picture) ? loops.keepBytes(picture.data) : loops.keep(picture.data);
}

/** @param {Loops} loops @param {Taps} taps */
function keepTaps(loops, { first, count, weights, most }) {
  return [loops.keep(first), loops.keep(count), loops.keep(weights), most];
}

/** Means of four. @template {Picture | Plane} Kind @param {Kind} plane @param {Kind} result half its size; filled */
function halved({ width, data }, result) {
  for (let y = 0, to = 0; y < result.height; y++) {
    for (let x = 0, from = 2 * y * width; x < result.width; x++, to++, from += 2)
      result.data[to] = 0.25 * (data[from] + data[from + 1] + data[from + width] + data[from + width + 1]);
  }
  return result;
}

/**
 * Samples of averaged areas.
 *
 * @param {number} size
 * @param {number} wanted
 * @returns {Taps}
 */
function areaTaps(size, wanted) {
  const ratio = size / wanted;
  const most = Math.ceil(ratio) + 1;
  const [first, count] = [new Int32Array(wanted), new Int32Array(wanted)];
  const weights = new Float32Array(wanted * most);
  for (let i = 0; i < wanted; i++) {
    const [from, to] = [i * ratio, Math.min((i + 1) * ratio, size)];
    first[i] = Math.floor(from + 1e-9);
    count[i] = Math.max(1, Math.ceil(to - 1e-9) - first[i]);
    for (let k = 0; k < count[i]; k++) {
      const at = first[i] + k;
      weights[i * most + k] = (Math.min(at + 1, to) - Math.max(at, from)) / (to - from);
    }
  }
  return { first, count, weights, most };
}

/** Between two neighbours. @param {number} size @param {number} wanted @returns {Taps} */
function linearTaps(size, wanted) {
  const most = Math.min(size, 2);
  const [first, count] = [new Int32Array(wanted), new Int32Array(wanted).fill(most)];
  const weights = new Float32Array(wanted * most);
  for (let i = 0; i < wanted; i++) {
    const at = Math.min(Math.max(((i + 0.5) * size) / wanted - 0.5, 0), size - 1);
    first[i] = Math.min(Math.floor(at), size - most);
    weights[i * most] = most === 1 ? 1 : 1 - (at - first[i]);
    if (most === 2) weights[i * most + 1] = at - first[i];
  }
  return { first, count, weights, most };
}

/** Cubic, the border repeated; for a picture that grows. @param {number} size at least 4 @param {number} wanted @returns {Taps} */
export function cubicTaps(size, wanted) {
  const most = 4;
  const [first, count] = [new Int32Array(wanted), new Int32Array(wanted).fill(most)];
  const weights = new Float32Array(wanted * most);
  for (let i = 0; i < wanted; i++) {
    const at = ((i + 0.5) * size) / wanted - 0.5;
    const before = Math.floor(at) - 1;
    first[i] = clamp(before, 0, size - most);
    cubicWeights(at - Math.floor(at)).forEach((own, k) => {
      weights[i * most + clamp(before + k, 0, size - 1) - first[i]] += own;
    });
  }
  return { first, count, weights, most };
}

/**
 * Sample an output picture through a matrix, without skipping detail when the picture shrinks: it is then first averaged
 * over areas, only as far as the result needs it. Beyond a picture's border its last pixel is repeated; a plane is 0
 * there, or repeated too. See `geometry.warp`.
 *
 * @template {Picture | Plane} Kind
 * @param {Kind} picture
 * @param {Matrix} outFromIn
 * @param {number} width of the result
 * @param {number} height of the result
 * @param {{cubic?: boolean, repeats?: boolean}} [options] cubic: of a picture that does not shrink. repeats: a plane's border
 * @returns {Kind}
 */
export function warp(picture, outFromIn, width, height, { cubic = false, repeats = false } = {}) {
  if (enlarges(outFromIn)) return sample(picture, invert(outFromIn), width, height, { cubic, repeats });
  const corners = transformPoints(invert(outFromIn), [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ]);
  const [x0, y0, x1, y1] = bounds(corners);
  const factor = 2 ** Math.floor(Math.log2(1 / scaleOf(outFromIn)));
  // Whole averaged pixels, but at a border of the picture that ends within one.
  const left = clamp(Math.floor(x0) - 2 * factor, 0, picture.width - 1);
  const top = clamp(Math.floor(y0) - 2 * factor, 0, picture.height - 1);
  const [wide, high] = [Math.ceil(x1) + 2 * factor - left, Math.ceil(y1) + 2 * factor - top];
  const right = clamp(left + factor * Math.ceil(wide / factor), left + 1, picture.width);
  const bottom = clamp(top + factor * Math.ceil(high / factor), top + 1, picture.height);
  const region = cut(picture, [left, top, right, bottom]);
  const small = resize(
    region,
    Math.max(1, Math.floor(region.width / factor)),
    Math.max(1, Math.floor(region.height / factor)),
  );
  const ratioX = region.width / small.width;
  const ratioY = region.height / small.height;
  // Area averaging puts the centre of small pixel i at region coordinate (i + 0.5) * ratio - 0.5.
  /** @type {Matrix} */
  const inFromSmall = [ratioX, 0, left + 0.5 * ratioX - 0.5, 0, ratioY, top + 0.5 * ratioY - 0.5];
  return sample(small, invert(compose(outFromIn, inFromSmall)), width, height, { cubic: false, repeats });
}

/** A square picture at another side, no less than half of its own: cubic, as a paste would do; its overshoot is clipped. @param {Picture} picture @param {number} side */
export function resizeCubic(picture, side) {
  return warp(picture, scaledCrop([1, 0, 0, 0, 1, 0], side / picture.width), side, side, { cubic: true });
}

/** Whether a warp skips no pixel between those that it reads. @param {Matrix} outFromIn */
export function enlarges(outFromIn) {
  const scale = scaleOf(outFromIn);
  return scale >= 0.5 || scale === 0;
}

/** Result pixels per picture pixel. @param {Matrix} outFromIn */
function scaleOf([a, b, , d, e]) {
  return Math.sqrt(Math.abs(a * e - b * d));
}

/**
 * @template {Picture | Plane} Kind
 * @param {Kind} picture
 * @param {Matrix} inFromOut
 * @param {number} width
 * @param {number} height
 * @param {{cubic: boolean, repeats: boolean}} options
 * @returns {Kind}
 */
function sample(picture, inFromOut, width, height, { cubic, repeats }) {
  if (!isPicture(picture)) {
    const result = newPlane(width, height);
    samplePlane(picture, inFromOut, result, repeats);
    return /** @type {Kind} */ (result);
  }
  const result = newPicture(width, height);
  if (cubic) sampleCubic(picture, inFromOut, result);
  else sampleLinear(picture, inFromOut, result);
  return /** @type {Kind} */ (result);
}

/** Luminance of each pixel, rounded as OpenCV rounds it. @param {Picture} picture @returns {Plane} */
export function grey({ width, height, data }) {
  const result = newPlane(width, height);
  withLoops((loops) => {
    const [x, y] = [loops.keepBytes(data), loops.room(width * height)];
    loops.calls.grey(x, width * height, y);
    result.data.set(loops.floats(y, width * height));
  });
  return result;
}

/** `factor` times a plane's values added to all colours. @param {Picture} picture @param {Float32Array} values one a pixel @param {number} [factor] @returns {Picture} */
export function added(picture, values, factor = 1) {
  return changed(picture, (loops, x) => loops.calls.add(x, values.length, loops.keep(values), factor));
}

/** A copy that a loop changes. @param {Picture} picture @param {(loops: Loops, x: number) => void} change is told where the copy lies @returns {Picture} */
export function changed(picture, change) {
  return withLoops((loops) => {
    const x = loops.keepBytes(picture.data);
    change(loops, x);
    return { ...picture, data: loops.bytes(x, picture.data.length).slice() };
  });
}

/** What a level of red, of green and of blue is worth in luminance. */
export const LUMA = [9798, 19235, 3735].map((weight) => weight / (1 << 15));

/** Luminance of the pixel whose red stands at `i`, in whole levels. @param {Uint8ClampedArray} data @param {number} i */
export function lumaAt(data, i) {
  return (9798 * data[i] + 19235 * data[i + 1] + 3735 * data[i + 2] + 16384) >> 15;
}

/** Where a weight is above a limit: numbers of pixels. @param {Float32Array} weight @param {number} limit */
export function indicesAbove(weight, limit) {
  const found = new Int32Array(weight.length);
  let count = 0;
  for (let i = 0; i < weight.length; i++) if (weight[i] > limit) found[count++] = i;
  return found.subarray(0, count);
}

/** To the nearest whole number, halves to the even one, as Python and numpy round. @param {number} value */
export function roundedEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + Math.abs(below % 2) : Math.round(value);
}

/** @param {number} value @param {number} low @param {number} high */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * RGBA to a network's input.
 *
 * @param {Picture} picture
 * @param {number} mean subtracted, in levels of 255
 * @param {number} std divided by, in levels of 255
 * @returns {Float32Array<ArrayBuffer>} (3, height, width), RGB
 */
export function toChannels({ width, height, data }, mean, std) {
  const area = width * height;
  const result = new Float32Array(3 * area);
  const values = Float32Array.from({ length: 256 }, (_, level) => (level - mean) / std);
  for (let i = 0, p = 0; i < area; i++, p += 4) {
    result[i] = values[data[p]];
    result[area + i] = values[data[p + 1]];
    result[2 * area + i] = values[data[p + 2]];
  }
  return result;
}
