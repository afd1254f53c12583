/**
 * One face through the frames of a camera: found by the detector, then followed by its landmarks, smoothed over time.
 * In the manner of `video/tracking.py` and `video/live.py`, which say where the numbers come from, for the largest face.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./detect.js').Face} Face
 * @typedef {import('./detect.js').Detector} Detector
 * @typedef {import('./landmarks.js').LandmarkNetwork} LandmarkNetwork
 * @typedef {import('./picture.js').Picture} Picture
 */
import { bounds, distance, eyeDistance, fiveFrom68, meanDistance, meanPoint } from './align.js';
import { similarityFromPoints, transformPoints } from './align.js';
import { area, largest } from './detect.js';
import { FaceMemory } from './memory.js';
import { grey, warp } from './picture.js';
import { OneEuroFilter } from './smooth.js';

// Detections while a face is followed; by time, because machines differ in speed. The core too puts them off for up to fifteen
// frames when time is short.
const LOOK_AGAIN_MS = 1000;
const LOOK_SOON_MS = 500; // after one that missed the face
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
/** Where the five points of a face lie in its patch, as fractions of the side. @type {Point[]} */
const PATCH_POINTS = [
  [0.28, 0.32],
  [0.72, 0.32],
  [0.5, 0.55],
  [0.33, 0.78],
  [0.67, 0.78],
];

export class Follower {
  /** The face where it was last seen, and what it looked like there. @type {{face: Face, patch: Float32Array} | null} */
  #followed = null;
  /** How far its landmarks moved from one frame to the next. @type {Point} */
  #step = [0, 0];
  #filter = new OneEuroFilter();
  /** What the finish keeps of this face. */
  memory = new FaceMemory();
  #searchedMs = -Infinity;
  #misses = 0;
  /** What was last answered. @type {Face | null} */
  #held = null;
  #lostFrames = 0;

  /**
   * @param {Pick<Detector, 'detect'>} detector
   * @param {Pick<LandmarkNetwork, 'track'>} landmarkNetwork
   */
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
    await this.#follow(frame);
    const pause = this.#misses > 0 ? LOOK_SOON_MS : LOOK_AGAIN_MS;
    if (this.#followed === null || timeMs - this.#searchedMs >= pause) await this.#search(frame, timeMs);
    if (this.#followed === null) {
      this.#lostFrames += 1;
      return this.#lostFrames <= HELD_FRAMES ? this.#held : null;
    }
    this.#lostFrames = 0;
    const { face } = this.#followed;
    const landmarks = this.#filter.filter(face.landmarks, timeMs / 1000, eyeDistance(face.landmarks));
    this.#held = { ...face, landmarks, five: fiveFrom68(landmarks) };
    return this.#held;
  }

  /** Look where the face should be by now, and let go of it when something else is there. @param {Picture} frame */
  async #follow(frame) {
    if (this.#followed === null) return;
    const { face, patch: patchBefore } = this.#followed;
    const before = face.landmarks;
    const [stepX, stepY] = this.#step.map((step) => VELOCITY_SHARE * step);
    const { landmarks } = await this.landmarkNetwork.track(
      frame,
      before.map(([x, y]) => [x + stepX, y + stepY]),
    );
    const patch = facePatch(frame, landmarks);
    const alike = patch.reduce((sum, value, i) => sum + value * patchBefore[i], 0) / patch.length;
    const inside = landmarks.filter(([x, y]) => x >= 0 && y >= 0 && x < frame.width && y < frame.height);
    const isThere = inside.length > 0.5 * landmarks.length;
    const isSame = alike > PATCH_SIMILARITY && keepsShape(before, landmarks) && isThere;
    const [from, to] = [meanPoint(before), meanPoint(landmarks)];
    this.#step = [to[0] - from[0], to[1] - from[1]];
    this.#followed = isSame ? { face: moved(face, landmarks), patch } : null;
  }

  /** @param {Picture} frame @param {number} timeMs */
  async #search(frame, timeMs) {
    this.#searchedMs = timeMs;
    const found = await this.detector.detect(frame, { levels: 0, turn: false });
    const biggest = found.length ? largest(found) : null;
    if (this.#followed === null) {
      this.#misses = 0;
      if (biggest !== null) this.#start(frame, biggest);
      return;
    }
    const { face } = this.#followed;
    const eyes = eyeDistance(face.landmarks);
    const again = found.find((other) => meanDistance(other.five, face.five) < SAME_PLACE * eyes);
    this.#misses = again ? 0 : this.#misses + 1;
    const isGone = this.#misses > MISSES;
    if (isGone) this.#followed = null;
    if (biggest === null) return;
    if (isGone || (biggest !== again && sizePx(biggest) > TAKE_OVER * sizePx(face))) {
      this.#start(frame, biggest);
    } else if (again && meanDistance(again.five, face.five) > DISAGREEMENT * eyes) {
      this.#followed = { face: again, patch: facePatch(frame, again.landmarks) };
    }
  }

  /** @param {Picture} frame @param {Face} face */
  #start(frame, face) {
    const held = this.#held;
    const isNear =
      held !== null && distance(meanPoint(held.five), meanPoint(face.five)) < SAME_PLACE * eyeDistance(face.landmarks);
    if (!isNear) {
      this.#filter = new OneEuroFilter();
      this.memory = new FaceMemory();
    }
    this.#followed = { face, patch: facePatch(frame, face.landmarks) };
    this.#step = [0, 0];
    this.#misses = 0;
  }
}

/** Whether landmarks may be those of the same face one frame later. @param {Point[]} before @param {Point[]} after */
export function keepsShape(before, after) {
  const similarity = similarityFromPoints(before, after);
  const size = Math.sqrt(Math.abs(similarity[0] * similarity[4] - similarity[1] * similarity[3]));
  const residual = meanDistance(transformPoints(similarity, before), after) / Math.max(eyeDistance(before), 1e-6);
  return residual < SHAPE_CHANGE && size > 1 / SIZE_CHANGE && size < SIZE_CHANGE;
}

/** Side of the square with the box's area. @param {Face} face */
function sizePx({ box }) {
  return Math.sqrt(area(box));
}

/** The face at new landmarks; its box moves and grows with them. @param {Face} face @param {Point[]} landmarks @returns {Face} */
export function moved(face, landmarks) {
  const [before, after] = [bounds(face.landmarks), bounds(landmarks)];
  const box = face.box.map((value, i) => {
    const [low, high] = [i % 2, (i % 2) + 2];
    const growth = (after[high] - after[low]) / Math.max(before[high] - before[low], 1e-6);
    return (value - (before[low] + before[high]) / 2) * growth + (after[low] + after[high]) / 2;
  });
  return { ...face, box: /** @type {Face['box']} */ (box), landmarks, five: fiveFrom68(landmarks) };
}

/** The face as a small upright grey picture of zero mean and unit deviation. @param {Picture} frame @param {Point[]} landmarks */
function facePatch(frame, landmarks) {
  const wanted = PATCH_POINTS.map(([x, y]) => /** @type {Point} */ ([x * PATCH_PX, y * PATCH_PX]));
  const patchFromFrame = similarityFromPoints(fiveFrom68(landmarks), wanted);
  const values = grey(warp(frame, patchFromFrame, PATCH_PX, PATCH_PX)).data;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / Math.max(deviation, 1));
}
