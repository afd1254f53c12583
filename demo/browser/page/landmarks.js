/**
 * 68 landmarks of a face by a small network on an upright, tight, grey 64 x 64 crop; a port of `detect/landmarks.py`,
 * which says where the numbers come from.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Box} Box
 * @typedef {{landmarks: Point[], doubt: number}} Answer doubt: above NO_DOUBT there is probably no face
 */
import { bounds, eyeCentres, eyeDistance, invert, meanDistance, transformPoints } from './align.js';
import { LANDMARKS_68, LANDMARK_NETWORK } from './constants.js';
import { grey, warp } from './picture.js';

export const NO_DOUBT = LANDMARK_NETWORK.NO_DOUBT;
/** @type {number} */
const SIZE_PX = LANDMARK_NETWORK.SIZE_PX;
const { SIDES, TOP, BOTTOM } = LANDMARK_NETWORK; // margins around the landmarks' extent, as fractions of it
const BOX_GROWTH = 1.1;
const TURNS = [0, 1, 3, 2]; // quarter turns tried in this order for a face that may lie on its side

/** Angle of the line through the eyes in radians, and the landmarks' extent when upright. @param {Point[]} landmarks */
export function uprightExtent(landmarks) {
  const [left, right] = eyeCentres(landmarks);
  const angle = Math.atan2(right[1] - left[1], right[0] - left[0]);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  /** @type {Matrix} */
  const frameFromUpright = [cos, -sin, 0, sin, cos, 0];
  const extent = bounds(transformPoints(invert(frameFromUpright), landmarks));
  return { angle, frameFromUpright, extent };
}

/**
 * Map a turned rectangle of the frame onto a square crop.
 *
 * @param {Point} centre frame pixels
 * @param {[number, number]} sides width and height in frame pixels along the rectangle's own axes
 * @param {number} angle of its horizontal axis in radians, clockwise in the picture
 * @param {number} sizePx side of the crop
 * @returns {Matrix} cropFromFrame
 */
export function cropFromRegion(centre, sides, angle, sizePx) {
  const [sx, sy] = [sides[0] / sizePx, sides[1] / sizePx];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const middle = (sizePx - 1) / 2;
  const [a, b, d, e] = [cos * sx, -sin * sy, sin * sx, cos * sy];
  return invert([a, b, centre[0] - (a + b) * middle, d, e, centre[1] - (d + e) * middle]);
}

/** Eyes level, the landmarks' extent plus the margins filling the square. @param {Point[]} landmarks */
function cropFromLandmarks(landmarks) {
  const { angle, frameFromUpright, extent } = uprightExtent(landmarks);
  const [width, height] = [Math.max(extent[2] - extent[0], 1), Math.max(extent[3] - extent[1], 1)];
  const low = [extent[0] - width * SIDES, extent[1] - height * TOP];
  const high = [extent[2] + width * SIDES, extent[3] + height * BOTTOM];
  const [centre] = transformPoints(frameFromUpright, [[(low[0] + high[0]) / 2, (low[1] + high[1]) / 2]]);
  return cropFromRegion(centre, [high[0] - low[0], high[1] - low[1]], angle, SIZE_PX);
}

export class LandmarkNetwork {
  /** @param {(grey: Float32Array) => Promise<Float32Array>} run (1, 1, 64, 64) in [0, 1) -> 136 fractions of the side */
  constructor(run) {
    this.run = run;
  }

  /** The face in a detector's box, whichever way up. @param {Picture} frame @param {Box} box @returns {Promise<Answer>} */
  async fromBox(frame, box) {
    /** @type {Answer[]} */
    const answers = [];
    for (const turns of TURNS) {
      answers.push(await this.#fit(frame, box, (turns * Math.PI) / 2));
      if (answers[answers.length - 1].doubt < NO_DOUBT) break;
    }
    return answers.reduce((best, answer) => (answer.doubt < best.doubt ? answer : best));
  }

  /** The face near known landmarks. @param {Picture} frame @param {Point[]} landmarks @returns {Promise<Answer>} */
  async track(frame, landmarks) {
    const cropFromFrame = cropFromLandmarks(landmarks);
    const crop = grey(warp(frame, cropFromFrame, SIZE_PX, SIZE_PX)).data;
    const one = await this.#points(crop);
    const mirrored = await this.#points(mirror(crop));
    const other = mirroredPoints(mirrored, SIZE_PX);
    const mean = one.map((p, i) => /** @type {Point} */ ([(p[0] + other[i][0]) / 2, (p[1] + other[i][1]) / 2]));
    const doubt = meanDistance(one, other) / Math.max(eyeDistance(mean), 1);
    return { landmarks: transformPoints(invert(cropFromFrame), mean), doubt };
  }

  /** @param {Picture} frame @param {Box} box @param {number} angle */
  async #fit(frame, box, angle) {
    const side = BOX_GROWTH * Math.max(box[2] - box[0], box[3] - box[1], 1);
    /** @type {Point} */
    const centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    let cropFromFrame = cropFromRegion(centre, [side, side], angle, SIZE_PX);
    let points = await this.#look(frame, cropFromFrame);
    cropFromFrame = cropFromLandmarks(points);
    points = await this.#look(frame, cropFromFrame);
    return this.track(frame, points);
  }

  /** @param {Picture} frame @param {Matrix} cropFromFrame */
  async #look(frame, cropFromFrame) {
    const crop = grey(warp(frame, cropFromFrame, SIZE_PX, SIZE_PX)).data;
    return transformPoints(invert(cropFromFrame), await this.#points(crop));
  }

  /** @param {Float32Array} crop levels of 255 @returns {Promise<Point[]>} in crop pixels */
  async #points(crop) {
    const fractions = await this.run(crop.map((level) => level / 256));
    return Array.from({ length: 68 }, (_, i) => [
      fractions[2 * i] * SIZE_PX - 0.5,
      fractions[2 * i + 1] * SIZE_PX - 0.5,
    ]);
  }
}

/**
 * The landmarks of a face from those of its mirror image.
 *
 * @param {Point[]} points 68, in pixels of the mirrored crop
 * @param {number} sizePx side of the crop
 */
export function mirroredPoints(points, sizePx) {
  return LANDMARKS_68.MIRROR_68.map((i) => /** @type {Point} */ ([sizePx - 1 - points[i][0], points[i][1]]));
}

/** @param {Float32Array} crop */
function mirror(crop) {
  const result = new Float32Array(crop.length);
  for (let y = 0; y < SIZE_PX; y++) {
    for (let x = 0; x < SIZE_PX; x++) result[y * SIZE_PX + x] = crop[y * SIZE_PX + SIZE_PX - 1 - x];
  }
  return result;
}
