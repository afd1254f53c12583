/**
 * Faces by UltraFace RFB-320 and the landmark network; a port of the core's `lite` detector (`detect/lite.py`, which says
 * where the numbers come from) without its quarter turns of the whole photo.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Box} Box
 * @typedef {{box: Box, score: number}} Candidate
 * @typedef {Candidate & {five: Point[], landmarks: Point[]}} Face
 * @typedef {import('./landmarks.js').LandmarkNetwork} LandmarkNetwork
 */
import { bounds, fiveFrom68, distance, meanDistance, transformPoints } from './align.js';
import { NO_DOUBT, cropFromRegion, uprightExtent } from './landmarks.js';
import { cut, newPicture, resize, toChannels, warp } from './picture.js';

const [WIDTH, HEIGHT] = [320, 240]; // the network's input
const [MEAN, STD] = [127, 128];
const [OVERLAP, INSIDE] = [0.35, 0.65]; // of boxes that show the same face
const SEARCH_PX = 2560; // longest side that is searched
const WINDOW = 0.58; // window over picture, per level
const SMALLEST_WINDOW_PX = 480;
const CANDIDATE = 0.35; // worth a second look
const SURE = 0.99; // needs none
const CONFIRMED = 0.9; // lowest score over the second looks
const LOOK_SHARES = [0.45, 0.3, 0.6]; // size of the landmarks' extent in each second look, as a fraction of its height

export class Detector {
  /**
   * @param {(picture: Float32Array) => Promise<{scores: Float32Array, boxes: Float32Array}>} run (1, 3, 240, 320) ->
   *   scores (4420, 2) and boxes (4420, 4) as fractions
   * @param {LandmarkNetwork} landmarkNetwork
   */
  constructor(run, landmarkNetwork) {
    this.run = run;
    this.landmarkNetwork = landmarkNetwork;
  }

  /**
   * Find faces.
   *
   * @param {Picture} picture
   * @param {{levels?: number}} [options] how often windows are halved in large photos; 0 searches the whole picture only
   * @returns {Promise<Face[]>} left to right
   */
  async detect(picture, { levels = 2 } = {}) {
    /** @type {Face[]} */
    const faces = [];
    for (const { box, score: first } of await this.#boxes(picture, levels)) {
      const { landmarks, doubt } = await this.landmarkNetwork.fromBox(picture, box);
      if (!agrees(box, landmarks)) continue;
      let score = first;
      if (score < SURE || doubt > NO_DOUBT) {
        score = await this.confirm(picture, landmarks);
        if (score < CONFIRMED) continue;
      }
      const face = { box, score, five: fiveFrom68(landmarks), landmarks };
      if (!faces.some((other) => isSameFace(face, other))) faces.push(face);
    }
    return faces.sort((a, b) => a.box[0] + a.box[2] - b.box[0] - b.box[2] || a.box[1] - b.box[1]);
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
      const view = warp(picture, cropFromRegion(centre, [side, side], angle, WIDTH), WIDTH, WIDTH);
      const top = (WIDTH - HEIGHT) / 2;
      lowest = Math.min(lowest, await this.#scoreInMiddle(cut(view, [0, top, WIDTH, top + HEIGHT]), inLook));
      if (lowest < CONFIRMED) break;
    }
    return lowest;
  }

