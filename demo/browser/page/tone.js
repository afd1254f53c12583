/**
 * Pictures of one tone, black and white or brown; a port of `blend/tone.py`, which says where the numbers come from.
 *
 * @typedef {import('./picture.js').Picture} Picture
 */
import { COLOUR, TONE } from './constants.js';
import { LUMA, clamp, indicesAbove, lumaAt, newPicture, resize, roundedEven } from './picture.js';

/**
 * Give a swapped face the tone of a target that has one only.
 *
 * @param {Picture} swapped crop, colours matched
 * @param {Picture} target the same crop before
 * @param {Float32Array<ArrayBuffer>} mask one value a pixel in [0, 1]
 * @returns {Picture} as light as before; the input itself for a target in colours
 */
export function matchTone(swapped, target, mask) {
  const side = Math.floor(target.width / Math.max(1, Math.floor(target.width / TONE.SIDE_PX)));
  const { data } = resize(target, side, side);
  const inside = resize({ width: target.width, height: target.height, data: mask }, side, side).data;
  const pixels = indicesAbove(inside, COLOUR.MIN_WEIGHT);
  if (pixels.length < TONE.LEVELS * TONE.FEWEST) return swapped;
  const lumas = Float32Array.from(
    pixels,
    (i) => LUMA[0] * data[4 * i] + LUMA[1] * data[4 * i + 1] + LUMA[2] * data[4 * i + 2],
  );
  const tone = toneOf(data, pixels, lumas);
  if (tone === null) return swapped;
  let [apart, light] = [0, 0];
  for (let k = 0; k < pixels.length; k++) {
    const [at, luma] = [4 * pixels[k], lumas[k]];
    const level = roundedEven(luma);
    const red = data[at] - luma - tone[0][level];
    const blue = data[at + 2] - luma - tone[2][level];
    apart += red * red + blue * blue;
    light += luma;
  }
  const unlike = Math.sqrt(apart / pixels.length) / Math.max(light / pixels.length, TONE.DARK);
  const share = clamp((TONE.COLOURED - unlike) / (TONE.COLOURED - TONE.ONE_TONE), 0, 1);
  return share === 0 ? swapped : toned(swapped, tone, share);
}

/**
 * What is added to each of 256 levels of light, by channel; null where no level has enough pixels.
 *
 * @param {Uint8ClampedArray} data
 * @param {Int32Array} pixels
 * @param {Float32Array} lumas of them
 */
function toneOf(data, pixels, lumas) {
  const levels = Array.from({ length: TONE.LEVELS }, () => ({ count: 0, luma: 0, chroma: [0, 0, 0] }));
  lumas.forEach((luma, k) => {
    const level = levels[Math.floor((luma * TONE.LEVELS) / 256)];
    level.count++;
    level.luma += luma;
    for (let channel = 0; channel < 3; channel++) level.chroma[channel] += data[4 * pixels[k] + channel] - luma;
  });
  const known = levels.filter(({ count }) => count >= TONE.FEWEST);
  if (known.length === 0) return null;
  const at = known.map(({ count, luma }) => luma / count);
  return [0, 1, 2].map((channel) => between(at, known.map(({ count, chroma }) => chroma[channel] / count))); // prettier-ignore
}

/** Straight lines between points, level beyond the last ones, at 0 to 255. @param {number[]} at ascending @param {number[]} values */
function between(at, values) {
  return Float32Array.from({ length: 256 }, (_, level) => {
    const next = at.findIndex((one) => one >= level);
    if (next <= 0) return values[next === 0 ? 0 : values.length - 1];
    const part = (level - at[next - 1]) / (at[next] - at[next - 1]);
    return values[next - 1] + part * (values[next] - values[next - 1]);
  });
}

/** @param {Picture} swapped @param {Float32Array[]} tone @param {number} share @returns {Picture} */
function toned({ width, height, data }, tone, share) {
  const result = newPicture(width, height);
  for (let i = 0; i < data.length; i += 4) {
    const luma = lumaAt(data, i);
    for (let channel = 0; channel < 3; channel++) {
      const shade = clamp(Math.round(luma + tone[channel][luma]), 0, 255);
      result.data[i + channel] = share * shade + (1 - share) * data[i + channel];
    }
    result.data[i + 3] = data[i + 3];
  }
  return result;
}
