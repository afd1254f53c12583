import assert from 'node:assert/strict';
import test from 'node:test';
import { bluenessOfEyes, calmEyes } from '../page/irises.js';
import { SIDE, assertClose, assertSamePixels, faceLandmarks, golden, sampled, sharpFace, softFace } from './inputs.js';

/** Whites where the eyes of `faceLandmarks` are, and irises. @param {number[]} white @param {number[]} iris */
function eyesOf(white, iris) {
  const picture = softFace();
  for (let y = 95; y < 112; y++) {
    for (let x = 60; x < 170; x++) {
      const isIris = y >= 98 && y < 110 && ((x >= 72 && x < 84) || (x >= 140 && x < 152));
      picture.data.set(isIris ? iris : white, 4 * (y * SIDE + x));
    }
  }
  return picture;
}
const wrong = () => eyesOf([190, 200, 230], [110, 95, 190]);
const usual = () => eyesOf([200, 195, 180], [90, 60, 40]);

/** @param {import('../page/picture.js').Picture} picture @param {number} x @param {number} y */
const colour = (picture, x, y) => [...picture.data.slice(4 * (y * SIDE + x))].slice(0, 3);

test('violet irises turn blue and blue whites white, as in the core', () => {
  assertClose(sampled(calmEyes(wrong(), sharpFace(), faceLandmarks())), golden.calm_eyes, 1);
  const calm = calmEyes(wrong(), usual(), faceLandmarks());
  assertClose(sampled(calm), golden.white_eyes, 1);
  const [red, green, blue] = colour(calm, 77, 104);
  assert.ok(Math.abs(green - (red + blue) / 2) <= 0.08 * blue && blue > green && green > red);
  const [r, g, b] = colour(calm, 68, 104);
  assert.ok(Math.abs(b - (r + g) / 2) <= 2);
});

test('eyes of somebody whose irises are not blue do not turn blue, as in the core', () => {
  const seen = [
    [60, 45, 40],
    [67, 67, 67],
    [90, 110, 140],
  ].map((iris) => bluenessOfEyes(eyesOf([200, 195, 185], iris), faceLandmarks()));
  assertClose(seen, golden.blueness, 0.02); // luma in whole levels
  assert.ok(seen[0] === 0 && seen[1] > 0 && seen[1] < 1 && seen[2] === 1);
  const swapped = eyesOf([190, 195, 210], [60, 62, 90]);
  assertClose(sampled(calmEyes(swapped, usual(), faceLandmarks(), 0.25)), golden.brown_eyes, 1);
  const [red, green, blue] = colour(calmEyes(swapped, usual(), faceLandmarks(), 0), 77, 104);
  assert.ok(Math.abs(blue - (red + green) / 2) <= 2);
});

test('whites that outshine the face are half as much lighter, as in the core', () => {
  const [shining, dim] = [eyesOf([250, 250, 245], [60, 45, 40]), eyesOf([120, 115, 110], [50, 40, 35])];
  const calm = calmEyes(shining, dim, faceLandmarks());
  assertClose(sampled(calm), golden.shining_eyes, 1);
  assert.ok(colour(calm, 68, 104)[0] < 240 && colour(calm, 77, 104)[0] === 60);
});

test('eyes of other colours, and skin, stay as they are, and the target may have such eyes too', () => {
  assertSamePixels(calmEyes(softFace(), softFace(), faceLandmarks()), softFace());
  assertSamePixels(calmEyes(usual(), usual(), faceLandmarks()), usual());
  assertSamePixels(calmEyes(wrong(), wrong(), faceLandmarks()), wrong());
});
