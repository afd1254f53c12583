/** The swapped brows go where the target's are; a port of `blend/brows.py`, which says where the numbers come from. */
import { BROWS, LANDMARKS_68 } from './constants.js';
import { clamp, grey, lumaAt } from './picture.js';
import { cubicAt, linearAt } from './sampling.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 *
 * @typedef {object} Band along a brow's landmarks
 * @property {number} below how far it lies below them, in pixels of the crop
 * @property {number} clear how much lighter the skin on both sides of it is, in grey levels
 *
 * @typedef {object} Seen what lies above an eye
 * @property {Band[]} bands of the swapped face
 * @property {Band} own the target's brow
 * @property {number} skin between that and its eye, in pixels
 *
 * @typedef {object} BrowShift of one brow, in pixels of the crop
 * @property {number} down how far the swapped brow lies below the target's; 0 where that is not sure
 * @property {number} middle how far the middle of the target's brow lies below its landmarks
 *
 * @typedef {{left: number, top: number, right: number, bottom: number}} Part pixels that a movement changes
 *
 * @typedef {object} Way of one brow: where it is moved, how far, and what shows there
 * @property {Part} part
 * @property {number} share of its shift that it is moved by
 * @property {number} down how far what comes there lies below, in pixels
 * @property {number} reachUp over how many pixels above the brow the movement ends
 * @property {number} reachDown likewise below
 * @property {Float64Array} middles where the target's brow is in each column
 * @property {Float64Array} across how much of the movement there is in each column
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
  const seen = SIDES.map((side) => seenOf(ours, theirs, lineOf(landmarks, side), gapOf(landmarks, side)));
  const sure = seen.map((one) => (isSure(one) ? shiftTo(clearest(one.bands), one.own.below, one) : null));
  return seen.map((one, i) => sure[i] ?? shiftLike(sure[1 - i], one));
}

/**
 * Move the swapped brows to the target's, which show where they are darker.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target the same crop
 * @param {Float32Array<ArrayBuffer>} weight what it will be pasted with
 * @param {readonly Point[]} landmarks 68 of the target
 * @param {readonly BrowShift[]} shifts see `browShifts`
 */
