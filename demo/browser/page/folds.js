/** Folds about the mouth that the target does not have; a port of `blend/folds.py`, which says where the numbers come from. */
import { FOLDS, LANDMARKS_68 } from './constants.js';
import { softHull } from './outline.js';
import { changed, cut, resizeFloats } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Box} Box
 * @typedef {import('./outline.js').Outline} Outline
 * @typedef {import('./pixels.js').Loops} Loops
 *
 * @typedef {object} Faces light and shade, in the loops' memory
 * @property {[number, number]} size width and height
 * @property {number} ours where logarithms of three colours lie, and 1 as a fourth
 * @property {number} theirs likewise
 * @property {number} skin where the weight of each pixel lies, above 0
 */

/** Of every level: a fold multiplies the light. */
const LOGARITHMS = Float32Array.from({ length: 256 }, (_, level) => Math.log(level + FOLDS.DARK));

/**
 * Where folds are softened: on both sides of nose and mouth, and down to the jaw.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 * @returns {Outline} no larger than it has to be
 */
export function foldsWeight(landmarks) {
  const nose = LANDMARKS_68.NOSE_OUTLINE.map((at) => landmarks[at]);
  const corners = [landmarks[LANDMARKS_68.LEFT_EYE[0] + 3], landmarks[LANDMARKS_68.RIGHT_EYE[0]]];
  const beside = [nose[1], nose[nose.length - 1]].map(([x, y], i) => {
    const [cornerX, cornerY] = corners[i];
    return /** @type {Point} */ ([x + FOLDS.TO_EYE * (cornerX - x), y + FOLDS.TO_EYE * (cornerY - y)]);
  });
  const lower = softHull([...landmarks.slice(...FOLDS.JAW), ...beside], FOLDS.REGION);
  const [left, right] = [landmarks[LANDMARKS_68.LEFT_MOUTH], landmarks[LANDMARKS_68.RIGHT_MOUTH]];
  const inwards = [0, 1].map((axis) => FOLDS.INSET * (right[axis] - left[axis]));
  const ends = /** @type {Point[]} */ ([
    [left[0] + inwards[0], left[1] + inwards[1]],
    [right[0] - inwards[0], right[1] - inwards[1]],
  ]);
  const chin = landmarks.slice(LANDMARKS_68.CHIN - 1, LANDMARKS_68.CHIN + 2);
  const rest = { ...lower, data: lower.data.slice() };
  takeAway(rest, lower, softHull(landmarks.slice(...LANDMARKS_68.OUTER_LIPS), FOLDS.LIPS), 2);
  takeAway(rest, lower, softHull(nose, FOLDS.NOSE), 2);
  takeAway(rest, lower, softHull([...nose.slice(1), ...ends, ...chin], FOLDS.MIDDLE), 1);
  return tight(rest);
}

/**
 * Less of a weight where another one shows. Of what several leave the least is left.
 *
 * @param {Outline} rest changed
 * @param {Outline} whole the weight before anything was taken away, in the same box
 * @param {Outline} other
 * @param {number} times of the other's values: where that makes 1, nothing stays
 */
function takeAway({ box, data }, { data: whole }, { box: other, data: goes }, times) {
  const [width, otherWidth] = [box[2] - box[0], other[2] - other[0]];
  const [left, right] = [Math.max(box[0], other[0]), Math.min(box[2], other[2])];
  const [top, bottom] = [Math.max(box[1], other[1]), Math.min(box[3], other[3])];
  for (let y = top; y < bottom; y++) {
    const [to, from] = [(y - box[1]) * width - box[0], (y - other[1]) * otherWidth - other[0]];
    for (let x = left; x < right; x++) {
      const stays = whole[to + x] * (1 - Math.min(times * goes[from + x], 1));
      if (stays < data[to + x]) data[to + x] = stays;
    }
  }
}

