/** The swapped brows go where the target's are; a port of `blend/brows.py`, which says where the numbers come from. */
import { BROWS, LANDMARKS_68 } from './constants.js';
import { clamp, grey } from './picture.js';
import { cubicAt, linearAt } from './sampling.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 *
 * @typedef {object} BrowShift of one brow, in pixels of the crop
 * @property {number} down how far the swapped brow lies below the target's; 0 where that is not sure
 * @property {number} middle how far the middle of the target's brow lies below its landmarks
 *
 * @typedef {{left: number, top: number, right: number, bottom: number}} Part pixels that a movement changes
 */
const SIDES = [
  { brow: LANDMARKS_68.LEFT_BROW, eye: LANDMARKS_68.LEFT_EYE },
  { brow: LANDMARKS_68.RIGHT_BROW, eye: LANDMARKS_68.RIGHT_EYE },
];

/**
 * Where the swapped brows are.
 *
 * @param {Picture} swapped a crop of 224, colours matched
 * @param {Picture} target the same crop
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of the crop
 * @returns {BrowShift[]} the left and the right brow of the picture
 */
export function browShifts(swapped, target, landmarks) {
  const [ours, theirs] = [grey(swapped), grey(target)];
  return SIDES.map((side) => shiftOf(ours, theirs, lineOf(landmarks, side), gapOf(landmarks, side)));
}

/**
 * Move the swapped brows to the target's.
 *
 * @param {Picture} swapped
 * @param {Float32Array<ArrayBuffer>} weight what it will be pasted with
 * @param {readonly Point[]} landmarks 68 of the target
 * @param {readonly BrowShift[]} shifts see `browShifts`
 */
export function moveBrows(swapped, weight, landmarks, shifts) {
  let moved = { pixels: swapped, weight };
  for (const [i, side] of SIDES.entries()) {
    const [line, gap, shift] = [lineOf(landmarks, side), gapOf(landmarks, side), shifts[i]];
    const share = clamp((Math.abs(shift.down) - BROWS.LEAST) / (BROWS.WHOLE - BROWS.LEAST), 0, 1);
    const part = partOf(line, gap, shift, swapped.width);
    if (share > 0 && gap > 0 && part !== null)
      moved = movedOf(moved.pixels, moved.weight, line, gap, shift, share, part);
  }
  return moved;
}

/** @param {readonly Point[]} landmarks @param {typeof SIDES[number]} side */
function lineOf(landmarks, { brow }) {
  return landmarks.slice(...brow).sort(([a], [b]) => a - b);
}

/** From a brow down to its eye; below 0 for faces that lie. @param {readonly Point[]} landmarks @param {typeof SIDES[number]} side */
function gapOf(landmarks, { brow, eye }) {
  const rows = landmarks.slice(...brow).map(([, y]) => y);
  return Math.min(...landmarks.slice(...eye).map(([, y]) => y)) - rows.reduce((sum, y) => sum + y, 0) / rows.length;
}

/** @param {Plane} ours @param {Plane} theirs @param {readonly Point[]} line @param {number} gap @returns {BrowShift} */
function shiftOf(ours, theirs, line, gap) {
  if (gap <= 0) return { down: 0, middle: 0 };
  const own = darkest(ours, line, BROWS.ABOVE, BROWS.BELOW * gap);
  const { at: middle, clear } = darkest(theirs, line, BROWS.ABOVE_OWN, BROWS.BELOW_OWN * gap);
  const isSure = Math.min(own.clear, clear) >= BROWS.DARKER && clear >= BROWS.FAINTEST * own.clear;
  if (!isSure) return { down: 0, middle };
  const skin = Math.max(gap - middle - BROWS.HALF, 0);
  return { down: clamp(own.at - middle, -BROWS.LOWEST * skin, BROWS.HIGHEST * skin), middle };
}

/**
 * How far below the landmarks the darkest band lies, and how much lighter the skin on both sides of it is.
 *
 * @param {Plane} luma @param {readonly Point[]} line @param {number} above @param {number} below
 */
