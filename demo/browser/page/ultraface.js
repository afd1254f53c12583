/**
 * UltraFace RFB-320: faces of a small picture of any size, as boxes with scores; a port of `detect/ultraface.py`, which says
 * where the anchors lie.
 *
 * @typedef {import('./align.js').Box} Box
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {{box: Box, score: number}} Candidate
 * @typedef {(picture: Float32Array, width: number, height: number) => Promise<{scores: Float32Array, offsets: Float32Array}>} Run
 *   what runs the network: (1, 3, height, width) -> two scores and four offsets of each anchor
 */
import { ULTRAFACE } from './constants.js';
import { toChannels } from './picture.js';

const { HEIGHT, CELLS, SIDES, MIDDLES, CENTRE_VARIANCE, SIZE_VARIANCE } = ULTRAFACE;
const SIZES_KEPT = 32; // whose anchors are remembered

export class UltraFace {
  /** @type {Map<string, Float64Array>} */
  #anchors = new Map();

  /** @param {Run} run */
  constructor(run) {
    this.run = run;
  }

  /**
   * Boxes of the anchors that score higher than a limit, overlapping ones too.
   *
   * @param {Picture} picture
   * @param {number} [above] in [0, 1]
   * @returns {Promise<Candidate[]>} in pixels, 0 at the left edge of the first
   */
  async find(picture, above = 0) {
    const { width, height } = picture;
    const { scores, offsets } = await this.run(toChannels(picture, ULTRAFACE.MEAN, ULTRAFACE.STD), width, height);
    const anchors = this.#of(width, height);
    /** @type {Candidate[]} */
    const found = [];
    for (let i = 0; 2 * i < scores.length; i++) {
      const score = scores[2 * i + 1];
      if (score <= above) continue;
      const [x, y, wide, high] = anchors.subarray(4 * i, 4 * i + 4);
      const centreX = x + CENTRE_VARIANCE * offsets[4 * i] * wide;
      const centreY = y + CENTRE_VARIANCE * offsets[4 * i + 1] * high;
      const halfWide = (wide * Math.exp(SIZE_VARIANCE * offsets[4 * i + 2])) / 2;
      const halfHigh = (high * Math.exp(SIZE_VARIANCE * offsets[4 * i + 3])) / 2;
      found.push({ box: [centreX - halfWide, centreY - halfHigh, centreX + halfWide, centreY + halfHigh], score });
    }
    return found;
  }

  /** @param {number} width @param {number} height */
  #of(width, height) {
    const size = `${width} ${height}`;
    const anchors = this.#anchors.get(size) ?? anchorsOf(width, height);
    if (this.#anchors.size >= SIZES_KEPT) this.#anchors.clear();
    this.#anchors.set(size, anchors);
    return anchors;
  }
}

/** Centre x, y, width and height of every anchor, in the network's order. @param {number} width @param {number} height */
export function anchorsOf(width, height) {
  /** @type {number[]} */
  const anchors = [];
  CELLS.forEach((cell, i) => {
    const [columns, rows] = [Math.ceil(width / cell), Math.ceil(height / cell)];
    for (let row = 0; row < rows; row++) {
      const y = height === HEIGHT ? (row + 0.5) * (HEIGHT / rows) : row * cell + MIDDLES[i];
      for (let column = 0; column < columns; column++) {
        for (const side of SIDES[i]) anchors.push((column + 0.5) * cell, y, side, Math.min(side, HEIGHT));
      }
    }
  });
  return Float64Array.from(anchors);
}
