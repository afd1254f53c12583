/**
 * Faces by UltraFace RFB-320 and the landmark network; a port of the core's `lite` detector (`detect/lite.py`, which says
 * where the numbers come from).
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Box} Box
 * @typedef {import('./ultraface.js').Candidate} Candidate
 * @typedef {Candidate & {five: Point[], landmarks: Point[]}} Face
 * @typedef {import('./landmarks.js').LandmarkNetwork} LandmarkNetwork
 * @typedef {import('./ultraface.js').UltraFace} UltraFace
 *
 * @typedef {object} Search
 * @property {number} levels how often a large photo is looked at again, larger each time
 * @property {number} candidate score from which a box is looked at
 * @property {number} sure score above which an upright face needs no second look
 */
import { bounds, fiveFrom68, distance, meanDistance, transformPoints } from './align.js';
import { LITE, ULTRAFACE } from './constants.js';
import { cutFade, faded, isCut } from './cut_faces.js';
import { NO_DOUBT, cropFromRegion, uprightExtent } from './landmarks.js';
import { clamp, cut, resize, roundedEven, warp } from './picture.js';
import { commonTurns, turned, turnedBack } from './turns.js';
import { looks, searchPx } from './windows.js';

const { WIDTH, HEIGHT } = ULTRAFACE;
const { CONFIRMED, LOOK_SHARES } = LITE;

export class Detector {
  /**
   * @param {UltraFace} network
   * @param {LandmarkNetwork} landmarkNetwork
   */
  constructor(network, landmarkNetwork) {
    this.network = network;
    this.landmarkNetwork = landmarkNetwork;
  }

  /**
   * Find faces.
   *
   * @param {Picture} picture
   * @param {{levels?: number, turn?: boolean}} [options] levels: how often a large photo is looked at again; turn: try
   *   quarter turns when nothing or mostly lying faces are found
   * @returns {Promise<Face[]>} left to right
   */
  async detect(picture, { levels = LITE.LEVELS, turn = true } = {}) {
    let faces = await this.#faces(picture, { levels, candidate: LITE.FAINT, sure: LITE.SURE });
    if (turn && !faces.length) {
      for (const turns of LITE.QUARTER_TURNS) {
        faces = await this.#turnedFaces(picture, turns, { levels, candidate: LITE.TURNED, sure: 1 });
        if (faces.length) break;
      }
    } else if (turn && commonTurns(faces)) {
      // The photo lies on its side. Some of its faces were found nevertheless; most are found once it is turned.
      const search = { levels, candidate: LITE.FAINT, sure: LITE.SURE };
      const found = await this.#turnedFaces(picture, commonTurns(faces), search);
      if (found.length >= faces.length) faces = found;
    }
    return faces.sort(
      (a, b) => a.box[0] + a.box[2] - b.box[0] - b.box[2] || a.box[1] - b.box[1] || area(b.box) - area(a.box),
    );
  }

