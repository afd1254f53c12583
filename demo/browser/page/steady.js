/** What comes back of the target from frame to frame without flicker; a port of `blend/steady.py`. */
import { STEADY } from './constants.js';

/** @typedef {import('./picture.js').Picture} Picture */

/**
 * Blend the target into the swapped face.
 *
 * @param {Picture} swapped
 * @param {Picture} target of the same size
 * @param {import('./outline.js').Outline} weight how far the target shows
 * @returns {Picture}
 */
export function broughtBack(swapped, target, { box: [left, top, right, bottom], data: weight }) {
  const data = swapped.data.slice();
  for (let y = top, i = 0; y < bottom; y++) {
    for (let at = 4 * (y * swapped.width + left), x = left; x < right; x++, i++, at += 4) {
      const share = weight[i];
      if (share <= 0) continue;
      for (let p = at; p < at + 3; p++) data[p] += share * (target.data[p] - data[p]); // clamps, rounds
    }
  }
  return { ...swapped, data };
}

/** Averages a few numbers over time. */
export class SteadyShares {
  #halfLifeS;
  #middleOf;
  /** The last frames' numbers. @type {(readonly number[])[]} */
  #recent = [];
  /** @type {readonly number[] | null} */
  #before = null;
  #timeS = 0;

  /**
   * @param {number} halfLifeS after which a frame counts half
   * @param {number} middleOf of so many frames, the last ones, the middle number counts: 3 leaves out what is seen in one alone
   */
  constructor(halfLifeS = STEADY.HALF_LIFE_S, middleOf = 1) {
    this.#halfLifeS = halfLifeS;
    this.#middleOf = middleOf;
  }

  /**
   * @param {readonly number[]} now as many as in the frame before
   * @param {number} timeS when it was taken; not later than the one before, or much later, begins anew
   * @returns {readonly number[]}
   */
  next(now, timeS) {
    const [before, gap] = [this.#before, timeS - this.#timeS];
    this.#timeS = timeS;
    const isNext = before !== null && gap > 0 && gap < STEADY.LONGEST_GAP_S;
    const keep = isNext ? 2 ** (-gap / this.#halfLifeS) : 0;
    this.#recent = [...(isNext ? this.#recent : []), now].slice(-this.#middleOf);
    const shares =
      this.#recent.length < this.#middleOf ? now : now.map((_, i) => middle(this.#recent.map((one) => one[i])));
    this.#before = shares.map((share, i) => keep * (before?.[i] ?? 0) + (1 - keep) * share);
    return this.#before;
  }
}

/** Of an odd count of numbers. @param {readonly number[]} numbers */
function middle(numbers) {
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) / 2];
}
