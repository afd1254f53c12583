/** The target's gaze comes back; a port of `blend/gaze.py`, which says where the numbers come from. */
import { GAZE, LANDMARKS_68 } from './constants.js';
import { atSide, forPixels, softHull } from './outline.js';
import { clamp, lumaAt } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./lids.js').Closing} Closing
 * @typedef {import('./outline.js').Outline} Outline
 */

/**
 * Where each of the target's eyes shows: the left and the right one of the image.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 * @param {number} sizePx side of the crop that they are for
 * @returns {Outline[]}
 */
export function gazeWeights(landmarks, sizePx) {
  const eyes = [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE];
  return eyes.map((eye) => atSide(softHull(landmarks.slice(...eye), GAZE), sizePx));
}

/**
 * By which exponents the target's open eyes become as light as the swapped ones: their logarithms, 0 of a closed eye.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target of the same size
 * @param {readonly Outline[]} weights of both eyes, for pictures of that size
 * @param {Closing} closed
 */
export function eyeTones(swapped, target, weights, closed) {
  return weights.map(({ box, data: weight }, number) => {
    let [own, wanted, whole] = [0, 0, 0];
    forPixels(box, swapped.width, (at, i) => {
      own += weight[i] * lumaAt(swapped.data, at);
      wanted += weight[i] * lumaAt(target.data, at);
      whole += weight[i];
    });
    if (whole === 0) return 0;
    const [darkest, lightest] = GAZE.MEANS;
    const [a, b] = [own, wanted].map((sum) => Math.log(clamp(sum / whole / 255, darkest, lightest)));
    return (1 - closed[number]) * Math.log(clamp(a / b, 1 / GAZE.LARGEST_EXPONENT, GAZE.LARGEST_EXPONENT));
  });
}

/**
 * Give the swapped eyes the target's light and shade: where they look, and how far they are open. As a whole, an open eye stays as
 * light as it is.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target of the same size
 * @param {readonly Outline[]} weights of both eyes, for pictures of that size
 * @param {readonly number[]} tones of the target's eyes; of a camera, averaged over time
 * @param {number} strength how far, 0 to 1
 * @returns {Picture}
 */
export function bringBackGaze(swapped, target, weights, tones, strength) {
  const data = swapped.data.slice();
  weights.forEach(({ box, data: weight }, number) => {
    const exponent = Math.exp(tones[number]);
    const toned = Float32Array.from({ length: 256 }, (_, level) => 255 * (level / 255) ** exponent);
    forPixels(box, swapped.width, (at, i) => {
      if (weight[i] <= 0) return;
      const before = lumaAt(data, at);
      const light = lumaAt(target.data, at);
      const change = (toned[light] - before) * weight[i] * strength;
      // Darkened by a factor: by a difference, skin that becomes a lid's line would turn red. Lightened by light of the target's
      // colour: by grey light, an iris that becomes a lid would turn blue.
      const factor = 1 + Math.min(change, 0) / Math.max(before, 1);
      const share = Math.max(change, 0) / (light + GAZE.DARK);
      for (let p = at; p < at + 3; p++) data[p] = data[p] * factor + share * (target.data[p] + GAZE.DARK); // clamps, rounds
    });
  });
  return { ...swapped, data };
}
