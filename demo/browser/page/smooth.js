/** Calm landmarks while a face rests, little lag while it moves; a port of `video/smoothing.py`, which says where the numbers come from. */
import { meanPoint } from './align.js';
import { SMOOTHING } from './constants.js';

/** @typedef {import('./align.js').Point} Point */

/** Low-pass filter of points whose cutoff rises with their speed. Source: Casiez, Roussel and Vogel, CHI 2012. */
export class OneEuroFilter {
  /** @type {Point[] | null} */
  #points = null;
  /** @type {Point[]} */
  #raw = [];
  /** @type {Point[]} */
  #velocity = [];
  #timeS = 0;

  /**
   * @param {Point[]} points pixels
   * @param {number} timeS later than that of the call before; otherwise the points come back as they are
   * @param {number} scalePx distance of the eyes
   * @returns {Point[]}
   */
  filter(points, timeS, scalePx) {
    const step = timeS - this.#timeS;
    this.#timeS = timeS;
    if (this.#points === null || step <= 0) {
      this.#points = this.#raw = points;
      this.#velocity = points.map(() => [0, 0]);
      return points;
    }
    const perSecond = 1 / (step * Math.max(scalePx, 1));
    const ease = gain(SMOOTHING.SPEED_CUTOFF_HZ, step);
    this.#velocity = this.#velocity.map(([vx, vy], i) => [
      vx + ease * ((points[i][0] - this.#raw[i][0]) * perSecond - vx),
      vy + ease * ((points[i][1] - this.#raw[i][1]) * perSecond - vy),
    ]);
    // Common motion of the head and own motion of a point (a mouth that opens), whichever is faster.
    const common = Math.hypot(...meanPoint(this.#velocity));
    this.#points = this.#points.map(([x, y], i) => {
      const speed = Math.max(common, Math.hypot(...this.#velocity[i]));
      const share = gain(SMOOTHING.MIN_CUTOFF_HZ + SMOOTHING.BETA_HZ * speed, step);
      return [x + share * (points[i][0] - x), y + share * (points[i][1] - y)];
    });
    this.#raw = points;
    return this.#points;
  }
}

/** @param {number} cutoffHz @param {number} stepS */
function gain(cutoffHz, stepS) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoffHz * stepS));
}
