/**
 * What hides a face stays the target's: glasses, hands, hair; a port of `blend/occlusion.py`, which says where the numbers
 * come from. The network, of `occlusion_network.js`, reads the student's own crop.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {(target: Picture) => Promise<Plane>} SeeHidden what runs that network: a crop of 224 -> the probability that a
 *   pixel shows no visible face
 */
import { compose, invert } from './align.js';
import { OCCLUSION } from './constants.js';
import { boxMean } from './filters.js';
import { smallLuma } from './luma.js';
import { clamp, lumaAt, resize, warp } from './picture.js';
import { withLoops } from './pixels.js';

/**
 * The weight of a face that something hides: whole where it is visible, 0 where it is hidden.
 *
 * @param {Float32Array} weight
 * @param {Float32Array} hidden of the same size
 * @returns {Float32Array<ArrayBuffer>}
 */
export function visibleWeight(weight, hidden) {
  return withLoops((loops) => {
    const x = loops.keep(weight);
    const limits = [OCCLUSION.CERTAINLY_VISIBLE, OCCLUSION.CERTAINLY_HIDDEN];
    loops.calls.fade(x, weight.length, loops.keep(hidden), ...limits);
    return loops.floats(x, weight.length).slice();
  });
}

/**
 * The probability at the size of a picture, its edges where those of the picture are: the fast guided filter.
 *
 * @param {Plane} hidden square
 * @param {Picture} guide the same crop at its native size
 * @returns {Plane} of the guide's size
 */
export function guided(hidden, guide) {
  const luma = smallLuma(guide, hidden.width);
  const window = 2 * OCCLUSION.GUIDE_RADIUS_PX + 1;
  const small = { ...luma, data: luma.data.map((level) => level / 255) };
  /** Mean of what is worked out of each pixel's luma and probability. @param {(luma: number, hidden: number, i: number) => number} of */
  const mean = (of) => {
    const data = small.data.map((level, i) => of(level, hidden.data[i], i));
    return boxMean({ ...small, data }, window);
  };
  const [lumas, probabilities] = [mean((level) => level).data, mean((_, own) => own).data];
  const [squares, products] = [mean((level) => level * level).data, mean((level, own) => level * own).data];
  const slope = squares.map((square, i) => {
    const variance = square - lumas[i] * lumas[i];
    return (products[i] - lumas[i] * probabilities[i]) / (variance + OCCLUSION.GUIDE_VARIANCE);
  });
  const side = guide.width;
  const offsets = resize(
    mean((_, __, i) => probabilities[i] - slope[i] * lumas[i]),
    side,
    side,
  ).data;
  const slopes = resize(
    mean((_, __, i) => slope[i]),
    side,
    side,
  ).data;
  const data = slopes.map((own, i) => clamp((own * lumaAt(guide.data, 4 * i)) / 255 + offsets[i], 0, 1));
  return { width: side, height: side, data };
}

/** The probability of a camera's face, averaged over time in the crop's own coordinates. */
export class SteadyOcclusion {
  /** What is known, and where its crop lay in the frame. @type {{hidden: Plane, cropFromFrame: Matrix, timeS: number} | null} */
  #before = null;
  /** Frames since the network looked. */
  #carried = 0;
  #lookedS = 0;
  /** Luma of the crop's parts when the network looked. @type {Plane | null} */
  #lookedAt = null;

  /**
   * What was known a frame ago, moved to this one: every second frame of a quick camera does without the network, and of a
   * face at rest up to four of five.
   *
   * @param {Matrix} cropFromFrame of this frame's crop
   * @param {number} timeS when the frame was taken
   * @param {Picture | null} [target] this frame's crop; where it is not given, two frames in a row are never carried
   * @returns {Plane | null} null when the network has to look: at the start, after carried frames, or after a gap
   */
  carried(cropFromFrame, timeS, target = null) {
    const before = this.#before;
    const parts = target === null ? null : smallLuma(target, OCCLUSION.PARTS);
    const gap = before === null ? 0 : timeS - before.timeS;
    const isNext = this.#carried === 0 && gap < OCCLUSION.LONGEST_CARRY_S;
    if (before === null || !(gap > 0) || !(isNext || this.#isAtRest(parts, timeS))) {
      this.#lookedAt = parts;
      return null;
    }
    this.#carried += 1;
    const hidden = moved(before.hidden, before.cropFromFrame, cropFromFrame);
    this.#before = { hidden, cropFromFrame, timeS };
    return hidden;
  }

  /** Whether a crop looks as it did when the network looked at it, a short while ago. @param {Plane | null} parts @param {number} timeS */
  #isAtRest(parts, timeS) {
    const looked = this.#lookedAt;
    if (parts === null || looked === null || this.#carried >= OCCLUSION.MOST_CARRIED) return false;
    if (timeS - this.#lookedS >= OCCLUSION.LONGEST_REST_S) return false;
    return parts.data.every((level, i) => Math.abs(level - looked.data[i]) < OCCLUSION.AT_REST_LEVELS);
  }

  /**
   * The average up to this frame.
   *
   * @param {Plane} hidden of this frame
   * @param {Matrix} cropFromFrame of its crop
   * @param {number} timeS when it was taken; not later than the one before, or much later, begins anew
   * @returns {Plane}
   */
  next(hidden, cropFromFrame, timeS) {
    const before = this.#before;
    const gap = before === null ? 0 : timeS - before.timeS;
    let average = hidden;
    if (before !== null && gap > 0 && gap < OCCLUSION.LONGEST_GAP_S) {
      const past = moved(before.hidden, before.cropFromFrame, cropFromFrame).data;
      const keep = 2 ** (-gap / OCCLUSION.HALF_LIFE_S);
      for (let i = 0; i < past.length; i++) past[i] = keep * past[i] + (1 - keep) * hidden.data[i];
      average = { ...hidden, data: past };
    }
    this.#before = { hidden: average, cropFromFrame, timeS };
    [this.#carried, this.#lookedS] = [0, timeS];
    return average;
  }
}

/** A probability from one frame's crop to the next one's. @param {Plane} hidden @param {Matrix} from @param {Matrix} to */
function moved(hidden, from, to) {
  return warp(hidden, compose(to, invert(from)), hidden.width, hidden.height, { repeats: true });
}
