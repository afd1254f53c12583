/** Bringing a swapped face to the target's colours; a port of `blend/colour.py`, which says where the numbers come from. */
import { CROP_PX } from './align.js';
import { COLOUR } from './constants.js';
import { boxMean } from './filters.js';
import { changed, clamp, grey, indicesAbove, lumaAt } from './picture.js';

/** @typedef {import('./picture.js').Picture} Picture */

/**
 * Move mean colour and contrast of the swapped face towards those of the target's face.
 *
 * @param {Picture} swapped crop
 * @param {Picture} target the same crop before
 * @param {Float32Array} mask one value a pixel in [0, 1]
 * @returns {Picture} the input itself where the mask shows too little face to measure
 */
export function matchColours(swapped, target, mask) {
  const inside = indicesAbove(mask, COLOUR.MIN_WEIGHT);
  if (inside.length < COLOUR.MIN_PIXELS_SHARE * mask.length) return swapped;
  const [ours, theirs] = [statistics(swapped.data, inside), statistics(target.data, inside)];
  const gains = ours.means.map((mean, channel) => {
    const wanted = theirs.means[channel] / Math.max(mean, COLOUR.MIN_LEVEL);
    return clamp(1 + COLOUR.MEAN_STRENGTH * (wanted - 1), ...COLOUR.GAIN_LIMITS);
  });
  const stretch = clamp(theirs.contrast / ours.contrast, ...COLOUR.CONTRAST_LIMITS) ** COLOUR.DEVIATION_STRENGTH;
  const factors = Float32Array.from({ length: 256 }, (_, level) =>
    clamp((ours.luma + stretch * (level - ours.luma)) / Math.max(level, 1), ...COLOUR.FACTOR_LIMITS),
  );
  let light = grey(swapped);
  if (stretch > 1) {
    const side = 2 * Math.floor(Math.round((COLOUR.SHADE_PX * swapped.width) / CROP_PX) / 2) + 1;
    light = boxMean(boxMean(light, side), side);
  }
  const count = light.data.length;
  return changed(swapped, (loops, x) =>
    loops.calls.tint(x, loops.keep(light.data), count, loops.keep(factors), ...gains),
  );
}

/** Mean of each channel, mean luma, and its deviation as a share of it. @param {Uint8ClampedArray} data @param {Int32Array} inside pixels */
function statistics(data, inside) {
  let [red, green, blue, sum, squares] = [0, 0, 0, 0, 0];
  for (let k = 0; k < inside.length; k++) {
    const i = 4 * inside[k];
    red += data[i];
    green += data[i + 1];
    blue += data[i + 2];
    const luma = lumaAt(data, i);
    sum += luma;
    squares += luma * luma;
  }
  const sums = [red, green, blue];
  const mean = sum / inside.length;
  const deviation = Math.sqrt(Math.max(squares / inside.length - mean * mean, 0));
  const luma = Math.max(mean, COLOUR.MIN_LEVEL);
  return {
    means: sums.map((one) => one / inside.length),
    luma,
    contrast: Math.max(deviation, COLOUR.MIN_LEVEL) / luma,
  };
}
