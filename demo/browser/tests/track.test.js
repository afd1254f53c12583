import assert from 'node:assert/strict';
import test from 'node:test';
import { bounds, fiveFrom68, transformPoints } from '../page/align.js';
import { OneEuroFilter } from '../page/smooth.js';
import { Follower, keepsShape, moved } from '../page/track.js';
import { assertClose, frame, golden, landmarks } from './inputs.js';

/**
 * @typedef {import('../page/align.js').Point} Point
 * @typedef {import('../page/detect.js').Face} Face
 */

/** @param {Point[]} points @returns {Face} */
const faceAt = (points) => ({ box: bounds(points), score: 1, five: fiveFrom68(points), landmarks: points });

/** @param {number} x @param {number} y */
const shifted = (x, y) => landmarks().map(([a, b]) => /** @type {Point} */ ([a + x, b + y]));

test('points at rest stay where they are, and the filter smooths as the core does', () => {
  const calm = new OneEuroFilter();
  for (let n = 1; n < 6; n++) assertClose(calm.filter(landmarks(), n / 15, 60).flat(), landmarks().flat(), 1e-9);
  const filter = new OneEuroFilter();
  /** @type {Point[]} */
  let smoothed = [];
  for (let n = 1; n < 5; n++) smoothed = filter.filter(shifted(3 * n, n * n), n / 15, 60);
  assertClose(smoothed.flat(), golden.smoothed, 1e-9);
});

test('a filtered step lies between where a point was and where it is', () => {
  const filter = new OneEuroFilter();
  filter.filter([[0, 0]], 1, 60);
  const [[x]] = filter.filter([[10, 0]], 1.05, 60);
  assert.ok(x > 0 && x < 10);
});

test('time that stands still gives points back as they are', () => {
  const filter = new OneEuroFilter();
  filter.filter([[0, 0]], 1, 60);
  assert.deepEqual(filter.filter([[10, 0]], 1, 60), [[10, 0]]);
});

test('a moved face takes its box along', () => {
  const { box } = moved(faceAt(landmarks()), shifted(7, -4));
  const [left, top, right, bottom] = bounds(landmarks());
  assertClose(box, [left + 7, top - 4, right + 7, bottom - 4], 1e-9);
});

test('a turned face keeps its shape; a scrambled or doubled one does not', () => {
  const turned = transformPoints([Math.cos(0.2), -Math.sin(0.2), 3, Math.sin(0.2), Math.cos(0.2), 5], landmarks());
  assert.ok(keepsShape(landmarks(), turned));
  assert.ok(!keepsShape(landmarks(), [...landmarks()].reverse()));
  assert.ok(!keepsShape(landmarks(), transformPoints([2, 0, 0, 0, 2, 0], landmarks())));
});

/** A follower of faces that are told, frame by frame; landmarks found are those looked for. @param {Face[][]} found */
function follower(found) {
  return new Follower(
    { detect: async () => found.shift() ?? [] },
    { track: async (_, points) => ({ landmarks: points, doubt: 0 }) },
  );
}

test('the largest face is followed, between detections too', async () => {
  const small = faceAt(transformPoints([0.3, 0, 0, 0, 0.3, 0], landmarks()));
  const following = follower([[small, faceAt(landmarks())]]);
  for (let n = 0; n < 5; n++) {
    const face = await following.update(frame(), 1000 + 60 * n);
    assertClose(face?.landmarks.flat() ?? [], landmarks().flat(), 1e-6);
  }
});

test('a face that is gone is held for a moment, then let go', async () => {
  const following = follower([[faceAt(landmarks())]]);
  const shown = [];
  for (let n = 0; n < 9; n++) shown.push((await following.update(frame(), 1000 + 600 * n)) !== null);
  assert.equal(shown[0], true);
  assert.equal(shown.at(-1), false);
  assert.equal(shown.indexOf(false), shown.lastIndexOf(true) + 1); // it does not flicker
});

test('a face that is followed is looked for once a second, and sooner after it was missed', async () => {
  /** @type {number[]} */
  const looks = [];
  let at = 0;
  const following = new Follower(
    { detect: async () => (looks.push(at) === 2 ? [] : [faceAt(landmarks())]) },
    { track: async (_, points) => ({ landmarks: points, doubt: 0 }) },
  );
  for (at = 0; at <= 3000; at += 100) await following.update(frame(), at);
  assert.deepEqual(looks, [0, 1000, 1500, 2500]);
});

test('without any face there is none', async () => {
  assert.equal(await follower([]).update(frame(), 0), null);
});
