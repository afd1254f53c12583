/**
 * Made-up inputs, and the core's answers to them. The formulas are those of `tests/fakes/page_golden.py`, which wrote
 * `golden.json`; all in whole numbers, so that both languages agree on every bit.
 *
 * @typedef {import('../page/picture.js').Picture} Picture
 * @typedef {import('../page/align.js').Point} Point
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { newPicture } from '../page/picture.js';

export const SIDE = 224;
export const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8'));

/** @param {number} width @param {number} height @param {(x: number, y: number, channel: number) => number} level */
function drawn(width, height, level) {
  const picture = newPicture(width, height);
  for (let i = 0; i < picture.data.length; i++) {
    const [x, y, channel] = [Math.floor(i / 4) % width, Math.floor(i / 4 / width), i % 4];
    picture.data[i] = channel === 3 ? 255 : level(x, y, channel);
  }
  return picture;
}

/** Smooth and dark. */
export function softFace() {
  return drawn(SIDE, SIDE, (x, y, c) => 50 + Math.floor(x / 4) + Math.floor(y / 8) + 9 * c + ((x + y) % 5));
}

/** Brighter and full of detail. */
export function sharpFace() {
  return drawn(SIDE, SIDE, (x, y, c) => 90 + 5 * c + ((7 * x + 11 * y + x * y) % 101));
}

/** The sharp face, whose colours follow from its light, with stripes of more red and less blue, less, and neither. @param {number} levels */
export function stripedFace(levels) {
  const face = sharpFace();
  return drawn(
    SIDE,
    SIDE,
    (x, y, c) => face.data[4 * (y * SIDE + x) + c] + (1 - c) * levels * ((Math.floor(x / 16) % 3) - 1),
  );
}

/** Light, with dark bars of brows so far below `browLandmarks`, and a faint shadow where they are. @param {number} downPx @param {boolean} [isFaint] the right one is hardly seen, a little lower, and has no shadow */
export function browFace(downPx, isFaint = false) {
  const isBar = (/** @type {number} */ x, /** @type {number} */ y) =>
    y >= 69 && y < 76 && ((x >= 58 && x < 91) || (x >= 132 && x < 165));
  const isHint = (/** @type {number} */ x) => isFaint && x >= 132;
  return drawn(SIDE, SIDE, (x, y) => {
    if (isBar(x, y - downPx - (isHint(x) ? 2 : 0))) return isHint(x) ? 192 : 60;
    return isBar(x, y) && !isHint(x) ? 170 : 200;
  });
}

/** `faceLandmarks` with a wide jaw, for cheeks. */
export function foldLandmarks() {
  return faceLandmarks().map((point, i) =>
    i < 17 ? /** @type {Point} */ ([25 + 11 * i, 214 - Math.floor((7 * (i - 8) ** 2) / 4)]) : point,
  );
}

/** Light skin with a fold on both sides of the mouth, redder than the skin: a line so deep, and shade beside it. @param {number} depth levels */
export function foldFace(depth) {
  return drawn(SIDE, SIDE, (x, y, c) => {
    const away = Math.abs(Math.abs(x - 113) - 20 - Math.floor((y - 146) / 2));
    const fold = Math.max(depth - 10 * away, 0) + Math.floor(Math.max(depth - 5 * away, 0) / 2);
    return 150 + Math.floor(x / 8) + 9 * c + ((3 * x + 5 * y) % 7) - Math.floor((fold * (2 + c)) / 4);
  });
}

/**
 * Skin in light from the left, and below the nose hair, each at its own height.
 *
 * @param {number} depth by how many levels the hair is darker
 * @param {number} [grey] how much of the skin's colour it lacks, in hundredths
 */
export function beardedFace(depth, grey = 0) {
  return drawn(SIDE, SIDE, (x, y, c) => {
    const isHere = y > 140 + Math.floor((x - 113) ** 2 / 400);
    const hair = isHere ? depth : 0;
    const height = Math.floor((hair * ((7 * x + 11 * y + x * y) % 41)) / 80);
    const skin = 205 - Math.floor(x / 8) - 20 * c + ((3 * x + 5 * y) % 5);
    return skin - hair + height + (isHere ? Math.floor((20 * c * grey) / 100) : 0);
  });
}

