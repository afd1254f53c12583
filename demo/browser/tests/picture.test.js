import assert from 'node:assert/strict';
import test from 'node:test';
import { cut, grey, newPlane, resize, toChannels, warp } from '../page/picture.js';
import { assertClose, assertSamePixels, frame, golden, sampled, sharpFace } from './inputs.js';

test('the identity warps a picture to itself', () => {
  assertSamePixels(warp(frame(), [1, 0, 0, 0, 1, 0], 320, 260), frame());
  assertSamePixels(warp(frame(), [1, 0, 0, 0, 1, 0], 320, 260, { cubic: true }), frame());
});

test('a whole shift moves pixels without changing them, and repeats the border', () => {
  const [shifted, before] = [warp(frame(), [1, 0, 5, 0, 1, 0], 320, 260), frame()];
  assert.deepEqual(shifted.data.subarray(5 * 4, 320 * 4), before.data.subarray(0, 315 * 4));
  assert.deepEqual(shifted.data.subarray(0, 4), before.data.subarray(0, 4));
});

test('a plane is zero outside itself', () => {
  const plane = newPlane(4, 4);
  plane.data.fill(1);
  assert.deepEqual([...warp(plane, [1, 0, 2, 0, 1, 0], 4, 1).data], [0, 0, 1, 1]);
});

test('a picture of one colour keeps it at every size', () => {
  const flat = frame();
  flat.data.fill(77);
  for (const [width, height] of [
    [100, 50],
    [640, 500],
    [320, 90],
  ]) {
    // prettier-ignore
    assert.ok(resize(flat, width, height).data.every((level) => level === 77));
  }
});

test('halving averages squares of four', () => {
  const plane = newPlane(4, 2);
  plane.data.set([1, 3, 10, 20, 5, 7, 30, 40]);
  assert.deepEqual([...resize(plane, 2, 1).data], [4, 25]);
});

test('a cut rectangle holds the pixels of that place', () => {
  const { data, width, height } = cut(frame(), [10, 20, 13, 22]);
  assert.deepEqual([width, height], [3, 2]);
  assert.deepEqual(data.subarray(0, 12), frame().data.subarray((20 * 320 + 10) * 4, (20 * 320 + 13) * 4));
});

test('grey is grey, and a network gets red, green and blue apart', () => {
  const one = { width: 1, height: 1, data: new Uint8ClampedArray([90, 90, 90, 255]) };
  assert.deepEqual([...grey(one).data], [90]);
  one.data.set([10, 20, 30]);
  assert.deepEqual([...toChannels(one, 10, 10)], [0, 1, 2]);
});

test('a crop is sampled as the core samples it', () => {
  const warped = warp(frame(), golden.crop_from_frame, 224, 224);
  assertClose(sampled(warped), golden.warped, 4); // OpenCV interpolates with weights in 32 steps
});

test('nothing that is read is changed', () => {
  const picture = sharpFace();
  resize(warp(picture, [0.2, 0, 0, 0, 0.2, 0], 50, 50), 20, 20);
  assertSamePixels(picture, sharpFace());
});
