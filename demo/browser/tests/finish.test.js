import assert from 'node:assert/strict';
import test from 'node:test';
import { matchColours } from '../page/colour.js';
import { COLOUR, DETAIL, MASK, TONE } from '../page/constants.js';
import { matchDetail } from '../page/detail.js';
import { DEFAULTS, STAGES, finish, unlessChosen } from '../page/finish.js';
import { refineMask } from '../page/mask.js';
import { FaceMemory } from '../page/memory.js';
import { grey, newPicture } from '../page/picture.js';
import { matchTone } from '../page/tone.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, roundMask, sampled, sharpFace, softFace, stripedFace } from './inputs.js'; // prettier-ignore

const nothing = new Float32Array(SIDE * SIDE);
const everything = new Float32Array(SIDE * SIDE).fill(1);
/** Hidden is the left half. @type {import('../page/occlusion.js').SeeHidden} */
const seeHidden = async ({ width, height }) => {
  const data = Float32Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 1 : 0));
  return { width, height, data };
};
const own = { matchesColours: true, matchesDetail: true, seeHidden, drawPattern: async () => everything };
const options = { ...DEFAULTS, ...own, gaze: 1, mouth: 1, strength: 0.5 };
/** @returns {import('../page/finish.js').Finishing} a face of 300 px in its photo, one eye half closed */
function crop() {
  const frame = newPicture(320, 320);
  for (let i = 0; i < frame.data.length; i++) frame.data[i] = i % 4 === 3 ? 255 : 90 + ((7 * i) % 101);
  const [pixels, weight, target, landmarks] = [softFace(), roundMask(), sharpFace(), faceLandmarks()];
  const scale = SIDE / 300;
  return {
    pixels,
    weight,
    target,
    landmarks,
    cropFromFrame: [scale, 0, 0, 0, scale, 0],
    frame,
    moment: null,
    native: null,
  };
}

/** @param {import('../page/picture.js').Picture} picture */
const meanLuma = (picture) => grey(picture).data.reduce((sum, level) => sum + level, 0) / (SIDE * SIDE);

test('colours of equal faces stay as they are', () => {
  assertSamePixels(matchColours(softFace(), softFace(), roundMask()), softFace());
});

test('matching brings the mean colour nearer, and keeps grey grey', () => {
  const [before, after, wanted] = [
    softFace(),
    matchColours(softFace(), sharpFace(), everything),
    meanLuma(sharpFace()),
  ];
  assert.ok(Math.abs(meanLuma(after) - wanted) < 0.5 * Math.abs(meanLuma(before) - wanted));
  const [dark, light] = [softFace(), softFace()];
  dark.data.forEach((_, i) => (dark.data[i] = i % 4 === 3 ? 255 : 40 + (Math.floor(i / 4) % 30)));
  light.data.forEach((_, i) => (light.data[i] = i % 4 === 3 ? 255 : 90 + (Math.floor(i / 4) % 60)));
  const { data } = matchColours(dark, light, everything);
  for (let i = 0; i < data.length; i += 4) assert.ok(data[i] === data[i + 1] && data[i] === data[i + 2]);
});

test('no pixel is raised or lowered beyond the limits', () => {
  const [before, after] = [softFace().data, matchColours(softFace(), sharpFace(), everything).data];
  const most = COLOUR.FACTOR_LIMITS[1] * COLOUR.GAIN_LIMITS[1];
  assert.ok(after.every((level, i) => level <= most * before[i] + 1));
});

test('detail of equal faces stays, and that of a sharper one is not taken away', () => {
  assertSamePixels(matchDetail(softFace(), softFace(), roundMask()), softFace());
  assertSamePixels(matchDetail(sharpFace(), softFace(), roundMask()), sharpFace());
});

test('without a face there is nothing to measure', () => {
  assertSamePixels(matchColours(softFace(), sharpFace(), nothing), softFace());
  assertSamePixels(matchDetail(softFace(), sharpFace(), nothing), softFace());
});

