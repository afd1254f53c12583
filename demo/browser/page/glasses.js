/**
 * Glasses of a source, left out before its identity is read; a port of `identity/glasses.py`, which says where the numbers
 * come from.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {'' | 'left out' | 'covered'} Said whether glasses were left out, or an eye is covered
 */
import { CROP, GLASSES } from './constants.js';
import { withAverageEyes } from './covered.js';
import { boxMean, boxSums } from './filters.js';
import { roundedEven } from './picture.js';

const [RED, GREEN, BLUE] = [0, 1, 2];

/** A source's crop as it is read. @param {Picture} crop 224 x 224 @param {Plane} hidden the probability that a pixel shows no visible face @returns {{crop: Picture, said: Said}} */
export function withoutGlasses(crop, hidden) {
  const { rims, covered } = findGlasses(hidden);
  if (covered !== null) return { crop: withAverageEyes(crop, covered, hidden), said: 'covered' };
  return rims === null ? { crop, said: '' } : { crop: filledIn(crop, rims), said: 'left out' };
}

/**
 * @param {Plane} hidden 224 x 224
 * @returns {{rims: Plane | null, covered: Plane | null}} ones where rims are to be filled, or none; and where an eye is hidden, or none
 */
export function findGlasses(hidden) {
  const { width } = hidden;
  const { things: large, thick: covering } = openedThings(hidden, GLASSES.SEEN);
  const eyes = CROP.POINTS.slice(0, 2).map(([x, y]) => roundedEven(y) * width + roundedEven(x));
  const hit = eyes.filter((eye) => covering.data[eye] > 0);
  if (hit.length) {
    const covered = touching(
      aloneOf(large, () => true),
      hit,
    );
    return { rims: null, covered: boxSums(covered, GLASSES.GROWN_PX, 'zero', 1) };
  }
  const { things, thick } = openedThings(hidden, GLASSES.RIM);
  const thin = aloneOf(things, (i) => thick.data[i] === 0);
  const areSeen = [GLASSES.BRIDGE, GLASSES.LEFT, GLASSES.RIGHT].every((place) => isSeen(thin, place));
  return { rims: areSeen ? boxSums(thin, GLASSES.AROUND_PX, 'zero', 1) : null, covered: null };
}

/** Things where rims may lie, and nothing around. @param {Plane} things @param {(i: number) => boolean} isWanted @returns {Plane} */
function aloneOf(things, isWanted) {
  const [[top, bottom], [left, right]] = [GLASSES.ROWS, GLASSES.COLUMNS];
  const data = things.data.map((own, i) => {
    const [row, column] = [Math.floor(i / things.width), i % things.width];
    return row >= top && row < bottom && column >= left && column < right && isWanted(i) ? own : 0;
  });
  return { ...things, data };
}

/** Those things that cover one of the places. @param {Plane} things @param {readonly number[]} places @returns {Plane} */
function touching({ width, height, data }, places) {
  const found = new Float32Array(data.length);
  const open = places.filter((place) => data[place] > 0);
  for (const place of open) found[place] = 1;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [row, column] = [Math.floor(at / width), at % width];
    for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++)
      for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
        const next = y * width + x;
        if (data[next] === 0 || found[next] > 0) continue;
        found[next] = 1;
        open.push(next);
      }
  }
  return { width, height, data: found };
}

/** What hides a face, and what of it is no thinner than a square. @param {Plane} hidden @param {number} least probability */
function openedThings(hidden, least) {
  const things = { ...hidden, data: hidden.data.map((own) => Number(own > least)) };
  const inner = boxSums(things, GLASSES.THICK_PX, 'one', GLASSES.THICK_PX ** 2);
  return { things, thick: boxSums(inner, GLASSES.THICK_PX, 'zero', 1) };
}

/** Whether enough columns of a place show something. @param {Plane} thin @param {number[]} place */
function isSeen({ width, data }, [top, bottom, left, right, least]) {
  let columns = 0;
  for (let x = left; x < right; x++) {
    let isThere = false;
    for (let y = top; y < bottom && !isThere; y++) isThere = data[y * width + x] > 0;
    columns += Number(isThere);
  }
  return columns >= least;
}

/** The crop with what is known around them where rims were. @param {Picture} crop not changed @param {Plane} rims */
export function filledIn(crop, rims) {
  const result = { ...crop, data: crop.data.slice() };
  const known = { ...rims, data: rims.data.map((own) => 1 - own) };
  const missing = rims.data.slice();
  const shown = [RED, GREEN, BLUE].map((colour) => ({
    ...rims,
    data: known.data.map((own, i) => own * crop.data[4 * i + colour]),
  }));
  for (const side of GLASSES.SQUARES_PX) {
    const share = boxMean(known, side).data;
    const means = shown.map((colour) => boxMean(colour, side).data);
    for (let i = 0; i < missing.length; i++) {
      if (missing[i] === 0 || share[i] <= GLASSES.ENOUGH) continue;
      missing[i] = 0;
      for (const colour of [RED, GREEN, BLUE]) result.data[4 * i + colour] = means[colour][i] / share[i]; // rounds
    }
  }
  return result;
}
