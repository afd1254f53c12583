import assert from 'node:assert/strict';
import test from 'node:test';
import {
  bounds,
  compose,
  cropFromFrameMatrix,
  fiveFrom68,
  invert,
  similarityFromPoints,
  transformPoints,
} from '../page/align.js';
import { CROP } from '../page/constants.js';
import { assertClose, golden, landmarks } from './inputs.js';

/** @type {import('../page/align.js').Matrix} Turned by 0.4, 1.7 times as large, shifted. */
const KNOWN = [1.7 * Math.cos(0.4), -1.7 * Math.sin(0.4), 12, 1.7 * Math.sin(0.4), 1.7 * Math.cos(0.4), -30];

test('a fit recovers the similarity that made the points', () => {
  const points = landmarks();
  assertClose(similarityFromPoints(points, transformPoints(KNOWN, points)), KNOWN, 1e-9);
});

test('a fit never mirrors', () => {
  const points = landmarks();
  const [a, b, , d, e] = similarityFromPoints(
    points,
    points.map(([x, y]) => [-x, y]),
  );
  assert.ok(a * e - b * d > 0);
});

test('points that all lie on one are only shifted', () => {
  assert.deepEqual(similarityFromPoints([[7, 7], [7, 7]], [[1, 2], [3, 4]]), [1, 0, -5, 0, 1, -4]); // prettier-ignore
});

test('a map and its inverse undo each other', () => {
  assertClose(compose(KNOWN, invert(KNOWN)), [1, 0, 0, 0, 1, 0], 1e-12);
  assertClose(transformPoints(invert(KNOWN), transformPoints(KNOWN, landmarks())).flat(), landmarks().flat(), 1e-9);
});

test('a composed map is the first, then the second', () => {
  const shift = /** @type {const} */ ([1, 0, 3, 0, 1, 0]);
  const double = /** @type {const} */ ([2, 0, 0, 0, 2, 0]);
  assert.deepEqual(transformPoints(compose([...double], [...shift]), [[1, 1]]), [[8, 2]]);
});

test('a face on the template is not moved', () => {
  assertClose(cropFromFrameMatrix(CROP.POINTS), [1, 0, 0, 0, 1, 0], 1e-12);
});

test('the crop is cut where the core cuts it', () => {
  assertClose(cropFromFrameMatrix(golden.five), golden.crop_from_frame, 1e-9);
});

test('five points lie within the landmarks they are taken from', () => {
  const [left, top, right, bottom] = bounds(landmarks());
  for (const [x, y] of fiveFrom68(landmarks())) assert.ok(x >= left && x <= right && y >= top && y <= bottom);
});