test('the weight never exceeds the mask, and is 0 at the border and where the mask is', () => {
  const [mask, weight] = [roundMask(), refineMask(roundMask())];
  assert.ok(weight.every((value, i) => value >= 0 && value <= mask[i] + 1e-6));
  const full = refineMask(everything);
  for (let i = 0; i < SIDE; i++) for (const at of [i, i * SIDE, (i + 1) * SIDE - 1]) assert.equal(full[at], 0);
  assert.equal(full[(SIDE * SIDE + SIDE) / 2], 1);
  assert.ok(refineMask(nothing).every((value) => value === 0));
});

test('a hole smaller than the closing square does not eat into the face around it', () => {
  const holed = everything.slice();
  const hole = Math.floor(MASK.CLOSE_PX / 2);
  for (let y = 0; y < hole; y++) for (let x = 0; x < hole; x++) holed[(110 + y) * SIDE + 110 + x] = 0;
  assert.equal(refineMask(holed)[108 * SIDE + 108], 1);
});

test('colour, detail and mask are those of the core', () => {
  const matched = matchColours(softFace(), sharpFace(), roundMask());
  assertClose(sampled(matched), golden.matched, 1);
  assertClose(sampled(matchDetail(matched, sharpFace(), roundMask())), golden.detailed, 2);
  const weight = refineMask(roundMask());
  const every16th = weight.filter((_, i) => (i % SIDE) % 16 === 8 && Math.floor(i / SIDE) % 16 === 8);
  assertClose(every16th, golden.weight, 1e-5);
  assert.ok(DETAIL.MAX_GAIN > 1);
});

test('in a picture of one tone a face has that tone, as in the core', () => {
  const matched = matchColours(softFace(), sharpFace(), roundMask());
  [0, 3, 30].forEach((levels, i) => {
    assertClose(sampled(matchTone(matched, stripedFace(levels), roundMask())), golden.toned[i], 2);
  });
  assert.equal(matchTone(matched, stripedFace(30), roundMask()), matched);
});

test('the stages run in this order', () => {
  assert.deepEqual(
    STAGES.map(({ name }) => name),
    [
      'colour',
      'detail',
      'folds',
      'mask',
      'beard',
      'brows',
      'native',
      'pupils',
      'gaze',
      'lids',
      'mouth',
      'occlusion',
      'texture',
      'strength',
      'mark',
    ],
  );
});

test('a stage changes nothing that it is given', async () => {
  let face = crop();
  for (const stage of STAGES) {
    const before = structuredClone(face);
    const after = await stage.run(face, options);
    // These faces have neither brows nor beards, and the swapped one is the smoother.
    if (!['beard', 'brows', 'folds'].includes(stage.name))
      assert.notDeepEqual(after, face, `${stage.name} did nothing`);
    assert.deepEqual(face, before, stage.name);
    face = after;
  }
});

test('finishing is its wanted stages one after the other', async () => {
  const finished = await finish(crop(), options);
  let face = crop();
  for (const stage of STAGES) if (stage.isWanted(options, face)) face = await stage.run(face, options);
  assert.deepEqual(finished, face);
});

test('what is not wanted is left out: the mask alone is always refined', async () => {
  const none = {
    occlusion: false,
    beard: false,
    folds: false,
    brows: false,
    pupils: 0,
    gaze: 0,
    lids: false,
    mouth: 0,
    texture: 0,
    strength: 1,
    drawPattern: null,
  };
  const small = { ...crop(), cropFromFrame: /** @type {import('../page/align.js').Matrix} */ ([1, 0, 0, 0, 1, 0]) };
  const coloured = { ...small, target: stripedFace(30) };
  const plain = await finish(coloured, { ...own, ...none, matchesColours: false, matchesDetail: false });
  assertSamePixels(plain.pixels, softFace());
  assert.deepEqual(plain.weight, refineMask(roundMask()));
});

