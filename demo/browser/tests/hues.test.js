import assert from 'node:assert/strict';
import test from 'node:test';
import { HUES } from '../page/constants.js';
import { calmHues, hueLimits } from '../page/hues.js';
import {
  SIDE,
  assertClose,
  assertSamePixels,
  beardedFace,
  foldLandmarks,
  golden,
  roundMask,
  sampled,
  shadedFace,
} from './inputs.js';

const limits = () => {
  const found = hueLimits(beardedFace(0), roundMask(), foldLandmarks());
  assert.ok(found !== null);
  return found;
};

test('green and violet shades become those of skin, as in the core', () => {
  const { violet, low, high } = limits();
  assertClose([...violet, low, high], golden.hue_limits, 2e-3);
  const calm = calmHues(shadedFace(), roundMask(), foldLandmarks(), limits());
  assertClose(sampled(calm), golden.calm_hues, 1);
  const greenAt = (/** @type {import('../page/picture.js').Picture} */ { data }) => data[4 * (136 * SIDE + 70) + 1];
  assert.ok(greenAt(calm) < greenAt(shadedFace()) - 5);
});

test('a face without them stays as it is, and so does what is no face', () => {
  assertSamePixels(calmHues(beardedFace(0), roundMask(), foldLandmarks(), limits()), beardedFace(0));
  const nowhere = new Float32Array(SIDE * SIDE);
  assert.equal(hueLimits(beardedFace(0), nowhere, foldLandmarks()), null);
  const shaded = shadedFace();
  assert.equal(calmHues(shaded, nowhere, foldLandmarks(), limits()), shaded);
});

test('a grey face asks for usual skin', () => {
  const grey = beardedFace(0);
  for (let i = 0; i < grey.data.length; i += 4) grey.data.fill(grey.data[i], i, i + 3);
  const found = hueLimits(grey, roundMask(), foldLandmarks());
  assert.ok(found !== null);
  assertClose([found.low, found.high], [-HUES.LEAST, HUES.LEAST], 1e-6);
});
