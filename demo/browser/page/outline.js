/** Soft weights about a part of the face, for what comes back of the target; a port of `blend/outline.py`. */
import { bounds } from './align.js';
import { OUTLINE } from './constants.js';
import { grownSoftly, softReach } from './filters.js';
import { newPlane, resize } from './picture.js';
import { fill, hull, onPixels } from './shapes.js';

/**
 * @typedef {import('./align.js').Box} Box
 * @typedef {import('./align.js').Point} Point
 * @typedef {{box: Box, data: Float32Array<ArrayBuffer>}} Outline a weight: values in [0, 1] within a rectangle of whole pixels,
 *   right and bottom exclusive; 0 elsewhere
 */
const SIDE = OUTLINE.WEIGHT_PX;

/**
 * The convex hull of points, grown and softened.
 *
 * @param {readonly Point[]} points in pixels of a crop of `OUTLINE.WEIGHT_PX`
 * @param {{GROWTH_PX: number, BLUR_PX: number}} soft
 * @returns {Outline} for that crop
 */
export function softHull(points, { GROWTH_PX, BLUR_PX }) {
  const outline = hull(onPixels(points));
  const more = GROWTH_PX + softReach(BLUR_PX);
  const around = bounds(outline);
  const [left, top] = around.slice(0, 2).map((edge) => Math.min(Math.max(edge - more, 0), SIDE));
  const [right, bottom] = around.slice(2).map((edge) => Math.min(Math.max(edge + more + 1, 0), SIDE));
  if (right <= left || bottom <= top) return { box: [0, 0, 0, 0], data: new Float32Array(0) };
  const drawn = newPlane(right - left, bottom - top);
  fill(
    drawn,
    outline.map(([x, y]) => [x - left, y - top]),
  );
  return { box: [left, top, right, bottom], data: grownSoftly(drawn, GROWTH_PX, BLUR_PX).data };
}

/**
 * Several weights in one: of each pixel the largest.
 *
 * @param {readonly {outline: Outline, of: (own: number) => number}[]} outlines each with what becomes of its values
 * @returns {Outline}
 */
export function strongest(outlines) {
  const shown = outlines.filter(({ outline }) => outline.data.length);
  if (!shown.length) return { box: [0, 0, 0, 0], data: new Float32Array(0) };
  const box = bounds(shown.flatMap(({ outline: { box } }) => [[box[0], box[1]], [box[2], box[3]]])); // prettier-ignore
  const width = box[2] - box[0];
  const data = new Float32Array(width * (box[3] - box[1]));
  for (const { outline, of } of shown) {
    const [left, top, right, bottom] = outline.box;
    for (let y = top, from = 0; y < bottom; y++) {
      for (let x = left, to = (y - box[1]) * width + left - box[0]; x < right; x++, from++, to++) {
        const own = of(outline.data[from]);
        if (own > data[to]) data[to] = own;
      }
    }
  }
  return { box, data };
}

/** The weight for a crop of another side. @param {Outline} outline @param {number} sizePx @returns {Outline} */
export function atSide(outline, sizePx) {
  if (sizePx === SIDE || !outline.data.length) return outline;
  const whole = resize(wholePlane(outline), sizePx, sizePx).data;
  const scale = sizePx / SIDE;
  const reach = (/** @type {number} */ edge) => Math.min(Math.max(Math.round(edge * scale), 0), sizePx);
  const [left, top] = outline.box.slice(0, 2).map((edge) => reach(edge - 1)); // a pixel spreads to its neighbours
  const [right, bottom] = outline.box.slice(2).map((edge) => reach(edge + 1));
  const data = new Float32Array((right - left) * (bottom - top));
  for (let y = top; y < bottom; y++)
    data.set(whole.subarray(y * sizePx + left, y * sizePx + right), (y - top) * (right - left));
  return { box: [left, top, right, bottom], data };
}

/** The weight of every pixel of a crop of `OUTLINE.WEIGHT_PX`. @param {Outline} outline */
export function wholePlane({ box: [left, top, right, bottom], data }) {
  const plane = newPlane(SIDE, SIDE);
  const width = right - left;
  for (let y = 0; y < bottom - top; y++)
    plane.data.set(data.subarray(y * width, (y + 1) * width), (top + y) * SIDE + left);
  return plane;
}

/** @param {Outline['box']} box @param {number} width of the picture @param {(at: number, i: number) => void} visit place in the picture's bytes, and in the box */
export function forPixels([left, top, right, bottom], width, visit) {
  for (let y = top, i = 0; y < bottom; y++) {
    for (let at = 4 * (y * width + left), x = left; x < right; x++, i++, at += 4) visit(at, i);
  }
}
