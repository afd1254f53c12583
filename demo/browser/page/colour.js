/** Bringing a swapped face to the target's colours; a port of `colour.py`, which says where the numbers come from. */

const [MEAN_STRENGTH, DEVIATION_STRENGTH] = [0.8, 0.7];
const GAIN_LIMITS = [0.6, 1.5];
const MIN_WEIGHT = 0.6; // only pixels that are surely face are counted
const MIN_PIXELS_SHARE = 0.001;

/**
 * Move mean and deviation of the swapped face, per channel, towards those of the target's face, in place.
 *
 * @param {import('./picture.js').Picture} swapped RGBA crop, changed
 * @param {import('./picture.js').Picture} target the same crop before
 * @param {Float32Array} mask one value a pixel in [0, 1]
 */
export function matchColours(swapped, target, mask) {
  const inside = [];
  mask.forEach((weight, i) => weight > MIN_WEIGHT && inside.push(4 * i));
  if (inside.length < MIN_PIXELS_SHARE * mask.length) return;
  for (let channel = 0; channel < 3; channel++) {
    const ours = statistics(swapped.data, inside, channel);
    const theirs = statistics(target.data, inside, channel);
    const wanted = theirs.deviation / Math.max(ours.deviation, 5); // a flat patch has no contrast to stretch
    const gain = Math.min(Math.max(wanted, GAIN_LIMITS[0]), GAIN_LIMITS[1]) ** DEVIATION_STRENGTH;
    const mean = ours.mean + MEAN_STRENGTH * (theirs.mean - ours.mean);
    const levels = Uint8ClampedArray.from({ length: 256 }, (_, level) => (level - ours.mean) * gain + mean);
    for (let i = channel; i < swapped.data.length; i += 4) swapped.data[i] = levels[swapped.data[i]];
  }
}

function statistics(data, inside, channel) {
  let sum = 0;
  let squares = 0;
  for (const i of inside) {
    const value = data[i + channel];
    sum += value;
    squares += value * value;
  }
  const mean = sum / inside.length;
  return { mean, deviation: Math.sqrt(Math.max(squares / inside.length - mean * mean, 0)) };
}