/** The same skin without a beard, with a green cheek and violet above a brow. */
export function shadedFace() {
  const skin = beardedFace(0);
  return drawn(SIDE, SIDE, (x, y, c) => {
    const green = Math.abs(x - 70) < 20 && Math.abs(y - 136) < 14 ? 22 : 0;
    const violet = Math.abs(x - 150) < 24 && Math.abs(y - 56) < 14 ? 22 : 0;
    return skin.data[4 * (y * SIDE + x) + c] + (c === 1 ? green - violet : 0);
  });
}

/** `faceLandmarks` with level brows and room below them. */
export function browLandmarks() {
  return faceLandmarks().map(([x, y], i) => /** @type {Point} */ ([x, i >= 17 && i < 27 ? 72 : y]));
}

/** 320 x 260. */
export function frame() {
  return drawn(320, 260, (x, y, c) => (3 * x + 5 * y + 40 * c) % 256);
}

/** 1 in the middle, with a hole, fading outwards. */
export function roundMask() {
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    if (x >= 100 && x < 104 && y >= 100 && y < 104) return 0;
    return Math.min(Math.max(1.5 - ((x - 112) ** 2 + (y - 120) ** 2) / 6400, 0), 1);
  });
}

/** 68 scattered points. */
export function landmarks() {
  return Array.from({ length: 68 }, (_, i) => /** @type {Point} */ ([100 + ((i * 37) % 83), 120 + ((i * 53) % 71)]));
}

/** Every 16th pixel from (8, 8) on, without opacity. @param {Picture} picture */
export function sampled({ data, width, height }) {
  const levels = [];
  for (let y = 8; y < height; y += 16) {
    for (let x = 8; x < width; x += 16) levels.push(...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3));
  }
  return levels;
}

/** @param {ArrayLike<number>} got @param {ArrayLike<number>} wanted @param {number} tolerance largest difference */
export function assertClose(got, wanted, tolerance) {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < got.length; i++) {
    assert.ok(Math.abs(got[i] - wanted[i]) <= tolerance, `value ${i}: got ${got[i]}, wanted ${wanted[i]}`);
  }
}

/** @param {Picture} a @param {Picture} b */
export function assertSamePixels(a, b) {
  assert.equal(Buffer.compare(Buffer.from(a.data.buffer), Buffer.from(b.data.buffer)), 0);
}

/** Landmarks of a face in a crop of 224; its left eye is open, its right one half closed. */
export function faceLandmarks() {
  return /** @type {Point[]} */ (golden.face_landmarks.map((/** @type {Point} */ point) => [...point]));
}

/** Every 16th value of a plane from (8, 8) on. @param {import('../page/picture.js').Plane} plane */
export function sampledPlane({ data, width, height }) {
  const values = [];
  for (let y = 8; y < height; y += 16) for (let x = 8; x < width; x += 16) values.push(data[y * width + x]);
  return values;
}

/** Mean difference. @param {ArrayLike<number>} got @param {ArrayLike<number>} wanted */
export function meanGap(got, wanted) {
  assert.equal(got.length, wanted.length);
  return Array.from(got, (value, i) => Math.abs(value - wanted[i])).reduce((sum, one) => sum + one, 0) / got.length;
}

/**
 * What hides a face with square glasses, with or without a bridge or dark lenses, beside hair.
 *
 * @param {{bridge?: boolean, lens?: boolean}} [worn]
 * @returns {import('../page/picture.js').Plane}
 */
export function glassesHidden({ bridge = true, lens = false } = {}) {
  const data = Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [y, x] = [Math.floor(i / SIDE), i % SIDE];
    if (x < 30) return 1;
    if (bridge && y >= 98 && y < 102 && x >= 100 && x < 124) return 0.7;
    for (const left of [52, 124]) {
      const away = Math.max(Math.abs(x - left - 24) - 24, Math.abs(y - 104) - 16);
      if (lens && away < 0) return 0.8;
      if (Math.abs(away) <= 2) return 0.9;
    }
    return 0;
  });
  return { width: SIDE, height: SIDE, data };
}
