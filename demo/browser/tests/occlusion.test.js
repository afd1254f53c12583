import assert from 'node:assert/strict';
import test from 'node:test';
import { scaledCrop } from '../page/align.js';
import { SteadyOcclusion, guided, visibleWeight } from '../page/occlusion.js';
import { smallLuma } from '../page/luma.js';
import { newPicture, resize, warp } from '../page/picture.js';
import { SIDE, assertClose, golden, roundMask, sampledPlane, sharpFace, softFace } from './inputs.js';

/** @typedef {import('../page/align.js').Matrix} Matrix */
const plane = (data = roundMask()) => ({ width: SIDE, height: SIDE, data });
const [a, b, c, d, e, f] = /** @type {Matrix} */ (golden.crop_from_frame);
/** @type {Matrix} */
const BEFORE = [a, b, c, d, e, f];
/** @type {Matrix} */
const AFTER = [a, b + 0.02, c + 3, d - 0.02, e, f - 5];

test('what is surely visible keeps its weight, what is surely hidden loses it, as in the core', () => {
  const tenths = Float32Array.from({ length: 11 }, (_, i) => i / 10);
  assertClose(visibleWeight(new Float32Array(11).fill(1), tenths), golden.visible, 1e-6);
  const weight = visibleWeight(roundMask(), new Float32Array(SIDE * SIDE));
  assert.deepEqual(weight, roundMask());
  assert.ok(visibleWeight(roundMask(), new Float32Array(SIDE * SIDE).fill(1)).every((own) => own === 0));
});

test('a guide of one colour gives the mean of what is there, one with edges gives them', () => {
  const flat = newPicture(448, 448);
  flat.data.fill(90);
  const same = guided(plane(new Float32Array(SIDE * SIDE).fill(0.25)), flat);
  assert.ok(same.data.every((own) => Math.abs(own - 0.25) < 1e-5));
  const stripe = newPicture(448, 448);
  const half = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < 448; y++) stripe.data.fill(y < 224 ? 20 : 220, y * 448 * 4, (y + 1) * 448 * 4);
  for (let y = 110; y < SIDE; y++) half.fill(1, y * SIDE, (y + 1) * SIDE); // two rows too early
  const { data } = guided(plane(half), stripe);
  const across = resize(plane(half), 448, 448).data;
  const [above, below] = [222 * 448 + 200, 226 * 448 + 200]; // two pixels from the guide's edge
  assert.equal(across[below] - across[above], 0);
  assert.ok(data[below] - data[above] > 0.3, `${data[above]} ${data[below]}`);
});

test('a guided probability is that of the core', () => {
  const target = warp(sharpFace(), scaledCrop([1, 0, 0, 0, 1, 0], 600 / SIDE), 600, 600, { cubic: true });
  assertClose(sampledPlane(smallLuma(target, SIDE)), golden.small_luma, 2);
  assertClose(sampledPlane(guided(plane(), target)), golden.guided, 0.02);
});

test('every second frame is carried, a slow one is not', () => {
  const steady = new SteadyOcclusion();
  assert.equal(steady.carried(BEFORE, 1), null);
  steady.next(plane(), BEFORE, 1);
  assert.notEqual(steady.carried(BEFORE, 1.03), null);
  assert.equal(steady.carried(BEFORE, 1.06), null);
  steady.next(plane(), BEFORE, 1.06);
  assert.equal(steady.carried(BEFORE, 1.2), null);
});

test('of a face at rest four frames of five are carried, as long ago as the core allows; a change is looked at', () => {
  /** @param {number[]} times @param {(frame: number) => import('../page/picture.js').Picture} crop */
  const looks = (times, crop) => {
    const steady = new SteadyOcclusion();
    return times.filter((timeS, frame) => {
      if (steady.carried(BEFORE, timeS, crop(frame)) !== null) return false;
      steady.next(plane(), BEFORE, timeS);
      return true;
    });
  };
  const quick = Array.from({ length: 11 }, (_, i) => 1 + 0.03 * i);
  const slow = Array.from({ length: 9 }, (_, i) => 1 + 0.067 * i);
  const still = sharpFace();
  assert.deepEqual(looks(quick, () => still), [0, 5, 10].map((i) => quick[i])); // prettier-ignore
  assert.deepEqual(looks(slow, () => still), [0, 3, 6].map((i) => slow[i])); // prettier-ignore
  const other = softFace();
  assert.deepEqual(looks(slow, (frame) => (frame === 5 ? other : still)), [0, 3, 5, 6].map((i) => slow[i])); // prettier-ignore
  // A crop that changes at each frame is carried once; the one after is that which was looked at.
  const thirds = quick.filter((_, i) => i % 3 === 0);
  assert.deepEqual(looks(quick, (frame) => (frame % 2 ? other : still)), thirds); // prettier-ignore
});

test('a crop that stays carries its probability as it is; one that moves, as the core moves it', () => {
  const steady = new SteadyOcclusion();
  steady.next(plane(), BEFORE, 1);
  assertClose(steady.carried(BEFORE, 1.03)?.data ?? [], roundMask(), 1e-4);
  const other = new SteadyOcclusion();
  other.next(plane(), BEFORE, 1);
  const carried = other.carried(AFTER, 1.03);
  assertClose(carried === null ? [] : sampledPlane(carried), golden.carried, 0.02); // weights in 32 steps
  const opposite = plane(roundMask().map((own) => 1 - own));
  assertClose(sampledPlane(other.next(opposite, BEFORE, 1.09)), golden.average, 0.02);
});

test('after a gap the past has no say', () => {
  const steady = new SteadyOcclusion();
  steady.next(plane(), BEFORE, 1);
  const empty = plane(new Float32Array(SIDE * SIDE));
  assert.equal(steady.next(empty, BEFORE, 9), empty);
});
