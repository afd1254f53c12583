import assert from 'node:assert/strict';
import test from 'node:test';
import { bounds, transformPoints } from '../page/align.js';
import { LIDS } from '../page/constants.js';
import { SteadyLids, bareness, bringBackLids, closing, lidsWeight } from '../page/lids.js';
import { wholePlane } from '../page/outline.js';
import { newPicture } from '../page/picture.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

const SKIN = [200, 150, 120];

/** Skin, and eyes of a colour where the landmarks are. @param {readonly import('./inputs.js').Point[]} landmarks @param {number[]} colour */
function withEyes(landmarks, colour) {
  const boxes = [bounds(landmarks.slice(36, 42)), bounds(landmarks.slice(42, 48))];
  const picture = newPicture(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const isEye = boxes.some(([left, top, right, bottom]) => x >= left && x <= right && y >= top && y <= bottom);
    picture.data.set([...(isEye ? colour : SKIN), 255], 4 * i);
  }
  return picture;
}

/** @param {number} openness of both eyes, a factor */
const face = (openness) => transformPoints([1, 0, 0, 0, openness, 0], faceLandmarks());

test('an open eye is open, a closed one closed, at any scale', () => {
  const [left, right] = closing(faceLandmarks());
  assert.equal(left, 0);
  assert.ok(right > 0);
  assertClose(closing(transformPoints([3, 0, 5, 0, 3, 7], faceLandmarks())), [left, right], 1e-9);
  assert.deepEqual(closing(face(0.1)), [1, 1]);
  assertClose(closing(faceLandmarks()), golden.closing, 1e-9);
});

test('open eyes leave the swapped face as it is; closed ones are the target', () => {
  assert.equal(bringBackLids(softFace(), sharpFace(), faceLandmarks(), [0, 0]).data.length, softFace().data.length);
  assertSamePixels(bringBackLids(softFace(), sharpFace(), faceLandmarks(), [0, 0]), softFace());
  const { data } = bringBackLids(softFace(), sharpFace(), faceLandmarks(), [1, 1]);
  const middle = 4 * (104 * SIDE + 77);
  assert.deepEqual(data.subarray(middle, middle + 4), sharpFace().data.subarray(middle, middle + 4));
  assert.deepEqual(data.subarray(0, 4 * 60 * SIDE), softFace().data.subarray(0, 4 * 60 * SIDE)); // the forehead
});

test('the weight lies over the eye that closes and no other', () => {
  const weight = wholePlane(lidsWeight(faceLandmarks(), [0, 1])).data;
  assert.equal(weight[105 * SIDE + 77], 0);
  assert.equal(weight[105 * SIDE + 147], 1);
});

test('lids come back as in the core', () => {
  const weight = wholePlane(lidsWeight(faceLandmarks(), [0.3, 0.9]));
  assertClose(sampledPlane(weight), golden.lids_weight, 0.02);
  const back = bringBackLids(softFace(), sharpFace(), faceLandmarks(), [0.3, 0.9]);
  assertClose(sampled(back), golden.with_lids, 3);
});

test('over time they close as in the core, by what this face usually opens', () => {
  const steady = new SteadyLids();
  const got = Array.from({ length: 14 }, (_, n) => steady.next(face(1 + 0.2 * ((n + 1) % 3)), 0.03 * (n + 1)));
  assertClose(got.flat(), golden.blinks.flat(), 1e-6);
  assert.notEqual(steady.usual[0], LIDS.USUAL_OPENING);
});

test('what eyes show beside their lids is seen as in the core', () => {
  assertClose(bareness(sharpFace(), faceLandmarks()), golden.bareness, 2e-3);
});

test('narrow eyes that show skin are shut where landmarks stay half open', () => {
  const [usual, narrow] = [face(1), face(0.74)];
  const [eyes, lids] = [withEyes(usual, [180, 190, 200]), withEyes(usual, SKIN)];
  const steady = new SteadyLids();
  for (let n = 0; n < 20; n++) steady.next(usual, 0.04 * n, eyes);
  const looksDown = steady.next(narrow, 0.8, withEyes(narrow, [180, 190, 200]));
  assert.ok(Math.max(...looksDown) < 0.4);
  let blinks = looksDown;
  for (let n = 21; n < 25; n++) blinks = steady.next(narrow, 0.04 * n, lids);
  assert.ok(Math.min(...blinks) > 0.9);
});

test('after a gap nothing is averaged', () => {
  const steady = new SteadyLids();
  steady.next(face(2), 1);
  assert.deepEqual(steady.next(face(0.1), 5), [1, 1]);
});
