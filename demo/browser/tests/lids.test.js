import assert from 'node:assert/strict';
import test from 'node:test';
import { transformPoints } from '../page/align.js';
import { LIDS } from '../page/constants.js';
import { SteadyLids, bringBackLids, closing, lidsWeight } from '../page/lids.js';
import { wholePlane } from '../page/outline.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

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

test('after a gap nothing is averaged', () => {
  const steady = new SteadyLids();
  steady.next(face(2), 1);
  assert.deepEqual(steady.next(face(0.1), 5), [1, 1]);
});
