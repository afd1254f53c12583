/** Average eyes where a source's own are covered; a port of `identity/covered.py`, which says where the numbers come from. */
import { COVERED } from './constants.js';
import { boxMean } from './filters.js';
import { clamp, resize } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 */
const COLOURS = 3;

/**
 * The crop with the average face where an eye is covered, as light as the skin around it.
 *
 * @param {Picture} crop 224 x 224; not changed
 * @param {Plane} covered ones where an eye is hidden
 * @param {Plane} hidden the probability that a pixel shows no visible face
 * @returns {Picture}
 */
export function withAverageEyes(crop, covered, hidden) {
  const { width, height } = crop;
  const [top, bottom] = COVERED.ROWS;
  const visible = hidden.data.map((own, i) => {
    const row = Math.floor(i / width);
    return Number(row >= top && row < bottom && own < COVERED.VISIBLE && covered.data[i] === 0);
  });
  const shown = boxMean({ width, height, data: visible }, COVERED.SQUARE_PX).data;
  const share = boxMean(covered, COVERED.EDGE_PX).data;
  const data = crop.data.slice();
  for (let colour = 0; colour < COLOURS; colour++) {
    const average = resize(averagePlane(colour), width, height).data;
    const [ours, theirs] = [
      visible.map((own, i) => own * crop.data[4 * i + colour]),
      visible.map((own, i) => own * average[i]),
    ].map((plane) => boxMean({ width, height, data: plane }, COVERED.SQUARE_PX).data);
    for (let i = 0; i < share.length; i++) {
      const [own, other] = [ours, theirs].map((means) => means[i] / (shown[i] + COVERED.LEAST) + COVERED.DARK);
      const level = average[i] * clamp(own / other, 1 / COVERED.MOST, COVERED.MOST);
      data[4 * i + colour] = crop.data[4 * i + colour] * (1 - share[i]) + level * share[i]; // clamps, rounds
    }
  }
  return { ...crop, data };
}

/** A colour of the average face. @param {number} colour @returns {Plane} */
function averagePlane(colour) {
  const side = COVERED.AVERAGE_PX;
  const bytes = atob(COVERED.AVERAGE);
  return {
    width: side,
    height: side,
    data: Float32Array.from({ length: side * side }, (_, i) => bytes.charCodeAt(COLOURS * i + colour)),
  };
}
