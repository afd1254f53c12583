/** The target's open mouth comes back as it opens; a port of `blend/mouth.py`, which says where the numbers come from. */
import { distance } from './align.js';
import { LANDMARKS_68, MOUTH } from './constants.js';
import { grownSoftly } from './filters.js';
import { clamp, newPlane } from './picture.js';
import { fill, hull, onPixels } from './shapes.js';
import { broughtBack } from './steady.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 */

/** How far the target's mouth shows: 0 closed, 1 wide open. @param {readonly Point[]} landmarks 68, any scale */
export function mouthShare(landmarks) {
  const lips = landmarks.slice(...LANDMARKS_68.INNER_LIPS);
  const across = distance(landmarks[LANDMARKS_68.LEFT_EYE[0]], landmarks[LANDMARKS_68.RIGHT_EYE[0] + 3]);
  const opening = distance(lips[2], lips[6]) / Math.max(across, 1e-6);
  return clamp((opening - MOUTH.BEGINS) / (MOUTH.ENDS - MOUTH.BEGINS), 0, 1);
}

/**
 * Where and how far the target's mouth shows.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 * @param {number} share
 * @returns {Float32Array} (224 * 224) in [0, 1]
 */
export function mouthWeight(landmarks, share) {
  const lips = newPlane(MOUTH.WEIGHT_PX, MOUTH.WEIGHT_PX);
  fill(lips, hull(onPixels(landmarks.slice(...LANDMARKS_68.OUTER_LIPS))));
  const soft = grownSoftly(lips, MOUTH.GROWTH_PX, MOUTH.BLUR_PX);
  return soft.data.map((own) => share * Math.min(2 * own, 1));
}

/**
 * Blend the target's open mouth into the swapped face.
 *
 * @param {Picture} swapped crop of 224, colours matched
 * @param {Picture} target the same crop before
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of the crop
 * @param {number} share
 * @returns {Picture} the input itself while the mouth is closed
 */
export function bringBackMouth(swapped, target, landmarks, share) {
  return share <= 0 ? swapped : broughtBack(swapped, target, mouthWeight(landmarks, share));
}
