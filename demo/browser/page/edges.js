/**
 * Edges of a crop that is enlarged: lines instead of stairs; a port of `blend/edges.py`, which says where the numbers come from.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 */
import { EDGES } from './constants.js';
import { gaussianMean } from './filters.js';
import { clamp, grey, newPlane, resize, resizeCubic } from './picture.js';

/**
 * A crop at `EDGES.FACTOR` times its side, averaged along its edges.
 *
 * @param {Picture} pixels square
 * @param {number} [strength] in [0, 1]; 0 only enlarges
 * @returns {Picture}
 */
export function alongEdges(pixels, strength = 1) {
  const side = EDGES.FACTOR * pixels.width;
  const larger = resizeCubic(pixels, side);
  if (strength <= 0) return larger;
  const [half, mixed, mean] = tensor(grey(pixels)).map(
    (plane) => resize(gaussianMean(plane, EDGES.DIRECTION_BLUR_PX), side, side).data,
  );
  const data = larger.data.slice();
  const reach = EDGES.REACH_PX * EDGES.FACTOR;
  const sums = new Float32Array(3);
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const apart = Math.hypot(half[i], mixed[i]);
      const plain = clamp((Math.sqrt(mean[i] + apart) - EDGES.FAINT) / (EDGES.PLAIN - EDGES.FAINT), 0, 1);
      const share = (strength * plain * apart) / (mean[i] + EDGES.NOTHING / 2);
      if (share === 0) continue;
      const cosine = half[i] / (apart + 1e-6);
      const wayX = (mixed[i] > 0 ? -reach : reach) * Math.sqrt(Math.max(1 - cosine, 0) / 2);
      const wayY = reach * Math.sqrt(Math.max(1 + cosine, 0) / 2);
      for (let channel = 0; channel < 3; channel++) sums[channel] = (1 - share / 2) * data[4 * i + channel];
      addFrom(larger, x + wayX, y + wayY, sums, share / 4);
      addFrom(larger, x - wayX, y - wayY, sums, share / 4);
      data.set(sums, 4 * i);
    }
  }
  return { ...larger, data };
}

/** Half of the difference of the gradient's squares across and down, its product, and half of the sum. @param {Plane} luma */
function tensor({ width, height, data }) {
  const planes = [newPlane(width, height), newPlane(width, height), newPlane(width, height)];
  /** @param {number} at @param {number} size one beyond the border is the one before it */
  const inside = (at, size) => (at < 0 ? -at : at >= size ? 2 * size - 2 - at : at);
  for (let y = 0, i = 0; y < height; y++) {
    const rows = [inside(y - 1, height) * width, y * width, inside(y + 1, height) * width];
    for (let x = 0; x < width; x++, i++) {
      const [before, after] = [inside(x - 1, width), inside(x + 1, width)];
      const [above, own, below] = rows;
      const corners = data[below + after] - data[above + before];
      const others = data[below + before] - data[above + after];
      const across = (corners - others + 2 * (data[own + after] - data[own + before])) / 8;
      const down = (corners + others + 2 * (data[below + x] - data[above + x])) / 8;
      planes[0].data[i] = (across * across - down * down) / 2;
      planes[1].data[i] = across * down;
      planes[2].data[i] = (across * across + down * down) / 2;
    }
  }
  return planes;
}

/**
 * A share of the colours at a place of a picture; beyond its border the last pixel is repeated.
 *
 * @param {Picture} from
 * @param {number} x
 * @param {number} y
 * @param {Float32Array} sums of colours, which it is added to
 * @param {number} share
 */
function addFrom({ width, height, data }, x, y, sums, share) {
  const left = clamp(Math.floor(x), 0, width - 2);
  const top = clamp(Math.floor(y), 0, height - 2);
  const partX = clamp(x - left, 0, 1);
  const partY = clamp(y - top, 0, 1);
  const upper = 4 * (top * width + left);
  const lower = upper + 4 * width;
  for (let channel = 0; channel < 3; channel++) {
    const above = data[upper + channel] + partX * (data[upper + 4 + channel] - data[upper + channel]);
    const below = data[lower + channel] + partX * (data[lower + 4 + channel] - data[lower + channel]);
    sums[channel] += share * (above + partY * (below - above));
  }
}