  /** @param {Picture} picture @param {number} turns @param {Search} search */
  async #turnedFaces(picture, turns, search) {
    const faces = await this.#faces(turned(picture, turns), search);
    return faces.map((face) => turnedBack(face, turns, picture));
  }

  /** @param {Picture} picture @param {Search} search */
  async #faces(picture, { levels, candidate, sure }) {
    /** @type {Face[]} */
    const faces = [];
    for (const { box, score: first } of await this.#boxes(picture, levels, candidate)) {
      const isFaint = first < LITE.CANDIDATE;
      if (isFaint && (await this.#glimpse(picture, box)) < LITE.CLEAR) continue;
      const mayLie = async () =>
        !isFaint && (first >= sure || (await this.#glimpse(picture, box)) > CONFIRMED * LITE.GLIMPSED);
      const { landmarks, doubt } = await this.landmarkNetwork.fromBox(picture, box, mayLie);
      const isHalf = isCut(landmarks, picture) && doubt > LITE.CUT_DOUBT;
      if (doubt === Infinity || isHalf || !agrees(box, landmarks, picture)) continue;
      let score = first;
      if (score < sure || doubt > NO_DOUBT) {
        score = await this.confirm(picture, landmarks);
        if (score < CONFIRMED) continue;
      }
      const face = { box, score, five: fiveFrom68(landmarks), landmarks };
      if (!faces.some((other) => isSameFace(face, other))) faces.push(face);
    }
    return faces;
  }

  /** How sure the detector is of a face at these landmarks, in [0, 1]. @param {Picture} picture @param {Point[]} landmarks */
  async confirm(picture, landmarks) {
    const { angle, frameFromUpright, extent } = uprightExtent(landmarks);
    const [width, height] = [Math.max(extent[2] - extent[0], 1), Math.max(extent[3] - extent[1], 1)];
    const [centre] = transformPoints(frameFromUpright, [[(extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2]]);
    let lowest = 1;
    for (const share of LOOK_SHARES) {
      const inLook = share * HEIGHT;
      const side = (Math.sqrt(width * height) * WIDTH) / inLook;
      const viewFromFrame = cropFromRegion(centre, [side, side], angle, WIDTH);
      const view = faded(warp(picture, viewFromFrame, WIDTH, WIDTH), cutFade(landmarks, picture, viewFromFrame));
      const top = (WIDTH - HEIGHT) / 2;
      const middle = cut(view, [0, top, WIDTH, top + HEIGHT]);
      lowest = Math.min(lowest, await this.#scoreInMiddle(middle, inLook, LITE.LOOK_SIZES));
      if (lowest < CONFIRMED) break;
    }
    return lowest;
  }

  /** How much like a face of any tilt a candidate's box looks, in [0, 1]: a quarter of a second look. @param {Picture} picture @param {Box} box */
  async #glimpse(picture, box) {
    const px = LITE.GLIMPSE_PX;
    const side = Math.sqrt(area(box)) / LOOK_SHARES[0];
    const viewFromFrame = cropFromRegion([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], [side, side], 0, px);
    return this.#scoreInMiddle(warp(picture, viewFromFrame, px, px), LOOK_SHARES[0] * px, LITE.GLIMPSE_SIZES);
  }

  /**
   * Best score of a box about the middle, its side between so many times the expected one.
   *
   * @param {Picture} view
   * @param {number} sidePx expected
   * @param {readonly number[]} sizes
   */
  async #scoreInMiddle(view, sidePx, [smallest, largest]) {
    let best = 0;
    for (const { box, score } of await this.network.find(view)) {
      const offset = Math.max(
        Math.abs((box[0] + box[2] - view.width) / 2),
        Math.abs((box[1] + box[3] - view.height) / 2),
      );
      const size = Math.sqrt(area(box)) / sidePx;
      if (offset < LITE.IN_MIDDLE * sidePx && size > smallest && size < largest) best = Math.max(best, score);
    }
    return best;
  }

  /** Boxes in pixels of the picture, best first. @param {Picture} picture @param {number} levels @param {number} candidate */
  async #boxes(picture, levels, candidate) {
    const small = shrink(picture, searchPx(picture.width, picture.height));
    /** @type {Candidate[]} */
    const found = [];
    let [view, seen] = [small, '0,0,' + [small.width, small.height]];
    for (const look of looks(small.width, small.height, levels)) {
      const part = String(look.window);
      view = averaged(seen === part ? view : cut(small, look.window), look.width, look.height);
      seen = part;
      found.push(...(await this.#search(view, look.window, small, candidate)));
    }
    const perPixel = [picture.width / small.width, picture.height / small.height];
    return keepBest(found).map(({ box, score }) => ({
      box: /** @type {Box} */ (box.map((value, i) => (value + 0.5) * perPixel[i % 2] - 0.5)),
      score,
    }));
  }

  /** Boxes of what one look shows, in pixels of the whole. @param {Picture} view @param {Box} window @param {Picture} whole @param {number} candidate */
  async #search(view, [left, top, right, bottom], whole, candidate) {
    const perPixel = [(right - left) / view.width, (bottom - top) / view.height];
    const margin = 2 * Math.max(...perPixel);
    return (await this.network.find(view, candidate))
      .map(({ box, score }) => ({
        box: /** @type {Box} */ (box.map((value, i) => value * perPixel[i % 2] - 0.5 + (i % 2 ? top : left))),
        score,
      }))
      .filter(
        ({ box }) =>
          !(
            (box[0] < left + margin && left > 0) ||
            (box[1] < top + margin && top > 0) ||
            (box[2] > right - margin && right < whole.width) ||
            (box[3] > bottom - margin && bottom < whole.height)
          ),
      );
  }
}

/** A copy no longer than that, averaged over areas; the picture itself where it is. @param {Picture} picture @param {number} longestPx */
function shrink(picture, longestPx) {
  const scale = longestPx / Math.max(picture.width, picture.height);
  if (scale >= 1) return picture;
  return averaged(
    picture,
    Math.max(1, roundedEven(picture.width * scale)),
    Math.max(1, roundedEven(picture.height * scale)),
  );
}

/**
 * A picture at another size: averages of whole pixels cost a tenth of those of fractions, so one that shrinks by more than
 * two is first brought linearly to twice the wanted size, or four times and so on, and halved from there.
 *
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 */
export function averaged(picture, width, height) {
  const factor = Math.min(picture.width / width, picture.height / height);
  const halves = factor > 1 ? Math.floor(Math.log2(factor)) : 0;
  const larger = resize(picture, width * 2 ** halves, height * 2 ** halves, factor <= 1 || halves > 0);
  return halves ? resize(larger, width, height) : larger;
}

/** In square pixels. @param {Box} box */
export function area([left, top, right, bottom]) {
  return Math.max(right - left, 0) * Math.max(bottom - top, 0);
}

/** The largest of at least one face. @param {Face[]} faces */
export function largest(faces) {
  return faces.reduce((best, face) => (area(face.box) > area(best.box) ? face : best));
}

/** Greedy non-maximum suppression, best first. @param {readonly Candidate[]} found */
export function keepBest(found) {
  /** @type {Candidate[]} */
  const kept = [];
  for (const candidate of [...found].sort((a, b) => b.score - a.score)) {
    const isNew = kept.every(({ box }) => {
      const wide = Math.max(Math.min(box[2], candidate.box[2]) - Math.max(box[0], candidate.box[0]), 0);
      const high = Math.max(Math.min(box[3], candidate.box[3]) - Math.max(box[1], candidate.box[1]), 0);
      const shared = wide * high;
      const [a, b] = [area(box), area(candidate.box)];
      return shared <= LITE.OVERLAP * (a + b - shared) && shared <= LITE.INSIDE * Math.min(a, b);
    });
    if (isNew) kept.push(candidate);
  }
  return kept;
}

/**
 * Whether the landmarks stayed in the box: on something that is no face they wander off or collapse.
 *
 * @param {Box} box
 * @param {Point[]} landmarks
 * @param {{width: number, height: number}} size of the picture
 */
export function agrees(box, landmarks, { width, height }) {
  let [own, points] = [box, landmarks];
  let [left, top, right, bottom] = uprightExtent(landmarks).extent;
  if (isCut(landmarks, { width, height })) {
    // A box shows what is to be seen of a face; landmarks are those of the whole.
    own = /** @type {Box} */ (box.map((value, i) => clamp(value, 0, i % 2 ? height - 1 : width - 1)));
    points = landmarks.map(([x, y]) => [clamp(x, 0, width - 1), clamp(y, 0, height - 1)]);
    [left, top, right, bottom] = bounds(points);
  }
  const side = Math.max(Math.sqrt(area(own)), 1e-6);
  const size = Math.sqrt((right - left) * (bottom - top)) / side;
  const around = bounds(points);
  const offset = Math.max(
    Math.abs((around[0] + around[2] - own[0] - own[2]) / 2),
    Math.abs((around[1] + around[3] - own[1] - own[3]) / 2),
  );
  const [smallest, largestSize] = LITE.EXTENTS;
  return size > smallest && size < largestSize && offset < LITE.MOST_OFFSET * side;
}

/** @param {Face} a @param {Face} b */
function isSameFace(a, b) {
  return meanDistance(a.five, b.five) < LITE.SAME_FACE * distance(b.five[0], b.five[1]);
}
