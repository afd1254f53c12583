import assert from 'node:assert/strict';
import test from 'node:test';
import { beardWeight, beardedness } from '../page/beard.js';
import { BEARD } from '../page/constants.js';
import { STAGES } from '../page/finish.js';
import { FaceMemory } from '../page/memory.js';
import { SIDE, assertClose, beardedFace, foldLandmarks, golden, roundMask, sampledPlane } from './inputs.js';

const DEPTHS = [0, 98, 110];
const GREYS = [0, 38, 100];
const stage = /** @type {import('../page/finish.js').Stage} */ (STAGES.find(({ name }) => name === 'beard'));

/** @param {number} depth @param {import('../page/finish.js').Finishing['moment']} moment @returns {import('../page/finish.js').Finishing} */
const face = (depth, moment = null) => ({
  pixels: beardedFace(0),
  weight: roundMask(),
  target: beardedFace(depth),
  landmarks: foldLandmarks(),
  cropFromFrame: [1, 0, 0, 0, 1, 0],
  frame: beardedFace(depth),
  moment,
  native: null,
});

test('a beard is seen as in the core, and where it grows', () => {
  const seen = DEPTHS.map((depth) => beardedness(beardedFace(depth), foldLandmarks()));
  assertClose(seen.flat(), golden.beardedness.flat(), 0.03);
  assert.deepEqual([seen[0], seen[2]], [[0, 0], [1, 0]]); // prettier-ignore
  assert.ok(seen[1][0] > 0 && seen[1][0] < 1);
  const weight = beardWeight(beardedFace(110), foldLandmarks(), [1, 0]);
  assertClose(sampledPlane({ width: SIDE, height: SIDE, data: weight }), golden.beard_weight, 0.02);
});

test('a grey one too, as light as the skin', () => {
  const seen = GREYS.map((grey) => beardedness(beardedFace(10, grey), foldLandmarks()));
  assertClose(seen.flat(), golden.grey_beardedness.flat(), 0.03);
  assert.deepEqual([seen[0], seen[2]], [[0, 0], [0, 1]]); // prettier-ignore
  assert.ok(seen[1][1] > 0 && seen[1][1] < 1);
  const weight = beardWeight(beardedFace(10, 100), foldLandmarks(), [0, 0.75]);
  assertClose(sampledPlane({ width: SIDE, height: SIDE, data: weight }), golden.grey_beard_weight, 0.02);
});

test('a beard stays, as far as it is sure', async () => {
  const before = face(110);
  const { weight } = await stage.run(before, /** @type {any} */ ({}));
  const hair = beardWeight(before.target, before.landmarks, [1, 0]);
  assert.ok(hair.some((own) => own === 1));
  weight.forEach((own, i) => assert.equal(own, Math.fround(before.weight[i] * (1 - hair[i]))));
  const bare = face(0);
  assert.equal(await stage.run(bare, /** @type {any} */ ({})), bare);
});

test('before a camera a beard is looked at again after some frames', async () => {
  const memory = new FaceMemory();
  /** @param {number} depth @param {number} n */
  const shown = async (depth, n) => {
    const { weight } = await stage.run(face(depth, { memory, timeS: n / 30 }), /** @type {any} */ ({}));
    return weight.reduce((sum, own) => sum + own, 0);
  };
  const whole = roundMask().reduce((sum, own) => sum + own, 0);
  for (let n = 0; n < BEARD.BEARD_FRAMES; n++) assert.equal(await shown(0, n), whole);
  assert.deepEqual(memory.bearded, [0, 0]);
  assert.ok((await shown(110, BEARD.BEARD_FRAMES)) < whole); // and the more of it, the longer it is seen
  assert.deepEqual(memory.bearded, [1, 0]);
  const soon = await shown(110, BEARD.BEARD_FRAMES + 1);
  assert.ok((await shown(110, BEARD.BEARD_FRAMES + 9)) < soon);
});
