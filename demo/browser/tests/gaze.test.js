import assert from 'node:assert/strict';
import test from 'node:test';
import { bringBackGaze, eyeTones, gazeWeights } from '../page/gaze.js';
import { strongest, wholePlane } from '../page/outline.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

const weights = gazeWeights(faceLandmarks(), SIDE);

test('a gaze comes back as in the core', () => {
  const weight = wholePlane(strongest(weights.map((outline) => ({ outline, of: (own) => own }))));
  assertClose(sampledPlane(weight), golden.gaze_weight, 0.02);
  const tones = eyeTones(softFace(), sharpFace(), weights, [0.3, 0.9]);
  assertClose(tones, golden.eye_tones, 0.01);
  const back = bringBackGaze(softFace(), sharpFace(), weights, tones, 0.8);
  assertClose(sampled(back), golden.with_gaze, 1);
  assert.notDeepEqual(back, softFace());
});

test('eyes that are one already stay as they are', () => {
  assertClose(eyeTones(sharpFace(), sharpFace(), weights, [0, 0]), [0, 0], 1e-9);
  assertSamePixels(bringBackGaze(sharpFace(), sharpFace(), weights, [0, 0], 1), sharpFace());
});

test('a weight for a larger picture is the same one, enlarged', () => {
  gazeWeights(faceLandmarks(), 3 * SIDE).forEach(({ box, data }, eye) => {
    const small = weights[eye];
    const sum = (/** @type {Float32Array} */ of) => of.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum(data) / (9 * sum(small.data)) - 1) < 0.01, 'nothing of it is cut off');
    box.forEach((edge, i) => assert.ok(Math.abs(edge - 3 * small.box[i]) <= 3));
  });
});
