import assert from 'node:assert/strict';
import test from 'node:test';
import { refineMask } from '../page/mask.js';
import { pasteBack } from '../page/paste.js';
import { SIDE, assertClose, assertSamePixels, frame, golden, roundMask, sharpFace, softFace } from './inputs.js';
import { matchColours } from '../page/colour.js';
import { matchDetail } from '../page/detail.js';

/** @type {import('../page/align.js').Matrix} */
const SHIFT = [1, 0, -20, 0, 1, -10]; // the crop lies at (20, 10)

test('pixels of weight 0 keep their bits, pixels of weight 1 become the crop', () => {
  const weight = new Float32Array(SIDE * SIDE);
  for (let y = 50; y < 90; y++) weight.fill(1, y * SIDE + 60, y * SIDE + 120);
  const [into, before, crop] = [frame(), frame(), sharpFace()];
  pasteBack(into, crop, weight, SHIFT);
  for (let y = 0; y < into.height; y++) {
    for (let x = 0; x < into.width; x++) {
      const [u, v] = [x - 20, y - 10];
      const isInside = u >= 60 && u < 120 && v >= 50 && v < 90;
      const [i, j] = [4 * (y * into.width + x), 4 * (v * SIDE + u)];
      const wanted = isInside ? crop.data.subarray(j, j + 3) : before.data.subarray(i, i + 3);
      assert.deepEqual(into.data.subarray(i, i + 3), wanted, `pixel ${x}, ${y}`);
    }
  }
});

test('a weight of 0 everywhere, and a crop beside the frame, change nothing', () => {
  const into = frame();
  pasteBack(into, sharpFace(), new Float32Array(SIDE * SIDE), SHIFT);
  pasteBack(into, sharpFace(), refineMask(roundMask()), [1, 0, -5000, 0, 1, 0]);
  assertSamePixels(into, frame());
});

test('a crop half outside the frame is pasted as far as the frame goes', () => {
  const into = frame();
  pasteBack(into, sharpFace(), refineMask(roundMask()), [1, 0, 112, 0, 1, 0]); // its middle is the left border
  const row = 120 * into.width * 4;
  assert.notDeepEqual(into.data.subarray(row, row + 4), frame().data.subarray(row, row + 4));
});

test('a finished crop is pasted as the core pastes it', () => {
  const into = frame();
  const matched = matchColours(softFace(), sharpFace(), roundMask());
  const pixels = matchDetail(matched, sharpFace(), roundMask());
  pasteBack(into, pixels, refineMask(roundMask()), golden.crop_from_frame);
  const every20th = into.data.filter((_, i) => {
    const [pixel, channel] = [Math.floor(i / 4), i % 4];
    return channel < 3 && (pixel % into.width) % 20 === 0 && Math.floor(pixel / into.width) % 20 === 0;
  });
  assertClose(every20th, golden.pasted, 4); // OpenCV's cubic weights are tabled in 32 steps a pixel
});
