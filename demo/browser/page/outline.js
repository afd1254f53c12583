/** Soft weights about a part of the face, for what comes back of the target; a port of `blend/outline.py`. */
import { OUTLINE } from './constants.js';
import { grownSoftly } from './filters.js';
import { newPlane, resize } from './picture.js';
import { fill, hull, onPixels } from './shapes.js';

/**
 * The convex hull of points, grown and softened.
 *
 * @param {readonly import('./align.js').Point[]} points in pixels of a crop of `OUTLINE.WEIGHT_PX`
 * @param {{GROWTH_PX: number, BLUR_PX: number}} soft
 * @returns {Float32Array<ArrayBuffer>} one value a pixel in [0, 1]
 */
export function softHull(points, { GROWTH_PX, BLUR_PX }) {
  const drawn = newPlane(OUTLINE.WEIGHT_PX, OUTLINE.WEIGHT_PX);
  fill(drawn, hull(onPixels(points)));
  return grownSoftly(drawn, GROWTH_PX, BLUR_PX).data;
}

/** The weight for a crop of another side. @param {Float32Array<ArrayBuffer>} weight @param {number} sizePx */
export function atSide(weight, sizePx) {
  const plane = { width: OUTLINE.WEIGHT_PX, height: OUTLINE.WEIGHT_PX, data: weight };
  return resize(plane, sizePx, sizePx).data;
}
