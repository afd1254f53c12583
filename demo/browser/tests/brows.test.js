import assert from 'node:assert/strict';
import test from 'node:test';
import { FaceMemory } from '../page/memory.js';
import { asNumbers, asShifts, browShifts, moveBrows } from '../page/brows.js';
import { SIDE, assertClose, assertSamePixels, browFace, browLandmarks, golden, softFace } from './inputs.js';

const whole = new Float32Array(SIDE * SIDE).fill(1);
/** Columns from above the right brow to its eye. @param {Float32Array} weight */
function overRightBrow(weight) {
  const weights = [];
  for (let y = 40; y < 100; y++) for (let x = 134; x < 166; x += 8) weights.push(weight[y * SIDE + x]);
  return weights;
}

test('brows that stayed at rest go where the target has them, as in the core', () => {
  const shifts = browShifts(browFace(9), browFace(0), browLandmarks());
  assertClose(asNumbers(shifts), golden.brow_shifts, 1e-6);
  assert.ok(shifts[0].down > 8);
  const { pixels, weight } = moveBrows(browFace(9), browFace(0), whole, browLandmarks(), shifts);
  const [levels, weights] = [[], []].map((list) => /** @type {number[]} */ (list));
  for (let y = 40; y < 100; y++) {
    for (let x = 60; x < 92; x += 8) {
      levels.push(pixels.data[4 * (y * SIDE + x)]);
      weights.push(weight[y * SIDE + x]);
    }
  }
  assertClose(levels, golden.moved_brow, 2);
  assertClose(weights, golden.moved_brow_weight, 1e-3);
});

test('a brow that is hardly seen goes where the other one does, and the darker one of the target shows', () => {
  const [swapped, target] = [browFace(9, true), browFace(0)];
  const shifts = browShifts(swapped, target, browLandmarks());
  assertClose(asNumbers(shifts), golden.hinted_brow_shifts, 1e-6);
  assert.ok(shifts[1].down > 8);
  const { weight } = moveBrows(swapped, target, whole, browLandmarks(), shifts);
  assertClose(overRightBrow(weight), golden.hinted_brow_weight, 1e-3);
  assert.equal(weight[72 * SIDE + 142], 0);
});

test('beside a brow that is moved the target shows over one that is not', () => {
  const shifts = asShifts([9, 0, 1, 0]);
  const { weight } = moveBrows(browFace(9), softFace(), whole, browLandmarks(), shifts);
  assertClose(overRightBrow(weight), golden.dark_brow_weight, 1e-3);
});

test('under a brow that goes far up the target shows where it is lighter', () => {
  const swapped = browFace(9);
  for (let i = 0; i < swapped.data.length; i++) if (i % 4 < 3) swapped.data[i] -= 12;
  const { weight } = moveBrows(swapped, browFace(0), whole, browLandmarks(), asShifts([9, 0, 9, 0]));
  assertClose(overRightBrow(weight), golden.drawn_out_weight, 1e-3);
  assert.ok(weight[84 * SIDE + 142] < 0.6 && weight[102 * SIDE + 142] > 0.9);
});

test('without a hint of it a brow stays', () => {
  const swapped = browFace(9);
  for (let i = 0; i < SIDE * SIDE; i++) if (i % SIDE > SIDE / 2) swapped.data.fill(200, 4 * i, 4 * i + 3);
  const [left, right] = browShifts(swapped, browFace(0), browLandmarks());
  assert.ok(left.down > 8);
  assert.deepEqual(right, { down: 0, middle: 0 });
});

test('of two brows that are hardly seen none is moved', () => {
  const [swapped, target] = [browFace(9, true), browFace(200)];
  const shifts = browShifts(swapped, target, browLandmarks());
  assert.deepEqual(
    shifts.map(({ down }) => down),
    [0, 0],
  );
});

test('brows that are where the target has them stay, and so does a face without any', () => {
  for (const swapped of [browFace(0), browFace(200)]) {
    const shifts = browShifts(swapped, browFace(0), browLandmarks());
    const { pixels, weight } = moveBrows(swapped, browFace(0), whole, browLandmarks(), shifts);
    assertSamePixels(pixels, swapped);
    assert.deepEqual(weight, whole);
  }
});

test('what a memory averages is put together again', () => {
  const shifts = [
    { down: 1, middle: 2 },
    { down: 3, middle: 4 },
  ];
  assert.deepEqual(asShifts(asNumbers(shifts)), shifts);
});

test('before a camera brows that are seen elsewhere in one frame alone stay, and raised ones are followed', () => {
  const memory = new FaceMemory();
  const shown = Array.from({ length: 20 }, (_, frame) => {
    const down = frame === 5 || frame >= 10 ? 9 : 0;
    return memory.brows.next([down, 0, down, 0], (frame + 1) / 25)[0];
  });
  assert.equal(Math.max(...shown.slice(0, 10)), 0);
  assert.ok(shown[12] > 6 && shown[19] > 8.9);
});
