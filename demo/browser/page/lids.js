/** The target's lids come back as its eyes close; a port of `blend/lids.py`, which says where the numbers come from. */
import { distance, meanPoint } from './align.js';
import { LANDMARKS_68, LIDS } from './constants.js';
import { atSide, softHull, strongest } from './outline.js';
import { clamp, warp } from './picture.js';
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

/**
 * How much of each eye is less red than the skin around it, as white and iris are.
 *
 * @param {Picture} picture
 * @param {readonly Point[]} landmarks 68, in its pixels
 * @returns {[number, number]} mean logarithm of the ratio of red and green that skin has more
 */
export function bareness(picture, landmarks) {
  const [left, right] = EYES.map(({ eye }) => barenessOf(picture, landmarks.slice(...eye)));
  return [left, right];
}

/** @param {Picture} picture @param {readonly Point[]} outline six points of an eye */
function barenessOf(picture, [outer, , , inner]) {
  const [width, height] = LIDS.PATCH;
  const [above, below, beside] = LIDS.RIMS_PX;
  const length = Math.max(distance(inner, outer), 1e-6);
  const scale = width / (LIDS.WIDER * length * length);
  const [cosine, sine] = [(inner[0] - outer[0]) * scale, (inner[1] - outer[1]) * scale];
  const [x, y] = meanPoint([outer, inner]);
  const [right, down] = [(width - 1) / 2 - cosine * x - sine * y, (height - 1) / 2 + sine * x - cosine * y];
  const { data } = warp(picture, [cosine, sine, right, -sine, cosine, down], width, height);
  const red = new Float64Array(width * height);
  for (let i = 0; i < red.length; i++) red[i] = Math.log((data[4 * i] + LIDS.DARK) / (data[4 * i + 1] + LIDS.DARK));
  const skin = quantile([...red.subarray(0, 2 * width), ...red.subarray((height - 2) * width)], 1 / 2);
  let sum = 0;
  for (let row = above; row < height - below; row++)
    for (let column = beside; column < width - beside; column++) sum += Math.max(skin - red[row * width + column], 0);
  return sum / ((height - above - below) * (width - 2 * beside));
}

/**
 * How far the eyes of one camera's face are closed, smooth over time; learns how far they usually open, and what they show
 * beside their lids: landmarks of narrow eyes stay half open as they shut.
 */
export class SteadyLids {
  /** @type {[number, number][]} */
  #openings = [];
  /** @type {[number, number][]} */
  #shown = [];
  #closed = new SteadyShares();

  /**
   * @param {readonly Point[]} landmarks 68 of the next frame
   * @param {number} timeS when it was taken; not later than the one before, or much later, begins anew
   * @param {Picture | null} [target] that the landmarks are pixels of; without it they alone tell
   * @returns {Closing}
   */
  next(landmarks, timeS, target = null) {
    remember(this.#openings, openings(landmarks));
    let closed = closing(landmarks, this.usual);
    if (target !== null) closed = this.#shut(closed, bareness(target, landmarks));
    const [left, right] = this.#closed.next(closed, timeS);
    return [left, right];
  }

  /** The closing by landmarks, and by what the eyes show. @param {Closing} closed @param {[number, number]} shown @returns {Closing} */
  #shut(closed, shown) {
    remember(this.#shown, shown);
    if (this.#shown.length < LIDS.ENOUGH) return closed;
    const [left, right] = closed.map((share, eye) => {
      if (share <= 0) return share;
      const usual = quantile(
        this.#shown.map((pair) => pair[eye]),
        LIDS.USUAL_QUANTILE,
      );
      if (usual < LIDS.LEAST_SHOWN) return share;
      const bare = (LIDS.BARE_BEGINS - shown[eye] / usual) / (LIDS.BARE_BEGINS - LIDS.BARE_ENDS);
      return Math.max(share, clamp(bare, 0, 1));
    });
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

/** @param {[number, number][]} kept @param {[number, number]} pair of the newest frame */
function remember(kept, pair) {
  kept.push(pair);
  if (kept.length > LIDS.REMEMBERED) kept.shift();
}

/** Between the two nearest values, as numpy has it. @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = values.sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
