import assert from 'node:assert/strict';
import test from 'node:test';
import { agrees, area, keepBest, largest, windows } from '../page/detect.js';
import { bounds } from '../page/align.js';
import { golden, landmarks } from './inputs.js';

/** @typedef {import('../page/detect.js').Candidate} Candidate */

/** @type {Candidate[]} */
const found = golden.boxes.map((/** @type {any} */ box, /** @type {number} */ i) => ({ box, score: golden.scores[i] }));

test('of boxes of one face the best is kept, best first, as the core keeps them', () => {
  const kept = keepBest(found);
  assert.deepEqual(
    kept.map((one) => found.indexOf(one)),
    golden.kept,
  );
});

test('what was kept is kept again, and the order of what is found does not matter', () => {
  assert.deepEqual(keepBest(keepBest(found)), keepBest(found));
  assert.deepEqual(keepBest([...found].reverse()), keepBest(found));
  assert.deepEqual(keepBest([]), []);
});

test('boxes apart are all kept, equal boxes once', () => {
  assert.equal(keepBest([{ box: [0, 0, 9, 9], score: 0.5 }, { box: [20, 0, 29, 9], score: 0.4 }]).length, 2); // prettier-ignore
  assert.equal(keepBest([found[0], { ...found[0] }]).length, 1);
});

test('a box inside out has no area', () => {
  assert.equal(area([10, 10, 5, 20]), 0);
  assert.equal(area([0, 0, 4, 5]), 20);
});

test('the largest face is that of the largest box', () => {
  const faces = /** @type {import('../page/detect.js').Face[]} */ (found);
  assert.ok(faces.every((face) => area(face.box) <= area(largest(faces).box)));
});

test('windows are those of the core, and a small picture is one window', () => {
  assert.deepEqual(windows(2000, 1500, 2), golden.windows);
  assert.deepEqual(windows(300, 200, 2), [[0, 0, 300, 200]]);
});

test('landmarks agree with a box around them and with none elsewhere', () => {
  const box = bounds(landmarks());
  assert.ok(agrees(box, landmarks()));
  assert.ok(!agrees([box[0] + 200, box[1], box[2] + 200, box[3]], landmarks()));
  assert.ok(!agrees([box[0] - 300, box[1] - 300, box[2] + 300, box[3] + 300], landmarks()));
});
