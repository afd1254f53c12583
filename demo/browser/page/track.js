/**
 * One face through the frames of a camera: found by the detector, then followed by its landmarks, smoothed over time.
 * In the manner of `video/tracking.py` and `video/live.py`, which say where the numbers come from, for the largest face.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./detect.js').Face} Face
 * @typedef {import('./picture.js').Picture} Picture
 */
import { bounds, distance, eyeDistance, fiveFrom68, meanDistance, meanPoint, similarityFromPoints, transformPoints }
  from './align.js';
import { largest } from './detect.js';
import { grey, warp } from './picture.js';

const LOOK_AGAIN_MS = 500; // detections while a face is followed; by time, because machines differ in speed
const HELD_FRAMES = 3; // a face that was lost stays at its last landmarks for so long
const TAKE_OVER = 1.5; // another face must be as much larger, by side, to be swapped instead
const SAME_PLACE = 0.5; // mean distance of the five points, in eye distances
const DISAGREEMENT = 0.12; // from here a fresh detection replaces the followed landmarks, in eye distances
const SHAPE_CHANGE = 0.18; // residual of a similarity from one frame to the next, in eye distances
const SIZE_CHANGE = 1.3; // between neighbouring frames
const VELOCITY_SHARE = 0.7; // of the last step that is expected again
const MISSES = 2; // detections a face may be missing from while its landmarks still look like a face
const PATCH_PX = 32;
const PATCH_SIMILARITY = 0.5;
const PATCH_POINTS = [[0.28, 0.32], [0.72, 0.32], [0.5, 0.55], [0.33, 0.78], [0.67, 0.78]];

/** Low-pass filter of points whose cutoff rises with their speed. Source: Casiez, Roussel and Vogel, CHI 2012. */
export class OneEuroFilter {
  static MIN_CUTOFF_HZ = 1;
  static BETA_HZ = 16; // more cutoff per eye distance and second
  static SPEED_CUTOFF_HZ = 1;

  /** @type {Point[] | null} */
  #points = null;
  #raw = null;
  #velocity = null;
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
    const ease = gain(OneEuroFilter.SPEED_CUTOFF_HZ, step);
    this.#velocity = this.#velocity.map(([vx, vy], i) => [
      vx + ease * ((points[i][0] - this.#raw[i][0]) * perSecond - vx),
      vy + ease * ((points[i][1] - this.#raw[i][1]) * perSecond - vy),
    ]);
    // Common motion of the head and own motion of a point (a mouth that opens), whichever is faster.
    const common = Math.hypot(...meanPoint(this.#velocity));
    this.#points = this.#points.map(([x, y], i) => {
      const speed = Math.max(common, Math.hypot(...this.#velocity[i]));
      const share = gain(OneEuroFilter.MIN_CUTOFF_HZ + OneEuroFilter.BETA_HZ * speed, step);
      return [x + share * (points[i][0] - x), y + share * (points[i][1] - y)];
    });
    this.#raw = points;
    return this.#points;
  }
}

function gain(cutoffHz, stepS) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoffHz * stepS));
}

export class Follower {
  #face = null;
  #patch = null;
  #step = [0, 0];
  #filter = new OneEuroFilter();
  #searchedMs = -Infinity;
  #misses = 0;
  #held = null;
  #lostFrames = 0;

  /** @param {import('./detect.js').Detector} detector @param {import('./landmarks.js').LandmarkNetwork} landmarkNetwork */
  constructor(detector, landmarkNetwork) {
    this.detector = detector;
    this.landmarkNetwork = landmarkNetwork;
  }

