import assert from 'node:assert/strict';
import test from 'node:test';
import { asNumbers, asShifts, browShifts, moveBrows } from '../page/brows.js';
import { SIDE, assertClose, assertSamePixels, browFace, browLandmarks, golden } from './inputs.js';

const whole = new Float32Array(SIDE * SIDE).fill(1);

test('brows that stayed at rest go where the target has them, as in the core', () => {
  const shifts = browShifts(browFace(9), browFace(0), browLandmarks());
  assertClose(asNumbers(shifts), golden.brow_shifts, 1e-6);
  assert.ok(shifts[0].down > 8);
  const { pixels, weight } = moveBrows(browFace(9), whole, browLandmarks(), shifts);
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

test('brows that are where the target has them stay, and so does a face without any', () => {
  for (const swapped of [browFace(0), browFace(200)]) {
    const shifts = browShifts(swapped, browFace(0), browLandmarks());
    const { pixels, weight } = moveBrows(swapped, whole, browLandmarks(), shifts);
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
