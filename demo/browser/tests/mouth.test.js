import assert from 'node:assert/strict';
import test from 'node:test';
import { transformPoints } from '../page/align.js';
import { bringBackMouth, mouthShare, mouthWeight } from '../page/mouth.js';
import { SteadyShares } from '../page/steady.js';
import { wholePlane } from '../page/outline.js';
import { assertClose, assertSamePixels, faceLandmarks, golden, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

/** @param {number} openness a factor on every height of the face, the mouth's with them */
const face = (openness) => transformPoints([1, 0, 0, 0, openness, 0], faceLandmarks());

test('a closed mouth is closed, an open one open, at any scale', () => {
  assertClose([mouthShare(faceLandmarks())], [golden.mouth_share], 1e-9);
  assertClose([mouthShare(transformPoints([3, 0, 5, 0, 3, 7], faceLandmarks()))], [golden.mouth_share], 1e-9);
  assert.equal(mouthShare(face(0.1)), 0);
  assert.equal(mouthShare(face(4)), 1);
});

test('a mouth comes back as in the core', () => {
  const weight = wholePlane(mouthWeight(faceLandmarks(), 0.7));
  assertClose(sampledPlane(weight), golden.mouth_weight, 0.02);
  assertClose(sampled(bringBackMouth(softFace(), sharpFace(), faceLandmarks(), 0.7)), golden.with_mouth, 3);
  assertClose(sampled(bringBackMouth(softFace(), sharpFace(), faceLandmarks(), 0.7, 0.4)), golden.with_teeth, 3);
  assertSamePixels(bringBackMouth(softFace(), sharpFace(), faceLandmarks(), 0), softFace());
});

test('shares are averaged over time, and begin anew after a gap', () => {
  const steady = new SteadyShares();
  assert.deepEqual(steady.next([0], 1), [0]);
  const [share] = steady.next([1], 1.04);
  assertClose([share], [0.75], 1e-9);
  assert.deepEqual(steady.next([1], 9), [1]);
});
