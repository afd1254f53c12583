/** Which parts of a picture a small network looks at, and how large; a port of `detect/windows.py`, which says why. */
import { ULTRAFACE, WINDOWS } from './constants.js';
import { roundedEven } from './picture.js';

/**
 * @typedef {import('./align.js').Box} Box
 * @typedef {{window: Box, width: number, height: number}} Look a part of the picture, and the size the network sees it at
 */

const { LONG, THINNEST_PX, SEARCH_PX, MOST_TILES, SMALLEST_WINDOW_PX } = WINDOWS;

/** Longest side that is searched of a picture. @param {number} width @param {number} height */
export function searchPx(width, height) {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  if (long <= LONG * short || short < THINNEST_PX) return SEARCH_PX;
  const most = Math.min(short, Math.floor((SEARCH_PX * 9) / 16)); // as many rows as an ordinary photo has
  return Math.min(long, MOST_TILES * most, Math.max(SEARCH_PX, roundedEven((long * most) / short)));
}

/**
 * The whole picture as small as the network was trained on, then larger.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} levels how often it is looked at again
 * @returns {Look[]} the largest look of each part first: the smaller ones are averaged from it
 */
export function looks(width, height, levels) {
  /** @type {Look[]} */
  const found = [];
  for (const [left, top, wide, high, ownLevels] of pictures(width, height, levels)) {
    for (const [windowWide, windowHigh] of [[wide, high], ...shownWindows(wide, high, ownLevels)]) {
      const scale = Math.min(ULTRAFACE.WIDTH / windowWide, ULTRAFACE.HEIGHT / windowHigh);
      found.push({
        window: [left, top, left + wide, top + high],
        width: Math.max(1, roundedEven(wide * scale)),
        height: Math.max(1, roundedEven(high * scale)),
      });
    }
  }
  return found.sort((a, b) => {
    const apart = a.window.findIndex((side, i) => side !== b.window[i]);
    return apart < 0 ? b.width - a.width : a.window[apart] - b.window[apart];
  });
}

/**
 * Left, top, width, height and levels of what is searched like a picture of its own: a long one is cut into tiles.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} levels
 * @returns {number[][]}
 */
function pictures(width, height, levels) {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  if (long <= LONG * short || short < THINNEST_PX) return [[0, 0, width, height, levels]];
  const found = [[0, 0, width, height, 0]];
  for (const [length, step, tileLevels] of [
    [2 * short, short, 0],
    [Math.floor((short * 4) / 3), Math.floor((short * 5) / 6), levels],
  ]) {
    const count = Math.ceil((long - length) / step) + 1;
    for (let i = 0; i < count; i++) {
      const start = count > 1 ? roundedEven((i * (long - length)) / (count - 1)) : 0;
      found.push(width > height ? [start, 0, length, short, tileLevels] : [0, start, short, length, tileLevels]);
    }
  }
  return found;
}

/** Width and height of each level's windows. @param {number} width @param {number} height @param {number} levels */
function shownWindows(width, height, levels) {
  const found = [];
  for (let level = 1; level <= levels; level++) {
    const share = WINDOWS.WINDOW * WINDOWS.NEXT_WINDOW ** (level - 1);
    if (share * Math.max(width, height) < SMALLEST_WINDOW_PX) break;
    found.push([Math.max(1, roundedEven(width * share)), Math.max(1, roundedEven(height * share))]);
  }
  return found;
}
