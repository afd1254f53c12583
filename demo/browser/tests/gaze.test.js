import assert from 'node:assert/strict';
import test from 'node:test';
import { bringBackGaze, gazeWeight } from '../page/gaze.js';
import { wholePlane } from '../page/outline.js';
import { assertClose, assertSamePixels, faceLandmarks, golden, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

test('a gaze comes back as in the core', () => {
  const weight = wholePlane(gazeWeight(faceLandmarks()));
  assertClose(sampledPlane(weight), golden.gaze_weight, 0.02);
  const back = bringBackGaze(softFace(), sharpFace(), faceLandmarks(), 0.8);
  assertClose(sampled(back), golden.with_gaze, 3);
  assert.notDeepEqual(back, softFace());
});

test('eyes that are one already stay as they are', () => {
  assertSamePixels(bringBackGaze(sharpFace(), sharpFace(), faceLandmarks(), 1), sharpFace());
});