function darkest(luma, line, above, below) {
  const [first, last] = [line[0][0], line[line.length - 1][0]];
  const margin = BROWS.MARGIN * (last - first);
  const steps = BROWS.COLUMNS - 1;
  const columns = Array.from(
    { length: BROWS.COLUMNS },
    (_, i) => first + margin + (i / steps) * (last - first - 2 * margin),
  );
  const from = -Math.round(above);
  const profile = Array.from({ length: Math.round(below) - from + 1 }, (_, row) => {
    const sum = columns.reduce((total, x) => total + linearAt(luma, x, heightAt(line, x) + from + row), 0);
    return sum / columns.length;
  });
  const half = Math.round((BROWS.BOX - 1) / 2);
  const smooth = profile.map((_, row) => {
    let sum = 0;
    for (let i = -half; i <= half; i++) sum += profile[clamp(row + i, 0, profile.length - 1)];
    return sum / (2 * half + 1);
  });
  const found = { at: from, clear: -1 };
  for (const [row, level] of smooth.entries()) {
    const clear = Math.min(Math.max(...smooth.slice(0, row + 1)), Math.max(...smooth.slice(row))) - level;
    if (clear > found.clear) Object.assign(found, { at: from + row, clear });
  }
  return found;
}

/** Of a brow's line at a column; beyond its ends it goes on level. @param {readonly Point[]} line @param {number} x */
function heightAt(line, x) {
  const right = line.findIndex(([at]) => at >= x);
  if (right <= 0) return line[right < 0 ? line.length - 1 : 0][1];
  const [[x0, y0], [x1, y1]] = [line[right - 1], line[right]];
  return y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

/** @param {BrowShift} shift */
function reachAbove({ down }) {
  return Math.max(BROWS.STRETCH * Math.abs(down), BROWS.ROOM) + BROWS.HALF;
}

/** Null where they lie outside of the crop. @param {readonly Point[]} line @param {number} gap @param {BrowShift} shift @param {number} size @returns {Part | null} */
function partOf(line, gap, shift, size) {
  const rows = line.map(([, y]) => y);
  const edge = (/** @type {number} */ at) => clamp(Math.round(at), 0, size);
  const part = {
    top: edge(Math.min(...rows) + shift.middle - reachAbove(shift) - BROWS.FADE),
    bottom: edge(Math.max(...rows) + gap + 1),
    left: edge(line[0][0] - BROWS.FADE),
    right: edge(line[line.length - 1][0] + BROWS.FADE + 1),
  };
  return part.bottom > part.top && part.right > part.left ? part : null;
}

/**
 * @param {Picture} swapped @param {Float32Array<ArrayBuffer>} weight @param {readonly Point[]} line @param {number} gap
 * @param {BrowShift} shift @param {number} share @param {Part} part
 */
function movedOf(swapped, weight, line, gap, shift, share, part) {
  const [pixels, weighs] = [{ ...swapped, data: swapped.data.slice() }, weight.slice()];
  const { HALF, FADE, SOFT } = BROWS;
  const above = reachAbove(shift);
  const down = Math.max(gap - shift.middle, 2 * HALF);
  for (let x = part.left; x < part.right; x++) {
    const across = falling(Math.max(line[0][0] - x, x - line[line.length - 1][0], 0) / FADE);
    const middle = heightAt(line, x) + shift.middle;
    for (let y = part.top; y < part.bottom; y++) {
      const below = y - middle;
      const along = falling((Math.abs(below) - HALF) / ((below < 0 ? above : down) - HALF));
      const i = y * swapped.width + x;
      const moves = share * shift.down * along * across;
      if (moves !== 0) cubicAt(swapped, x, y + moves, pixels.data, 4 * i);
      const shown = clamp((-below - HALF) / SOFT, 0, 1) * clamp((above + FADE + below) / FADE, 0, 1);
      weighs[i] *= 1 - share * shown * across;
    }
  }
  return { pixels, weight: weighs };
}

/** 1 at 0, 0 from 1 on, smooth. @param {number} way */
function falling(way) {
  return 0.5 + 0.5 * Math.cos(Math.PI * clamp(way, 0, 1));
}

/** What `FaceMemory` averages over time. @param {readonly BrowShift[]} shifts */
export function asNumbers(shifts) {
  return shifts.flatMap(({ down, middle }) => [down, middle]);
}

/** @param {readonly number[]} numbers @returns {BrowShift[]} */
export function asShifts([leftDown, leftMiddle, rightDown, rightMiddle]) {
  return [
    { down: leftDown, middle: leftMiddle },
    { down: rightDown, middle: rightMiddle },
  ];
}
