/** The target's lids come back as its eyes close; a port of `blend/lids.py`, which says where the numbers come from. */
import { distance, meanPoint } from './align.js';
import { LANDMARKS_68, LIDS } from './constants.js';
import { atSide, softHull, strongest } from './outline.js';
import { clamp } from './picture.js';
import { SteadyShares, broughtBack } from './steady.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 * @typedef {[number, number]} Closing left and right eye of the picture: 0 open, 1 closed
 */

const EYES = [
  { eye: LANDMARKS_68.LEFT_EYE, brow: LANDMARKS_68.LEFT_BROW },
  { eye: LANDMARKS_68.RIGHT_EYE, brow: LANDMARKS_68.RIGHT_BROW },
];

/** Height over width of each eye. @param {readonly Point[]} landmarks 68 @returns {[number, number]} */
export function openings(landmarks) {
  const [left, right] = EYES.map(({ eye }) => opening(landmarks.slice(...eye)));
  return [left, right];
}

/** @param {readonly Point[]} outline six points of an eye */
function opening([outer, topA, topB, inner, lowB, lowA]) {
  return (distance(topA, lowA) + distance(topB, lowB)) / Math.max(2 * distance(outer, inner), 1e-6);
}

/**
 * How far each eye is closed.
 *
 * @param {readonly Point[]} landmarks 68, any scale
 * @param {Closing} [usual] opening of each eye when it is open
 * @returns {Closing}
 */
export function closing(landmarks, usual = [LIDS.USUAL_OPENING, LIDS.USUAL_OPENING]) {
  const [left, right] = openings(landmarks).map((now, i) =>
    clamp((LIDS.BEGINS - now / usual[i]) / (LIDS.BEGINS - LIDS.ENDS), 0, 1),
  );
  return [left, right];
}

/**
 * Where and how far the target's lids show.
 *
 * @param {readonly Point[]} landmarks 68, in pixels of a crop of 224
 * @param {Closing} closed
 */
export function lidsWeight(landmarks, closed) {
  const closing = EYES.map((which, number) => ({ which, share: closed[number] })).filter(({ share }) => share > 0);
  return strongest(
    closing.map(({ which, share }) => ({
      outline: lidsOf(landmarks, which),
      // Whole up to the outline's edge and soft beyond it: an open eye that shines through a closed lid is worse than none.
      of: (own) => share * Math.min(2 * own, 1),
    })),
  );
}

/** One eye's lids: its outline, grown and softened. @param {readonly Point[]} landmarks @param {typeof EYES[number]} which */
function lidsOf(landmarks, which) {
  const [outline, brow] = [landmarks.slice(...which.eye), landmarks.slice(...which.brow)];
  const [eyeX, eyeY] = meanPoint(outline);
  const [browX, browY] = meanPoint(brow);
  // A lid closes downwards: the swapped face's open eye, which must be covered, lies above the line of a closed one.
  const missing = Math.max(LIDS.OPEN - opening(outline), 0) * distance(outline[3], outline[0]);
  const rise = Math.min(missing / Math.max(Math.hypot(browX - eyeX, browY - eyeY), 1e-6), LIDS.HIGHEST);
  const raised = outline.map(([x, y]) => /** @type {Point} */ ([x + (browX - eyeX) * rise, y + (browY - eyeY) * rise]));
  return softHull([...outline, ...raised], LIDS);
}

/**
 * Blend the target's closing eyes into the swapped face.
 *
 * @param {Picture} swapped colours matched
 * @param {Picture} target of the same size
 * @param {readonly Point[]} landmarks 68 of the target, in pixels of a crop of 224
 * @param {Closing} closed
 * @returns {Picture} the input itself while both eyes are open
 */
export function bringBackLids(swapped, target, landmarks, closed) {
  if (Math.max(...closed) <= 0) return swapped;
  return broughtBack(swapped, target, atSide(lidsWeight(landmarks, closed), swapped.width));
}

/** How far the eyes of one camera's face are closed, smooth over time; learns how far they usually open. */
export class SteadyLids {
  /** @type {[number, number][]} */
  #openings = [];
  #closed = new SteadyShares();

  /**
   * @param {readonly Point[]} landmarks 68 of the next frame
   * @param {number} timeS when it was taken; not later than the one before, or much later, begins anew
   * @returns {Closing}
   */
  next(landmarks, timeS) {
    this.#openings.push(openings(landmarks));
    if (this.#openings.length > LIDS.REMEMBERED) this.#openings.shift();
    const [left, right] = this.#closed.next(closing(landmarks, this.usual), timeS);
    return [left, right];
  }

  /** Each eye's opening while it is open; a constant at first, then a high quantile of what was seen. @returns {Closing} */
  get usual() {
    if (this.#openings.length < LIDS.ENOUGH) return [LIDS.USUAL_OPENING, LIDS.USUAL_OPENING];
    const [low, high] = LIDS.USUAL_LIMITS;
    const [left, right] = [0, 1].map((eye) => {
      const seen = this.#openings.map((pair) => pair[eye]);
      return clamp(quantile(seen, LIDS.USUAL_QUANTILE), low, high);
    });
    return [left, right];
  }
}

/** Between the two nearest values, as numpy has it. @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = values.sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
