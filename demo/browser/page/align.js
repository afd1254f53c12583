/**
 * Face template and the maps between frame and crop.
 *
 * A matrix is `[a, b, c, d, e, f]`, named `bFromA`: x' = a x + b y + c, y' = d x + e y + f, in pixels whose origin is the
 * centre of the top left pixel. Points are arrays of `[x, y]`. Same conventions and numbers as `faces/geometry.py`.
 *
 * @typedef {[number, number]} Point
 * @typedef {[number, number, number, number]} Box left, top, right, bottom
 * @typedef {[number, number, number, number, number, number]} Matrix
 */

import { CROP, LANDMARKS_68 } from './constants.js';

/** Side of the crop the student reads. @type {number} */
export const CROP_PX = CROP.SIZE_PX;

/** @param {Point[]} points @returns {Point} */
export function meanPoint(points) {
  let x = 0;
  let y = 0;
  for (const p of points) {
    x += p[0];
    y += p[1];
  }
  return [x / points.length, y / points.length];
}

/** Eye centres, nose tip and mouth corners of 68 landmarks. @param {Point[]} landmarks @returns {Point[]} */
export function fiveFrom68(landmarks) {
  return [
    ...eyeCentres(landmarks),
    landmarks[LANDMARKS_68.NOSE_TIP],
    landmarks[LANDMARKS_68.LEFT_MOUTH],
    landmarks[LANDMARKS_68.RIGHT_MOUTH],
  ];
}

/** Left and right, as the picture shows them. @param {Point[]} landmarks 68 @returns {[Point, Point]} */
export function eyeCentres(landmarks) {
  return [meanPoint(landmarks.slice(...LANDMARKS_68.LEFT_EYE)), meanPoint(landmarks.slice(...LANDMARKS_68.RIGHT_EYE))];
}

/** Distance of the eye centres in pixels. @param {Point[]} landmarks 68 */
export function eyeDistance(landmarks) {
  return distance(...eyeCentres(landmarks));
}

/** @param {Point} a @param {Point} b */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

/** Mean distance of corresponding points. @param {Point[]} a @param {Point[]} b */
export function meanDistance(a, b) {
  return a.reduce((sum, p, i) => sum + distance(p, b[i]), 0) / a.length;
}

/**
 * Least-squares rotation, scale and shift taking `pointsA` to `pointsB`; never a reflection.
 * Source: Umeyama 1991; in the plane a rotation with scale is one complex number.
 *
 * @param {Point[]} pointsA
 * @param {Point[]} pointsB
 * @returns {Matrix} bFromA
 */
export function similarityFromPoints(pointsA, pointsB) {
  const [ax, ay] = meanPoint(pointsA);
  const [bx, by] = meanPoint(pointsB);
  let spread = 0;
  let real = 0;
  let imag = 0;
  pointsA.forEach((p, i) => {
    const x = p[0] - ax;
    const y = p[1] - ay;
    const u = pointsB[i][0] - bx;
    const v = pointsB[i][1] - by;
    spread += x * x + y * y;
    real += x * u + y * v;
    imag += x * v - y * u;
  });
  if (spread === 0) return [1, 0, bx - ax, 0, 1, by - ay];
  real /= spread;
  imag /= spread;
  return [real, -imag, bx - real * ax + imag * ay, imag, real, by - imag * ax - real * ay];
}

/** The map that brings five face points of a frame onto the template. @param {Point[]} five @returns {Matrix} */
export function cropFromFrameMatrix(five) {
  return similarityFromPoints(five, CROP.POINTS);
}

/** @param {Matrix} bFromA @returns {Matrix} aFromB */
export function invert([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  const [p, q, r, s] = [e / det, -b / det, -d / det, a / det];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

/** First `bFromA`, then `cFromB`. @param {Matrix} cFromB @param {Matrix} bFromA @returns {Matrix} cFromA */
export function compose(cFromB, bFromA) {
  const [a, b, c, d, e, f] = cFromB;
  const [p, q, r, s, t, u] = bFromA;
  return [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f];
}

/** Side in the frame, in pixels, of a crop. @param {Matrix} cropFromFrame @param {number} sizePx of the crop */
export function sideInFrame([a, b, , d, e], sizePx) {
  return sizePx / Math.sqrt(Math.abs(a * e - b * d));
}

/** The map to the same crop with `scale` times as many pixels a side. @param {Matrix} cropFromFrame @param {number} scale */
export function scaledCrop(cropFromFrame, scale) {
  const shift = (scale - 1) / 2;
  return compose([scale, 0, shift, 0, scale, shift], cropFromFrame);
}

/** @param {Matrix} bFromA @param {Point[]} points @returns {Point[]} */
export function transformPoints([a, b, c, d, e, f], points) {
  return points.map(([x, y]) => [a * x + b * y + c, d * x + e * y + f]);
}

/** Smallest and largest coordinates. @param {Point[]} points @returns {Box} */
export function bounds(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  }
  return [left, top, right, bottom];
}