test('a target of one tone gives its tone to the face of a model whose colours are not matched, and nothing more', async () => {
  const [face, unmatched] = [crop(), { ...options, matchesColours: false }];
  const { pixels } = await STAGES[0].run(face, unmatched);
  assertSamePixels(pixels, matchTone(softFace(), sharpFace(), roundMask()));
  assert.notDeepEqual(pixels, softFace());
  assert.ok(STAGES[0].isWanted(unmatched, face));
});

test('what is hidden stays, and a strength scales what is left', async () => {
  const small = { ...crop(), cropFromFrame: /** @type {import('../page/align.js').Matrix} */ ([1, 0, 0, 0, 1, 0]) };
  const { weight } = await finish(small, options);
  const refined = refineMask(roundMask());
  weight.forEach((got, i) => assert.equal(got, i % SIDE < SIDE / 2 ? 0 : Math.fround(refined[i] / 2)));
});

test('a photo is finished at its own size with texture; a camera at that of the crop without', async () => {
  const photo = await finish(crop(), { ...options, drawPattern: null });
  assert.equal(photo.pixels.width, 300);
  const plain = await finish(crop(), { ...options, texture: 0, drawPattern: null });
  assert.notDeepEqual(photo.pixels, plain.pixels);
  assert.deepEqual(
    [unlessChosen('texture', null, false), unlessChosen('texture', null, true), unlessChosen('texture', 0.3, true)],
    [1, 0, 0.3],
  );
  const moment = { memory: new FaceMemory(), timeS: 1 };
  assert.equal((await finish({ ...crop(), moment }, options)).pixels.width, SIDE);
});

test('a camera in colours is asked again after some frames whether they are gone', async () => {
  const memory = new FaceMemory();
  /** @param {import('../page/picture.js').Picture} target @param {number} n */
  const look = async (target, n) => {
    const face = { ...crop(), target, moment: { memory, timeS: n / 30 } };
    const { pixels } = await STAGES[0].run(face, options);
    return pixels;
  };
  const [coloured, toned] = [stripedFace(30), sharpFace()];
  await look(coloured, 0);
  const before = await look(toned, 1);
  for (let n = 2; n <= TONE.COLOURED_FRAMES; n++) assertSamePixels(await look(toned, n), before);
  const after = await look(toned, TONE.COLOURED_FRAMES + 1);
  assert.notDeepEqual(after, before);
  assertSamePixels(after, matchTone(before, toned, crop().weight));
});

test('of a face at rest before a camera every fifth frame is looked at', async () => {
  let looks = 0;
  const counted = {
    ...options,
    seeHidden: async (/** @type {import('../page/picture.js').Picture} */ target) => {
      looks += 1;
      return seeHidden(target);
    },
  };
  const memory = new FaceMemory();
  for (let n = 0; n < 6; n++) await finish({ ...crop(), moment: { memory, timeS: 1 + n / 30 } }, counted);
  assert.equal(looks, 2);
});

test('the mark is worked out from the finished face and the weight it is pasted with', async () => {
  /** @type {Float32Array[]} */
  let seen = [];
  const drawPattern = /** @type {import('../page/watermark.js').DrawPattern} */ (
    async (luma, weight) => {
      seen = [luma, weight];
      return nothing;
    }
  );
  const small = { ...crop(), cropFromFrame: /** @type {import('../page/align.js').Matrix} */ ([1, 0, 0, 0, 1, 0]) };
  const { pixels, weight } = await finish(small, { ...options, drawPattern });
  const before = (await finish(small, { ...options, drawPattern: null })).pixels;
  assertSamePixels(pixels, before); // a pattern of zeros
  assert.equal(seen[0][0], Math.floor((grey(pixels).data[0] + grey(pixels).data[1] + grey(pixels).data[SIDE] + grey(pixels).data[SIDE + 1]) / 4 + 0.5)); // prettier-ignore
  assertClose(seen[1].subarray(60 * 112 + 56, 60 * 112 + 57), [weight[120 * SIDE + 112]], 0.01);
});
