/** Where brows, eyes and mouth of a face lie; a port of `blend/limits.py`, which says where the numbers come from. */
import { LANDMARKS_68, REGIONS } from './constants.js';
import { grownByDisc } from './filters.js';
import { newPlane } from './picture.js';
import { fill, hull, onPixels, stroke } from './shapes.js';

/**
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 */

/**
 * @param {readonly Point[]} landmarks 68, in pixels of the crop
 * @param {number} side of the crop
 * @returns {Plane} 1 where one of them is, 0 elsewhere
 */
export function features(landmarks, side) {
  const points = onPixels(landmarks);
  const eyes = newPlane(side, side);
  for (const eye of [LANDMARKS_68.LEFT_EYE, LANDMARKS_68.RIGHT_EYE]) fill(eyes, hull(points.slice(...eye)));
  const growth = Math.round(REGIONS.EYE_GROWTH * side);
  const found = growth < 1 ? eyes : grownByDisc(eyes, growth);
  const thickness = Math.max(1, Math.round(REGIONS.BROW_HEIGHT * side));
  for (const brow of [LANDMARKS_68.LEFT_BROW, LANDMARKS_68.RIGHT_BROW]) {
    stroke(found, points.slice(...brow), thickness);
  }
  fill(found, points.slice(...LANDMARKS_68.OUTER_LIPS));
  return found;
}
