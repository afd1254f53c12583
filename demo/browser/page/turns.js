/**
 * Quarter turns of a photo whose faces lie on their side; as in `detect/lite.py`. Turns count as in numpy's `rot90`: one
 * brings the right edge to the top.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./detect.js').Face} Face
 */
import { bounds } from './align.js';
import { uprightExtent } from './landmarks.js';
import { newPicture, roundedEven } from './picture.js';

/** @param {Picture} picture @param {number} turns 1, 2 or 3 @returns {Picture} */
export function turned(picture, turns) {
  const { width, height } = picture;
  const result = turns === 2 ? newPicture(width, height) : newPicture(height, width);
  const [from, to] = [words(picture), words(result)];
  /** Where a place of the result lies in the picture's numbers. @param {Point} place */
  const index = (place) => {
    const [x, y] = backFrom(place, turns, picture);
    return y * width + x;
  };
  const first = index([0, 0]);
  const [across, down] = [index([1, 0]) - first, index([0, 1]) - first];
  let at = 0;
  for (let y = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) to[at++] = from[first + x * across + y * down];
  }
  return result;
}

/** A number a pixel. @param {Picture} picture */
function words({ width, height, data }) {
  return new Uint32Array(data.buffer, data.byteOffset, width * height);
}

/** A place in the turned picture, in the picture itself. @param {Point} point @param {number} turns @param {{width: number, height: number}} size of the picture @returns {Point} */
function backFrom([x, y], turns, { width, height }) {
  if (turns === 1) return [width - 1 - y, x];
  if (turns === 3) return [y, height - 1 - x];
  return [width - 1 - x, height - 1 - y];
}

/** A face found in the turned picture, in the picture itself. @param {Face} face @param {number} turns @param {{width: number, height: number}} size of the picture @returns {Face} */
export function turnedBack(face, turns, size) {
  /** @param {Point[]} points */
  const back = (points) => points.map((point) => backFrom(point, turns, size));
  const [left, top, right, bottom] = face.box;
  const corners = back([
    [left, top],
    [right, bottom],
  ]);
  return { ...face, box: bounds(corners), five: back(face.five), landmarks: back(face.landmarks) };
}

/** How many quarter turns bring more than half of the faces upright; 0 when none does. @param {readonly Face[]} faces */
export function commonTurns(faces) {
  const counts = [0, 0, 0, 0];
  for (const { landmarks } of faces) {
    const quarters = roundedEven(uprightExtent(landmarks).angle / (Math.PI / 2));
    counts[((quarters % 4) + 4) % 4] += 1;
  }
  const turns = counts.indexOf(Math.max(...counts));
  return 2 * counts[turns] > faces.length ? turns : 0;
}