/** The same weight in the smallest box that holds all of it: means are mirrored where that ends. @param {Outline} outline @returns {Outline} */
function tight({ box: [left, top, right, bottom], data }) {
  const [width, height] = [right - left, bottom - top];
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0, row = 0; y < height; y++, row += width) {
    let [from, to] = [0, width];
    while (from < width && data[row + from] <= 0) from++;
    if (from === width) continue;
    while (data[row + to - 1] <= 0) to--;
    [x0, x1] = [Math.min(x0, from), Math.max(x1, to)];
    [y0, y1] = [Math.min(y0, y), y + 1];
  }
  if (x1 <= x0) return { box: [0, 0, 0, 0], data: new Float32Array(0) };
  const shown = cut({ width, height, data }, [x0, y0, x1, y1]);
  return { box: [left + x0, top + y0, left + x1, top + y1], data: shown.data };
}

/**
 * Weaken light and shade about the mouth, on two scales, to what the target has there. Nothing is added.
 *
 * @param {Picture} swapped a crop of 224, colours matched
 * @param {Picture} target the same crop
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of the crop
 * @returns {Picture} the input itself where the lower face lies outside of the crop
 */
export function softenFolds(swapped, target, landmarks) {
  const { box, data: weight } = foldsWeight(landmarks);
  if (!weight.length) return swapped;
  const skin = new Float32Array(weight.length);
  for (let i = 0; i < skin.length; i++) skin[i] = weight[i] + FOLDS.LEAST;
  const size = /** @type {[number, number]} */ ([box[2] - box[0], box[3] - box[1]]);
  const { width } = swapped;
  return changed(swapped, (loops, whole) => {
    const [part, other] = [whole, loops.keepBytes(target.data)].map((face) => face + 4 * (box[1] * width + box[0]));
    const table = loops.keep(LOGARITHMS);
    const [ours, theirs] = [part, other].map((face) => {
      const kept = loops.room(4 * skin.length);
      loops.calls.tabled(face, width, table, kept, ...size);
      return kept;
    });
    const faces = { size, ours, theirs, skin: loops.keep(skin) };
    const fine = weakened(loops, faces, FOLDS.FINE_PX, FOLDS.AROUND_PX);
    const half = halved(loops, { ...faces, ...fine.means });
    const coarse = weakened(loops, half, FOLDS.HALF_COARSE_PX, FOLDS.HALF_AROUND_PX);
    const more = resizeFloats(loops, coarse.change, 4, half.size, size);
    loops.calls.brighten(part, width, fine.change, more, loops.keep(weight), ...size);
  });
}

/**
 * One scale weakened, in all three colours at once.
 *
 * @param {Loops} loops
 * @param {Faces} faces
 * @param {number} below side of the squares whose means the scale lies above, odd
 * @param {number} around side of those over which the target's own light and shade are measured
 * @returns {{change: number, means: {ours: number, theirs: number}}} where what is to be added lies, and the means of both faces
 */
function weakened(loops, { size, ours, theirs, skin }, below, around) {
  const [width, height] = size;
  const [ourMeans, theirMeans, change] = Array.from({ length: 3 }, () => loops.room(4 * width * height));
  const scratch = loops.room(4 * ((height + 4) * width + Math.max(below, around)) + 8);
  const limits = [below, around, FOLDS.SHARE, FOLDS.MARGIN];
  loops.calls.weaken(ours, theirs, skin, width, height, ...limits, ourMeans, theirMeans, change, scratch);
  return { change, means: { ours: ourMeans, theirs: theirMeans } };
}

/** Two neighbours a pixel: the larger scale needs no more. @param {Loops} loops @param {Faces} faces @returns {Faces} */
function halved(loops, { size, ours, theirs, skin }) {
  const half = /** @type {[number, number]} */ (size.map((side) => Math.max(1, Math.floor(side / 2))));
  const [own, other] = [ours, theirs].map((face) => resizeFloats(loops, face, 4, size, half));
  return { size: half, ours: own, theirs: other, skin: resizeFloats(loops, skin, 1, size, half) };
}