  /** @param {Picture} view 320 x 240 @param {number} inLook height that the landmarks have in it, in pixels */
  async #scoreInMiddle(view, inLook) {
    let best = 0;
    for (const { box, score } of await this.#run(view)) {
      const offset = Math.max(Math.abs((box[0] + box[2] - WIDTH) / 2), Math.abs((box[1] + box[3] - HEIGHT) / 2));
      const size = Math.sqrt(area(box)) / inLook;
      if (offset < 0.35 * inLook && size > 0.6 && size < 1.8) best = Math.max(best, score);
    }
    return best;
  }

  /** @param {Picture} picture @param {number} levels */
  async #boxes(picture, levels) {
    const ratio = Math.max(1, Math.max(picture.width, picture.height) / SEARCH_PX);
    const size = [picture.width, picture.height].map((length) => Math.max(1, rounded(length / ratio)));
    const small = resize(picture, size[0], size[1]);
    /** @type {Candidate[]} */
    const found = [];
    for (const window of windows(small.width, small.height, levels)) found.push(...(await this.#search(small, window)));
    const perPixel = [picture.width / small.width, picture.height / small.height];
    return keepBest(found).map(({ box, score }) => ({
      box: /** @type {Box} */ (box.map((value, i) => (value + 0.5) * perPixel[i % 2] - 0.5)),
      score,
    }));
  }

  /** @param {Picture} picture @param {Box} window */
  async #search(picture, window) {
    const [left, top, right, bottom] = window;
    const whole = right - left === picture.width && bottom - top === picture.height;
    const view = whole ? picture : cut(picture, window);
    const scale = Math.min(WIDTH / view.width, HEIGHT / view.height);
    const [width, height] = [Math.max(1, rounded(view.width * scale)), Math.max(1, rounded(view.height * scale))];
    const small = resize(view, width, height);
    const canvas = newPicture(WIDTH, HEIGHT);
    canvas.data.fill(MEAN);
    for (let y = 0; y < height; y++) {
      canvas.data.set(small.data.subarray(y * width * 4, (y + 1) * width * 4), y * WIDTH * 4);
    }
    const perPixel = [view.width / width, view.height / height];
    const margin = 2 * Math.max(...perPixel);
    return (await this.#run(canvas))
      .filter(({ score }) => score > CANDIDATE)
      .map(({ box, score }) => ({
        box: /** @type {Box} */ (box.map((value, i) => value * perPixel[i % 2] - 0.5 + (i % 2 ? top : left))),
        score,
      }))
      .filter(
        ({ box }) =>
          !(
            (box[0] < left + margin && left > 0) ||
            (box[1] < top + margin && top > 0) ||
            (box[2] > right - margin && right < picture.width) ||
            (box[3] > bottom - margin && bottom < picture.height)
          ),
      );
  }

  /** Boxes in pixels of a 320 x 240 picture that score above a hundredth. @param {Picture} picture */
  async #run(picture) {
    const { scores, boxes } = await this.run(toChannels(picture, MEAN, STD));
    /** @type {Candidate[]} */
    const found = [];
    for (let i = 0; i < scores.length / 2; i++) {
      const score = scores[2 * i + 1];
      if (score < 0.01) continue;
      const [left, top, right, bottom] = boxes.subarray(4 * i, 4 * i + 4);
      found.push({ box: [left * WIDTH, top * HEIGHT, right * WIDTH, bottom * HEIGHT], score });
    }
    return found;
  }
}

/** In square pixels. @param {Box} box */
export function area([left, top, right, bottom]) {
  return Math.max(right - left, 0) * Math.max(bottom - top, 0);
}

/** The largest of at least one face. @param {Face[]} faces */
export function largest(faces) {
  return faces.reduce((best, face) => (area(face.box) > area(best.box) ? face : best));
}

/**
 * The whole picture, then the overlapping windows of each level.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} levels
 */
export function windows(width, height, levels) {
  /** @type {Box[]} */
  const found = [[0, 0, width, height]];
  for (let level = 1; level <= levels; level++) {
    const count = 2 ** level;
    const share = WINDOW * 0.55 ** (level - 1);
    if (share * Math.max(width, height) < SMALLEST_WINDOW_PX) break;
    const [wide, high] = [Math.max(1, rounded(width * share)), Math.max(1, rounded(height * share))];
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        const left = rounded(((width - wide) * column) / (count - 1));
        const top = rounded(((height - high) * row) / (count - 1));
        found.push([left, top, left + wide, top + high]);
      }
    }
  }
  return found;
}

/** To the nearest whole number, halves to the even one, as Python rounds them. @param {number} value */
function rounded(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
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
      return shared <= OVERLAP * (a + b - shared) && shared <= INSIDE * Math.min(a, b);
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
 */
export function agrees(box, landmarks) {
  const { extent: upright } = uprightExtent(landmarks);
  const extent = Math.sqrt((upright[2] - upright[0]) * (upright[3] - upright[1]));
  const side = Math.max(Math.sqrt(area(box)), 1e-6);
  const around = bounds(landmarks);
  const offset = Math.max(
    Math.abs((around[0] + around[2] - box[0] - box[2]) / 2),
    Math.abs((around[1] + around[3] - box[1] - box[3]) / 2),
  );
  return extent / side > 0.5 && extent / side < 1.5 && offset < 0.4 * side;
}

/** @param {Face} a @param {Face} b */
function isSameFace(a, b) {
  return meanDistance(a.five, b.five) < 0.5 * distance(b.five[0], b.five[1]);
}
