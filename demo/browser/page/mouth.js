/** The target's open mouth comes back as it opens; a port of `blend/mouth.py`, which says where the numbers come from. */
import { distance } from './align.js';
import { LANDMARKS_68, MOUTH } from './constants.js';
import { atSide, softHull, strongest } from './outline.js';
import { clamp } from './picture.js';
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
 * @param {number} share see `mouthShare`
 * @param {number} [strength] up to `MOUTH.INSIDE_ALONE` what lies between the lips comes, above that the lips as well
 */
export function mouthWeight(landmarks, share, strength = 1) {
  const within = share * Math.min(strength / MOUTH.INSIDE_ALONE, 1);
  const inside = softHull(landmarks.slice(...LANDMARKS_68.INNER_LIPS), MOUTH.INNER);
  const weights = [{ outline: inside, of: (/** @type {number} */ own) => own * within }];
  if (strength > MOUTH.INSIDE_ALONE) {
    const ofLips = (share * (strength - MOUTH.INSIDE_ALONE)) / (1 - MOUTH.INSIDE_ALONE);
    const lips = softHull(landmarks.slice(...LANDMARKS_68.OUTER_LIPS), MOUTH);
    weights.push({ outline: lips, of: (own) => Math.min(2 * own, 1) * ofLips });
  }
  return strongest(weights);
}

/**
 * Blend the target's open mouth into the swapped face.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target of the same size
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of a crop of 224
 * @param {number} share see `mouthShare`
 * @param {number} [strength] see `mouthWeight`
 * @returns {Picture} the input itself while the mouth is closed
 */
export function bringBackMouth(swapped, target, landmarks, share, strength = 1) {
  if (share * strength <= 0) return swapped;
  return broughtBack(swapped, target, atSide(mouthWeight(landmarks, share, strength), swapped.width));
}
