import assert from 'node:assert/strict';
import test from 'node:test';
import { transformPoints } from '../page/align.js';
import { foldsWeight, softenFolds } from '../page/folds.js';
import { wholePlane } from '../page/outline.js';
import { SIDE, assertClose, assertSamePixels, foldFace, foldLandmarks, golden, sampled, sampledPlane, sharpFace, softFace } from './inputs.js'; // prettier-ignore

/** @param {number} right @param {number} down */
const movedBy = (right, down) => transformPoints([1, 0, right, 0, 1, down], foldLandmarks());

test('folds that the target does not have are softened as in the core', () => {
  assertClose(sampledPlane(wholePlane(foldsWeight(foldLandmarks()))), golden.folds_weight, 0.02);
  const softened = softenFolds(foldFace(40), foldFace(0), foldLandmarks());
  const levels = [];
  for (let y = 150; y < 210; y += 4)
    for (let x = 66; x < 162; x += 4)
      levels.push(...softened.data.subarray(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 3));
  assertClose(levels, golden.softened_folds, 1);
  const fainter = sharpFace();
  fainter.data.forEach((level, i) => (fainter.data[i] = i % 4 === 3 ? level : Math.floor(level / 8) + 130));
  assertClose(sampled(softenFolds(sharpFace(), fainter, foldLandmarks())), golden.softened_detail, 1);
});

test('so are those of a face that the crop cuts', () => {
  const softened = softenFolds(sharpFace(), foldFace(40), movedBy(-50, 30));
  assertClose(sampled(softened), golden.softened_edge, 1);
});

test('a fold is as deep as it was on the target, at most; without one it is hardly seen', () => {
  /** @param {import('../page/picture.js').Picture} face mean of green along a fold, less that of the skin beside it */
  const depth = ({ data }) => {
    let sum = 0;
    for (let y = 150; y < 180; y++) {
      const x = 113 - 20 - Math.floor((y - 146) / 2);
      sum += data[4 * (y * SIDE + x - 12) + 1] - data[4 * (y * SIDE + x) + 1];
    }
    return sum / 30;
  };
  const before = foldFace(40);
  assert.ok(depth(softenFolds(before, foldFace(0), foldLandmarks())) < depth(before) / 2);
  assert.ok(depth(softenFolds(before, before, foldLandmarks())) > (3 * depth(before)) / 4);
});

test('each colour is softened for itself', () => {
  /** @param {import('../page/picture.js').Picture} face its colours one place further */
  const turned = (face) => {
    const data = face.data.map((level, i) => (i % 4 === 3 ? level : face.data[i % 4 === 0 ? i + 2 : i - 1]));
    return { ...face, data };
  };
  const softened = softenFolds(foldFace(40), foldFace(0), foldLandmarks());
  assert.notDeepEqual(softened.data, foldFace(40).data);
  assertSamePixels(softenFolds(turned(foldFace(40)), turned(foldFace(0)), foldLandmarks()), turned(softened));
});

test('lips, nose, eyes and what lies above keep their pixels', () => {
  const [before, after] = [sharpFace(), softenFolds(sharpFace(), softFace(), foldLandmarks())];
  const at = (/** @type {number} */ x, /** @type {number} */ y) => {
    const [i, own] = [4 * (y * SIDE + x), before.data];
    return after.data.subarray(i, i + 4).every((level, channel) => level === own[i + channel]);
  };
  for (const [x, y] of [[113, 170], [113, 130], [77, 104], [147, 104], [113, 60]]) assert.ok(at(x, y), `${x}, ${y}`); // prettier-ignore
  assert.ok(!at(80, 150));
});

test('a smooth face gets nothing, and a mouth outside of the crop changes nothing', () => {
  assertSamePixels(softenFolds(foldFace(0), foldFace(0), foldLandmarks()), foldFace(0));
  const before = foldFace(40);
  assert.equal(softenFolds(before, foldFace(0), movedBy(0, 300)), before);
});

test('the weight lies in the smallest box that holds it', () => {
  const { box, data } = foldsWeight(foldLandmarks());
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  assert.equal(data.length, width * height);
  const row = (/** @type {number} */ y) => data.subarray(y * width, (y + 1) * width).some((own) => own > 0);
  const column = (/** @type {number} */ x) => data.some((own, i) => i % width === x && own > 0);
  assert.ok(row(0) && row(height - 1) && column(0) && column(width - 1));
});
