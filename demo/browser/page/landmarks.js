/**
 * 68 landmarks of a face by a small network on an upright, tight, grey 64 x 64 crop; a port of `detect/landmarks.py`,
 * which says where the numbers come from.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Box} Box
 * @typedef {{landmarks: Point[], doubt: number}} Answer doubt: above NO_DOUBT there is probably no face
 */
import { bounds, compose, eyeCentres, eyeDistance, invert, meanDistance, transformPoints } from './align.js';
import { LANDMARKS_68, LANDMARK_NETWORK } from './constants.js';
import { cutFade, faded } from './cut_faces.js';
import { clamp, cut, grey, resize, warp } from './picture.js';

export const NO_DOUBT = LANDMARK_NETWORK.NO_DOUBT;
/** @type {number} */
const SIZE_PX = LANDMARK_NETWORK.SIZE_PX;
const { SIDES, TOP, BOTTOM, BOX_GROWTH } = LANDMARK_NETWORK; // margins around the landmarks' extent, as fractions of it
const TURNS = LANDMARK_NETWORK.TURNS; // quarter turns tried in this order for a face that may lie on its side

/** Corners of the network's crop. @type {Point[]} */
const CORNERS = [
  [-0.5, -0.5],
  [SIZE_PX - 0.5, -0.5],
  [SIZE_PX - 0.5, SIZE_PX - 0.5],
  [-0.5, SIZE_PX - 0.5],
];

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

  /**
   * The face in a detector's box, whichever way up.
   *
   * @param {Picture} frame
   * @param {Box} box
   * @param {() => Promise<boolean> | boolean} [mayLie] asked when the answer for an upright face is doubtful: whether other
   *   ways up are worth a try
   * @returns {Promise<Answer>} of infinite doubt where no other way was tried
   */
  async fromBox(frame, box, mayLie = () => true) {
    /** @type {Answer[]} */
    const answers = [];
    const around = new Around(frame);
    for (const turns of TURNS) {
      answers.push(await this.#fit(around, box, (turns * Math.PI) / 2));
      if (answers[answers.length - 1].doubt < NO_DOUBT) break;
      if (turns === 0 && !(await mayLie())) return { ...answers[0], doubt: Infinity };
    }
    return answers.reduce((best, answer) => (answer.doubt < best.doubt ? answer : best));
  }

  /** The face near known landmarks. @param {Picture} frame @param {Point[]} landmarks @returns {Promise<Answer>} */
  async track(frame, landmarks) {
    const cropFromFrame = cropFromLandmarks(landmarks);
    const crop = grey(warp(frame, cropFromFrame, SIZE_PX, SIZE_PX));
    return this.#lookTwice(faded(crop, cutFade(landmarks, frame, cropFromFrame)), cropFromFrame);
  }

  /** @param {Around} around @param {Box} box @param {number} angle */
  async #fit(around, box, angle) {
    const side = BOX_GROWTH * Math.max(box[2] - box[0], box[3] - box[1], 1);
    /** @type {Point} */
    const centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    let cropFromFrame = cropFromRegion(centre, [side, side], angle, SIZE_PX);
    let points = transformPoints(invert(cropFromFrame), await this.#points(around.grey(cropFromFrame).data));
    cropFromFrame = cropFromLandmarks(points);
    points = transformPoints(invert(cropFromFrame), await this.#points(around.view(points, cropFromFrame).data));
    cropFromFrame = cropFromLandmarks(points);
    return this.#lookTwice(around.view(points, cropFromFrame), cropFromFrame);
  }

  /** The mean of the answers for a crop and its mirror image. @param {Plane} crop @param {Matrix} cropFromFrame */
  async #lookTwice({ data }, cropFromFrame) {
    const one = await this.#points(data);
    const other = mirroredPoints(await this.#points(mirror(data)), SIZE_PX);
    const mean = one.map((p, i) => /** @type {Point} */ ([(p[0] + other[i][0]) / 2, (p[1] + other[i][1]) / 2]));
    const doubt = meanDistance(one, other) / Math.max(eyeDistance(mean), 1);
    return { landmarks: transformPoints(invert(cropFromFrame), mean), doubt };
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

/** A face's surroundings, grey and averaged down once: looking at it from several sides costs little then. */
class Around {
  /** @type {Plane | null} */
  #patch = null;
  /** @type {Matrix} */
  #patchFromFrame = [1, 0, 0, 0, 1, 0];
  /** Where crops may lie that the patch shows whole. @type {Box} */
  #whole = [0, 0, 0, 0];

  /** @param {Picture} frame */
  constructor(frame) {
    this.frame = frame;
  }

  /** @param {Matrix} cropFromFrame */
  grey(cropFromFrame) {
    const { width, height } = this.frame;
    const corners = bounds(transformPoints(invert(cropFromFrame), CORNERS));
    const seen = [
      Math.max(corners[0], 0),
      Math.max(corners[1], 0),
      Math.min(corners[2], width),
      Math.min(corners[3], height),
    ];
    const isWhole = seen.every((side, i) => (i < 2 ? side >= this.#whole[i] : side <= this.#whole[i]));
    const patch = this.#patch !== null && isWhole ? this.#patch : this.#cut(corners);
    const crop = warp(patch, compose(cropFromFrame, invert(this.#patchFromFrame)), SIZE_PX, SIZE_PX, { repeats: true });
    return { ...crop, data: crop.data.map(Math.round) };
  }

  /** The crop of a face at these landmarks, faded where the border of the picture cuts it. @param {Point[]} landmarks @param {Matrix} cropFromFrame */
  view(landmarks, cropFromFrame) {
    return faded(this.grey(cropFromFrame), cutFade(landmarks, this.frame, cropFromFrame));
  }

  /** Take what a crop shows and half as much on each side, at no less than one and a half times its pixels. @param {Box} corners */
  #cut(corners) {
    const sides = [corners[2] - corners[0], corners[3] - corners[1]];
    const factor = 2 ** Math.floor(Math.log2(Math.max(Math.min(...sides) / (1.5 * SIZE_PX), 1)));
    const [first, last] = [[0, 0], [0, 0]]; // prettier-ignore
    [this.frame.width, this.frame.height].forEach((length, i) => {
      // A picture's border need not be a multiple of the factor: what is left over repeats what lies before it.
      const limit = Math.max(Math.floor(length / factor) * factor, 1);
      const from = Math.floor((corners[i] - sides[i] / 2) / factor) * factor;
      const to = Math.ceil((corners[i + 2] + sides[i] / 2) / factor) * factor;
      first[i] = Math.floor(clamp(from, 0, limit - 1) / factor) * factor;
      last[i] = clamp(to, first[i] + 1, limit);
      this.#whole[i] = first[i] > 0 ? first[i] + factor : 0;
      this.#whole[i + 2] = last[i] < limit ? last[i] - factor : Infinity;
    });
    const region = grey(cut(this.frame, [first[0], first[1], last[0], last[1]]));
    const [width, height] = [region.width, region.height].map((length) => Math.max(1, Math.floor(length / factor)));
    const patch = resize(region, width, height);
    if (factor > 1) patch.data.forEach((level, i) => (patch.data[i] = Math.round(level)));
    const [across, down] = [region.width / width, region.height / height];
    this.#patchFromFrame = invert([across, 0, first[0] + across / 2 - 0.5, 0, down, first[1] + down / 2 - 0.5]);
    this.#patch = patch;
    return patch;
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