  /**
   * The face to swap in the next frame, smoothed; null when there is none.
   *
   * @param {Picture} frame
   * @param {number} timeMs when it was taken
   * @returns {Promise<Face | null>}
   */
  async update(frame, timeMs) {
    if (this.#face !== null) await this.#follow(frame);
    if (this.#face === null || timeMs - this.#searchedMs >= LOOK_AGAIN_MS) await this.#search(frame, timeMs);
    if (this.#face === null) {
      this.#lostFrames += 1;
      return this.#lostFrames <= HELD_FRAMES ? this.#held : null;
    }
    this.#lostFrames = 0;
    const landmarks = this.#filter.filter(this.#face.landmarks, timeMs / 1000, eyeDistance(this.#face.landmarks));
    this.#held = { ...this.#face, landmarks, five: fiveFrom68(landmarks) };
    return this.#held;
  }

  async #follow(frame) {
    const before = this.#face.landmarks;
    const expected = before.map(([x, y]) => /** @type {Point} */ ([
      x + VELOCITY_SHARE * this.#step[0], y + VELOCITY_SHARE * this.#step[1]]));
    const { landmarks } = await this.landmarkNetwork.track(frame, expected);
    const eyes = Math.max(eyeDistance(before), 1e-6);
    const similarity = similarityFromPoints(before, landmarks);
    const size = Math.sqrt(Math.abs(similarity[0] * similarity[4] - similarity[1] * similarity[3]));
    const residual = meanDistance(transformPoints(similarity, before), landmarks) / eyes;
    const patch = facePatch(frame, landmarks);
    const alike = patch.reduce((sum, value, i) => sum + value * this.#patch[i], 0) / patch.length;
    const inside = landmarks.filter(([x, y]) => x >= 0 && y >= 0 && x < frame.width && y < frame.height).length / 68;
    const isSame = alike > PATCH_SIMILARITY && residual < SHAPE_CHANGE && size > 1 / SIZE_CHANGE &&
      size < SIZE_CHANGE && inside > 0.5;
    const [from, to] = [meanPoint(before), meanPoint(landmarks)];
    this.#step = [to[0] - from[0], to[1] - from[1]];
    if (!isSame) {
      this.#face = null;
      return;
    }
    this.#face = moved(this.#face, landmarks);
    this.#patch = patch;
  }

  async #search(frame, timeMs) {
    this.#searchedMs = timeMs;
    const found = await this.detector.detect(frame, { levels: 0 });
    const eyes = this.#face === null ? 1 : eyeDistance(this.#face.landmarks);
    const again = this.#face && found.find((face) => meanDistance(face.five, this.#face.five) < SAME_PLACE * eyes);
    if (this.#face !== null && !again) {
      this.#misses += 1;
      if (this.#misses > MISSES) this.#face = null;
    } else this.#misses = 0;
    if (!found.length) return;
    const biggest = found[largest(found)];
    const takesOver = this.#face !== null && biggest !== again && sizePx(biggest) > TAKE_OVER * sizePx(this.#face);
    if (this.#face === null || takesOver) {
      this.#start(frame, biggest);
    } else if (again && meanDistance(again.five, this.#face.five) > DISAGREEMENT * eyes) {
      this.#face = again;
      this.#patch = facePatch(frame, again.landmarks);
    }
  }

  #start(frame, face) {
    const isNear = this.#held && distance(meanPoint(this.#held.five), meanPoint(face.five)) <
      SAME_PLACE * eyeDistance(face.landmarks);
    if (!isNear) this.#filter = new OneEuroFilter();
    this.#face = face;
    this.#patch = facePatch(frame, face.landmarks);
    this.#step = [0, 0];
    this.#misses = 0;
  }
}

/** Side of the square with the box's area. @param {Face} face */
function sizePx({ box }) {
  return Math.sqrt(Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0));
}

/** The face at new landmarks; its box moves and grows with them. */
function moved(face, landmarks) {
  const [before, after] = [bounds(face.landmarks), bounds(landmarks)];
  const box = face.box.map((value, i) => {
    const [low, high] = [i % 2, (i % 2) + 2];
    const growth = (after[high] - after[low]) / Math.max(before[high] - before[low], 1e-6);
    return (value - (before[low] + before[high]) / 2) * growth + (after[low] + after[high]) / 2;
  });
  return { ...face, box, landmarks, five: fiveFrom68(landmarks) };
}

/** The face as a small upright grey picture of zero mean and unit deviation. */
function facePatch(frame, landmarks) {
  const wanted = PATCH_POINTS.map(([x, y]) => /** @type {Point} */ ([x * PATCH_PX, y * PATCH_PX]));
  const patchFromFrame = similarityFromPoints(fiveFrom68(landmarks), wanted);
  const values = grey(warp(frame, patchFromFrame, PATCH_PX, PATCH_PX)).data;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / Math.max(deviation, 1));
}
