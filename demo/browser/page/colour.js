/** Bringing a swapped face to the target's colours; a port of `colour.py`, which says where the numbers come from. */

const [MEAN_STRENGTH, DEVIATION_STRENGTH] = [0.8, 0.7];
const [CONTRAST_LIMITS, GAIN_LIMITS, FACTOR_LIMITS] = [
  [0.6, 1.5],
  [0.4, 2.5],
  [0.3, 1.6],
];
const MIN_WEIGHT = 0.6; // only pixels that are surely face are counted
const MIN_PIXELS_SHARE = 0.001;
const MIN_LEVEL = 5; // of 255: below it a ratio of means or deviations says nothing

const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);
export const lumaAt = (data, i) => Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]);

/**
 * Move mean colour and contrast of the swapped face towards those of the target's face, in place.
 *
 * @param {import('./picture.js').Picture} swapped RGBA crop, changed
 * @param {import('./picture.js').Picture} target the same crop before
 * @param {Float32Array} mask one value a pixel in [0, 1]
 */
export function matchColours(swapped, target, mask) {
  const inside = [];
  mask.forEach((weight, i) => weight > MIN_WEIGHT && inside.push(4 * i));
  if (inside.length < MIN_PIXELS_SHARE * mask.length) return;
  const [ours, theirs] = [statistics(swapped.data, inside), statistics(target.data, inside)];
  const gains = ours.means.map((mean, channel) => {
    const wanted = theirs.means[channel] / Math.max(mean, MIN_LEVEL);
    return clamp(1 + MEAN_STRENGTH * (wanted - 1), GAIN_LIMITS);
  });
  const stretch = clamp(theirs.contrast / ours.contrast, CONTRAST_LIMITS) ** DEVIATION_STRENGTH;
  const factors = Float32Array.from({ length: 256 }, (_, level) =>
    clamp((ours.luma + stretch * (level - ours.luma)) / Math.max(level, 1), FACTOR_LIMITS),
  );
  for (let i = 0; i < swapped.data.length; i += 4) {
    const factor = factors[lumaAt(swapped.data, i)];
    for (let channel = 0; channel < 3; channel++) swapped.data[i + channel] *= factor * gains[channel]; // clamps, rounds
  }
}

/** Mean of each channel, mean luma, and its deviation as a share of it. */
function statistics(data, inside) {
  const sums = [0, 0, 0];
  let [sum, squares] = [0, 0];
  for (const i of inside) {
    for (let channel = 0; channel < 3; channel++) sums[channel] += data[i + channel];
    const luma = lumaAt(data, i);
    sum += luma;
    squares += luma * luma;
  }
  const mean = sum / inside.length;
  const deviation = Math.sqrt(Math.max(squares / inside.length - mean * mean, 0));
  const luma = Math.max(mean, MIN_LEVEL);
  return { means: sums.map((one) => one / inside.length), luma, contrast: Math.max(deviation, MIN_LEVEL) / luma };
}
