import assert from 'node:assert/strict';
import test from 'node:test';
import { calmViolet } from '../page/irises.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, sampled, sharpFace, softFace } from './inputs.js';

/** Violet where the eyes of `faceLandmarks` are. */
function violetEyes() {
  const picture = softFace();
  for (let y = 95; y < 112; y++) for (let x = 60; x < 170; x++) picture.data.set([110, 95, 190], 4 * (y * SIDE + x));
  return picture;
}

test('violet irises turn blue, as in the core', () => {
  const calm = calmViolet(violetEyes(), sharpFace(), faceLandmarks());
  assertClose(sampled(calm), golden.calm_violet, 1);
  const [red, green, blue] = calm.data.slice(4 * (104 * SIDE + 77));
  assert.ok(Math.abs(green - (red + blue) / 2) <= 0.08 * blue && blue > green && green > red);
});

test('eyes of other colours, and skin, stay as they are', () => {
  assertSamePixels(calmViolet(softFace(), sharpFace(), faceLandmarks()), softFace());
  assertSamePixels(calmViolet(violetEyes(), violetEyes(), faceLandmarks()), violetEyes());
});
