import assert from 'node:assert/strict';
import test from 'node:test';
import { scaledCrop, transformPoints } from '../page/align.js';
import { NATIVE } from '../page/constants.js';
import { alongEdges } from '../page/edges.js';
import { enlarge, nativeSide } from '../page/native.js';
import { newPlane, warp } from '../page/picture.js';
import { fill, hull } from '../page/shapes.js';
import { addTexture, textureGate } from '../page/texture.js';
import { SIDE, browFace, assertClose, assertSamePixels, faceLandmarks, frame, golden, meanGap, roundMask, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

/** @typedef {import('../page/align.js').Matrix} Matrix */
/** @type {Matrix} */
const SAME = [1, 0, 0, 0, 1, 0];
/** @param {number} side */
const pointsAt = (side) => transformPoints(scaledCrop(SAME, side / SIDE), faceLandmarks());
/** @param {import('../page/picture.js').Picture} crop @param {number} side */
const larger = (crop, side) => warp(crop, scaledCrop(SAME, side / SIDE), side, side, { cubic: true });
const wide = () => enlarge(softFace(), roundMask(), golden.crop_from_frame, frame(), 300);

test('the side is that of the face in the photo, within the limits, as in the core', () => {
  /** @param {number} scale */
  const at = (scale) => golden.crop_from_frame.map((/** @type {number} */ own) => own / scale);
  assert.deepEqual([0.2, 0.5, 1, 4].map((scale) => nativeSide(at(scale), SIDE)), golden.native_side); // prettier-ignore
  assert.equal(nativeSide([0.01, 0, 0, 0, 0.01, 0], SIDE), NATIVE.LARGEST_PX);
  assert.equal(nativeSide(SAME, SIDE), SIDE);
});

test('edges become lines as in the core, and nothing else changes', () => {
  const crop = warp(browFace(4), [0.97, -0.24, 20, 0.24, 0.97, -20], SIDE, SIDE);
  const [drawn, plain] = [alongEdges(crop, 0.8), alongEdges(crop, 0)];
  assertClose(sampled(drawn), golden.along_edges, 5); // OpenCV interpolates with weights in 32 steps, twice
  assert.ok(meanGap(drawn.data, plain.data) > 0.02 && meanGap(drawn.data, plain.data) < 2);
});

test('a crop is enlarged as the core does it', () => {
  const { pixels, weight, cropFromFrame, native } = wide();
  assertClose(sampled(pixels), golden.native_pixels, 2);
  assertClose(sampledPlane({ width: 300, height: 300, data: weight }), golden.native_weight, 1e-3);
  assertClose(cropFromFrame, golden.native_matrix, 1e-9);
  assertClose(sampled(native), golden.native_target, 4); // OpenCV interpolates with weights in 32 steps
});

test('no strength, and no weight, change nothing', () => {
  const [swapped, target, points] = [larger(softFace(), 448), larger(sharpFace(), 448), pointsAt(448)];
  assertSamePixels(addTexture(swapped, target, new Float32Array(448 * 448).fill(1), points, 0), swapped);
  assertSamePixels(addTexture(swapped, target, new Float32Array(448 * 448), points, 1), swapped);
});

test('nothing comes through on eyes, brows and mouth, all of it where the faces are one', () => {
  const { width, data } = textureGate(larger(softFace(), 448), larger(softFace(), 448), pointsAt(448));
  for (const [x, y] of [[77, 104], [147, 104], [74, 84], [113, 170]]) assert.equal(data[y * width + x], 0); // prettier-ignore
  for (const [x, y] of [[20, 20], [70, 140], [113, 210]]) assert.equal(data[y * width + x], 1, `${x}, ${y}`); // prettier-ignore
});

test('the gate and the texture are those of the core', () => {
  const { pixels, native } = wide();
  const gate = sampledPlane(textureGate(pixels, native, pointsAt(300)));
  assert.ok(meanGap(gate, golden.texture_gate) < 0.01, `${meanGap(gate, golden.texture_gate)}`);
  const [swapped, target] = [larger(softFace(), 600), larger(sharpFace(), 600)];
  const textured = addTexture(swapped, target, new Float32Array(600 * 600).fill(1), pointsAt(600), 1);
  assertClose(sampled(textured), golden.textured, 4);
});

test('an outline is filled with its border', () => {
  const plane = newPlane(8, 8);
  fill(plane, hull([[1, 1], [5, 1], [5, 4], [1, 4], [3, 2]])); // prettier-ignore
  const rows = Array.from({ length: 8 }, (_, y) => plane.data.slice(8 * y, 8 * y + 8).join(''));
  const inside = '01111100';
  assert.deepEqual(rows, ['0'.repeat(8), inside, inside, inside, inside, '0'.repeat(8), '0'.repeat(8), '0'.repeat(8)]);
});
