/** Frames per second over the last moments. */

const WINDOW_MS = 2000;

export class FrameRate {
  /** @type {number[]} */
  #shownMs = [];

  /** Count a frame. @param {number} nowMs @returns {number | null} frames per second; null for a first frame */
  add(nowMs) {
    this.#shownMs = [...this.#shownMs.filter((at) => nowMs - at < WINDOW_MS), nowMs];
    if (this.#shownMs.length < 2) return null;
    return (1000 * (this.#shownMs.length - 1)) / Math.max(nowMs - this.#shownMs[0], 1);
  }
}
