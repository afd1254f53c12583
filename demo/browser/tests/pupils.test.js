import assert from 'node:assert/strict';
import test from 'node:test';
import { bringBackPupils } from '../page/pupils.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, sampled, sharpFace, softFace } from './inputs.js';

test('eyes get the pupils of the target, as in the core', () => {
  const back = bringBackPupils(softFace(), sharpFace(), faceLandmarks(), 0.8);
  assertClose(sampled(back), golden.with_pupils, 1);
  const [soft, sharp] = [softFace().data, sharpFace().data];
  assert.ok(back.data.filter((own, i) => Math.abs(own - soft[i]) > 5).length > 300);
  const same = bringBackPupils(sharpFace(), sharpFace(), faceLandmarks(), 1);
  assert.ok(same.data.every((own, i) => Math.abs(own - sharp[i]) <= 1));
});

test('eyes that lie outside of the crop change nothing', () => {
  const away = faceLandmarks().map(([x, y]) => /** @type {[number, number]} */ ([x + 4 * SIDE, y]));
  assertSamePixels(bringBackPupils(softFace(), sharpFace(), away, 1), softFace());
});
