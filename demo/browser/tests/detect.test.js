import assert from 'node:assert/strict';
import test from 'node:test';
import { bounds } from '../page/align.js';
import { cutFade, faded, isCut } from '../page/cut_faces.js';
import { agrees, area, averaged, keepBest, largest } from '../page/detect.js';
import { cropFromRegion } from '../page/landmarks.js';
import { warp } from '../page/picture.js';
import { commonTurns, turned, turnedBack } from '../page/turns.js';
import { anchorsOf } from '../page/ultraface.js';
import { looks, searchPx } from '../page/windows.js';
import { SIDE, assertClose, assertSamePixels, frame, golden, landmarks, sampled } from './inputs.js';

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

test('ordinary and long pictures are looked at where and as large as by the core', () => {
  for (const [size, wanted] of Object.entries(golden.looks)) {
    const [width, height] = size.split(' x ').map(Number);
    const shown = looks(width, height, 2).map((look) => [...look.window, look.width, look.height]);
    assert.deepEqual(shown, wanted, size);
  }
  const sizes = [[2000, 1500], [300, 200], [1000, 9000], [4000, 500], [1000, 20000], [3000, 60000], [4000, 3000], [20000, 8]]; // prettier-ignore
  assert.deepEqual(sizes.map(([width, height]) => searchPx(width, height)), golden.search_px); // prettier-ignore
});

test('anchors lie where those of the core do, at the size the network was trained on and at others', () => {
  const sizes = [[320, 240], [320, 250], [160, 160]]; // prettier-ignore
  sizes.forEach(([width, height], number) => {
    const anchors = anchorsOf(width, height);
    const [count, ...rest] = golden.anchors[number];
    const [sums, last] = [rest.slice(0, 4), rest.slice(4)];
    assert.equal(anchors.length, 4 * count);
    assertClose(anchors.slice(-4), last, 1e-9);
    const own = [0, 1, 2, 3].map((side) => anchors.filter((_, i) => i % 4 === side).reduce((sum, one) => sum + one, 0));
    assertClose(own, sums, 1e-3);
  });
});

test('a picture that shrinks by several times is averaged as by the core', () => {
  const small = averaged(frame(), 70, 57);
  const levels = [];
  for (let y = 0; y < 57; y += 7) for (let x = 0; x < 70; x += 7) levels.push(...small.data.subarray(4 * (y * 70 + x), 4 * (y * 70 + x) + 3)); // prettier-ignore
  assertClose(levels, golden.averaged, 1);
});

test('what is repeated of a face that the border cuts fades to grey as in the core', () => {
  const cut = landmarks().map(([x, y]) => /** @type {[number, number]} */ ([x - 130, y]));
  assert.ok(isCut(cut, frame()) && !isCut(landmarks(), frame()));
  const viewFromFrame = cropFromRegion([15, 150], [170, 170], 0.2, SIDE);
  const view = warp(frame(), viewFromFrame, SIDE, SIDE);
  assertClose(sampled(faded(view, cutFade(cut, frame(), viewFromFrame))), golden.cut_view, 3); // OpenCV's weights are fixed-point
  assert.equal(faded(view, cutFade(landmarks(), frame(), viewFromFrame)), view);
});

test('quarter turns come back, and a face that was found in a turned picture lies where it is', () => {
  const picture = frame();
  assertSamePixels(turned(turned(picture, 1), 3), picture);
  assertSamePixels(turned(turned(picture, 2), 2), picture);
  assertSamePixels(turned(turned(picture, 1), 1), turned(picture, 2));
  const face = { ...found[0], five: landmarks().slice(0, 5), landmarks: landmarks() };
  for (const turns of [1, 2, 3]) {
    const there = turned(picture, turns);
    const back = turnedBack(face, turns, picture);
    landmarks().forEach(([x, y], i) => {
      if (x >= there.width || y >= there.height) return;
      const [own, row] = back.landmarks[i];
      const [a, b] = [4 * (y * there.width + x), 4 * (row * picture.width + own)];
      assert.deepEqual(there.data.subarray(a, a + 4), picture.data.subarray(b, b + 4));
    });
    const [left, top, right, bottom] = back.box;
    assert.ok(left < right && top < bottom);
  }
});

test('faces that lie on one side in their majority tell how the photo is to be turned', () => {
  const upright = {
    ...found[0],
    five: [],
    landmarks: /** @type {import('../page/align.js').Point[]} */ (golden.face_landmarks),
  };
  const size = { width: 224, height: 224 };
  for (const turns of [1, 2, 3]) {
    const lying = turnedBack(upright, turns, size);
    assert.equal(commonTurns([lying]), turns);
    assert.equal(commonTurns([lying, lying, upright]), turns);
    assert.equal(commonTurns([lying, upright]), 0);
  }
  assert.equal(commonTurns([upright]), 0);
});

test('landmarks agree with a box around them and with none elsewhere', () => {
  const box = bounds(landmarks());
  const size = { width: 800, height: 800 };
  assert.ok(agrees(box, landmarks(), size));
  assert.ok(!agrees([box[0] + 200, box[1], box[2] + 200, box[3]], landmarks(), size));
  assert.ok(!agrees([box[0] - 300, box[1] - 300, box[2] + 300, box[3] + 300], landmarks(), size));
  // Of a face that the border cuts, a box shows what is to be seen of it.
  const cut = landmarks().map(([x, y]) => /** @type {[number, number]} */ ([x - 130, y]));
  assert.ok(agrees([0, box[1], box[2] - 130, box[3]], cut, size));
});
