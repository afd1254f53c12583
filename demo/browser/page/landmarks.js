/**
 * 68 landmarks of a face by a small network on an upright, tight, grey 64 x 64 crop; a port of `detect/landmarks.py`,
 * which says where the numbers come from.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {{landmarks: Point[], doubt: number}} Answer doubt: above NO_DOUBT there is probably no face
 */
import { LEFT_EYE, RIGHT_EYE, bounds, distance, invert, meanPoint, transformPoints } from './align.js';
import { grey, warp } from './picture.js';

export const NO_DOUBT = 0.06;
const SIZE_PX = 64;
const [SIDES, TOP, BOTTOM] = [0.1, 0.15, 0.1]; // margins around the landmarks' extent, as fractions of it
const BOX_GROWTH = 1.1;
const TURNS = [0, 1, 3, 2]; // quarter turns tried in this order for a face that may lie on its side

/** Index of each landmark's mirror image, iBUG 300-W order. */
const MIRROR_68 = [
  16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, // jaw
  26, 25, 24, 23, 22, 21, 20, 19, 18, 17, // brows
  27, 28, 29, 30, 35, 34, 33, 32, 31, // nose
  45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, // eyes
  54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, // outer lips
  64, 63, 62, 61, 60, 67, 66, 65, // inner lips
];

/** Angle of the line through the eyes in radians, and the landmarks' extent when upright. @param {Point[]} landmarks */
export function uprightExtent(landmarks) {
  const left = meanPoint(landmarks.slice(...LEFT_EYE));
  const right = meanPoint(landmarks.slice(...RIGHT_EYE));
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

  /** The face in a detector's box, whichever way up. @param {Picture} frame @param {number[]} box @returns {Promise<Answer>} */
  async fromBox(frame, box) {
    let best = null;
    for (const turns of TURNS) {
      const answer = await this.#fit(frame, box, (turns * Math.PI) / 2);
      if (best === null || answer.doubt < best.doubt) best = answer;
      if (answer.doubt < NO_DOUBT) break;
    }
    return best;
  }

  /** The face near known landmarks. @param {Picture} frame @param {Point[]} landmarks @returns {Promise<Answer>} */
  async track(frame, landmarks) {
    const cropFromFrame = cropFromLandmarks(landmarks);
    const crop = grey(warp(frame, cropFromFrame, SIZE_PX, SIZE_PX)).data;
    const one = await this.#points(crop);
    const mirrored = await this.#points(mirror(crop));
    const other = MIRROR_68.map((i) => /** @type {Point} */ ([SIZE_PX - 1 - mirrored[i][0], mirrored[i][1]]));
    const mean = one.map((p, i) => /** @type {Point} */ ([(p[0] + other[i][0]) / 2, (p[1] + other[i][1]) / 2]));
    const eyes = distance(meanPoint(mean.slice(...LEFT_EYE)), meanPoint(mean.slice(...RIGHT_EYE)));
    const apart = one.reduce((sum, p, i) => sum + distance(p, other[i]), 0) / one.length;
    return { landmarks: transformPoints(invert(cropFromFrame), mean), doubt: apart / Math.max(eyes, 1) };
  }

  async #fit(frame, box, angle) {
    const side = BOX_GROWTH * Math.max(box[2] - box[0], box[3] - box[1], 1);
    const centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    let cropFromFrame = cropFromRegion(centre, [side, side], angle, SIZE_PX);
    let points = await this.#look(frame, cropFromFrame);
    cropFromFrame = cropFromLandmarks(points);
    points = await this.#look(frame, cropFromFrame);
    return this.track(frame, points);
  }

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

function mirror(crop) {
  const result = new Float32Array(crop.length);
  for (let y = 0; y < SIZE_PX; y++) {
    for (let x = 0; x < SIZE_PX; x++) result[y * SIZE_PX + x] = crop[y * SIZE_PX + SIZE_PX - 1 - x];
  }
  return result;
}