export function moveBrows(swapped, target, weight, landmarks, shifts) {
  const shares = shifts.map(({ down }) => clamp((Math.abs(down) - BROWS.LEAST) / (BROWS.WHOLE - BROWS.LEAST), 0, 1));
  const most = Math.max(...shares);
  if (most === 0) return { pixels: swapped, weight };
  let pixels = swapped;
  const weighs = weight.slice();
  for (const [i, side] of SIDES.entries()) {
    const [line, gap, shift] = [lineOf(landmarks, side), gapOf(landmarks, side), shifts[i]];
    const part = partOf(line, gap, shift, swapped.width);
    if (gap <= 0 || part === null) continue;
    const way = wayOf(line, gap, shift, shares[i], part);
    pixels = movedOf(pixels, way);
    // The target's own show on both sides or on neither: a thick brow beside a thin one would be worse than either.
    weigh(weighs, pixels, target, way, most);
  }
  return { pixels, weight: weighs };
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

/** @param {Plane} ours @param {Plane} theirs @param {readonly Point[]} line @param {number} gap @returns {Seen} */
function seenOf(ours, theirs, line, gap) {
  if (gap <= 0) return { bands: [{ below: 0, clear: 0 }], own: { below: 0, clear: 0 }, skin: 0 };
  const own = clearest(bandsOf(theirs, line, BROWS.ABOVE_OWN, BROWS.BELOW_OWN * gap));
  const skin = Math.max(gap - own.below - BROWS.HALF, 0);
  return { bands: bandsOf(ours, line, BROWS.ABOVE, BROWS.BELOW * gap), own, skin };
}

/** @param {Seen} seen */
function isSure({ bands, own }) {
  const { clear } = clearest(bands);
  return Math.min(clear, own.clear) >= BROWS.DARKER && own.clear >= BROWS.FAINTEST * clear;
}

/** The first of the clearest. @param {readonly Band[]} bands */
function clearest(bands) {
  return bands.reduce((best, band) => (band.clear > best.clear ? band : best));
}

/** @param {Band} band where the swapped brow is @param {number} middle of the target's @param {Seen} seen @returns {BrowShift} */
function shiftTo({ below }, middle, { skin }) {
  return { down: clamp(below - middle, -BROWS.LOWEST * skin, BROWS.HIGHEST * skin), middle };
}

/** Where the other brow has this one, if there is a hint of it there; else where it is. @param {BrowShift | null} other null where that is not sure @param {Seen} seen @returns {BrowShift} */
function shiftLike(other, seen) {
  if (other === null) return { down: 0, middle: seen.own.below };
  const middle = seen.own.clear >= BROWS.DARKER ? seen.own.below : other.middle;
  const hints = seen.bands.filter(
    ({ below, clear }) => clear >= BROWS.HINT && Math.abs(below - middle - other.down) <= BROWS.ALIKE,
  );
  return hints.length ? shiftTo(clearest(hints), middle, seen) : { down: 0, middle };
}

/** @param {Plane} luma @param {readonly Point[]} line @param {number} above how far above it they begin @param {number} below how far below it they end @returns {Band[]} */
function bandsOf(luma, line, above, below) {
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
  return smooth.map((level, row) => {
    const [lighterAbove, lighterBelow] = [Math.max(...smooth.slice(0, row + 1)), Math.max(...smooth.slice(row))];
    return { below: from + row, clear: Math.min(lighterAbove, lighterBelow) - level };
  });
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

/** @param {readonly Point[]} line @param {number} gap @param {BrowShift} shift @param {number} share @param {Part} part @returns {Way} */
function wayOf(line, gap, shift, share, part) {
  const columns = Array.from({ length: part.right - part.left }, (_, i) => part.left + i);
  const beside = (/** @type {number} */ x) => Math.max(line[0][0] - x, x - line[line.length - 1][0], 0);
  return {
    part,
    share,
    down: share * shift.down,
    reachUp: reachAbove(shift),
    reachDown: Math.max(gap - shift.middle, 2 * BROWS.HALF),
    middles: Float64Array.from(columns, (x) => heightAt(line, x) + shift.middle),
    across: Float64Array.from(columns, (x) => falling(beside(x) / BROWS.FADE)),
  };
}

/** The face with this brow moved; the input itself where it stays. @param {Picture} swapped @param {Way} way @returns {Picture} */
function movedOf(swapped, { part, share, down, reachUp, reachDown, middles, across }) {
  if (share === 0) return swapped;
  const data = swapped.data.slice();
  for (let x = part.left, i = 0; x < part.right; x++, i++) {
    for (let y = part.top; y < part.bottom; y++) {
      const below = y - middles[i];
      const reach = (below < 0 ? reachUp : reachDown) - BROWS.HALF;
      const moves = down * across[i] * falling((Math.abs(below) - BROWS.HALF) / reach);
      if (moves !== 0) cubicAt(swapped, x, y + moves, data, 4 * (y * swapped.width + x));
    }
  }
  return { ...swapped, data };
}

/**
 * Take what lies above the brow from a weight, what the target's own brow shows through, and shade that was drawn out under it.
 *
 * @param {Float32Array} weight changed
 * @param {Picture} moved @param {Picture} target @param {Way} way
 * @param {number} most how far the target's brow shows where it is darker
 */
function weigh(weight, moved, target, { part, share, down, reachUp, reachDown, middles, across }, most) {
  const { HALF, FADE, SOFT, SHOWS, SHOWN, UNDER, DRAWN, TOO_FAR, LID } = BROWS;
  const drawn = clamp((down / reachDown - DRAWN) / (TOO_FAR - DRAWN), 0, 1);
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left, i = 0, at = y * moved.width + x; x < part.right; x++, i++, at++) {
      const below = y - middles[i];
      const darker = lumaAt(moved.data, 4 * at) - lumaAt(target.data, 4 * at);
      const skin = share * clamp((-below - HALF) / SOFT, 0, 1);
      const brow = most * clamp((darker - SHOWS) / (SHOWN - SHOWS), 0, 1) * clamp((UNDER - below) / SOFT, 0, 1);
      const lid = clamp((reachDown - below) / (LID * reachDown), 0, 1) * clamp((below - HALF) / SOFT, 0, 1);
      const shade = drawn * lid * clamp((-darker - SHOWS) / (SHOWN - SHOWS), 0, 1);
      const above = Math.max(skin, brow) * clamp((reachUp + FADE + below) / FADE, 0, 1);
      weight[at] *= 1 - Math.max(above, shade) * across[i];
    }
  }
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
