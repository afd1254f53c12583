/** A beard of the target stays, as its hair does; a port of `blend/beard.py`, which says where the numbers come from. */
import { BEARD, LANDMARKS_68 } from './constants.js';
import { gaussianMean } from './filters.js';
import { softHull, wholePlane } from './outline.js';
import { clamp, grey, newPlane } from './picture.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 * @typedef {Float32Array<ArrayBuffer>} Floats
 */

/**
 * How surely somebody wears a dark beard and a grey one, each in [0, 1].
 *
 * @typedef {[number, number]} Bearded
 */

/**
 * Whether somebody wears a beard.
 *
 * @param {Picture} target crop, 224 x 224
 * @param {readonly Point[]} landmarks 68, in its pixels
 * @returns {Bearded}
 */
export function beardedness(target, landmarks) {
  const signs = signsOf(target, landmarks);
  /** @param {readonly number[]} factors @param {number} none @param {readonly number[]} surely */
  const sure = (factors, none, surely) =>
    share(
      factors.reduce((sum, own, i) => sum + own * signs[i], none),
      surely,
    );
  const grey = sure(BEARD.GREY_SIGNS, BEARD.GREY_NONE, BEARD.GREY_SURELY);
  return [sure(BEARD.SIGNS, BEARD.NONE, BEARD.SURELY), grey];
}

/**
 * Where hair grows on the target's lower face.
 *
 * @param {Picture} target crop, 224 x 224
 * @param {readonly Point[]} landmarks 68, in its pixels
 * @param {Bearded} surely what was seen of it
 * @returns {Floats} in [0, 1], one value a pixel
 */
export function beardWeight(target, landmarks, surely) {
  const { light, colour } = seenIn(target);
  const skin = skinOf(light, landmarks);
  const nose = landmarks[LANDMARKS_68.NOSE_TIP];
  const jaw = landmarks.slice(BEARD.JAW[0], BEARD.JAW[1]).map(([x, y]) => {
    return /** @type {Point} */ ([nose[0] + BEARD.REACH * (x - nose[0]), nose[1] + BEARD.REACH * (y - nose[1])]);
  });
  const wings = landmarks.slice(...BEARD.WINGS);
  const shown = part([...jaw, ...wings], BEARD.REGION);
  takeAway(shown, part(landmarks.slice(...LANDMARKS_68.OUTER_LIPS), BEARD.LIPS));
  takeAway(shown, part(lower(wings, BEARD.NOSTRILS_PX), BEARD.NOSTRILS));
  const hair = newPlane(light.width, light.height);
  const [most, grey] = [Math.max(...surely), surely[1]];
  const usual = grey > 0 ? Math.max(mean(colour, cheeksOf(landmarks)), BEARD.COLOURED[0]) : 1;
  for (let i = 0; i < hair.data.length; i++) {
    const dark = most * share(light.data[i] / skin[i % light.width], BEARD.DARKER);
    hair.data[i] = shown[i] * Math.max(dark, grey * share(colour[i] / usual, BEARD.GREYER));
  }
  return gaussianMean(hair, BEARD.SOFT_PX).data.map((own) => Math.min(own * BEARD.WHOLE, 1));
}

/** How far a value has gone from the first limit to the second, in [0, 1]. @param {number} value @param {readonly number[]} limits */
function share(value, [begins, ends]) {
  return clamp((value - begins) / (ends - begins), 0, 1);
}

/**
 * Of upper lip, chin and jaw how light they are by the skin, and the logarithm of how much detail they have by the cheeks; then how much
 * greyer than these they are.
 *
 * @param {Picture} target
 * @param {readonly Point[]} landmarks
 */
function signsOf(target, landmarks) {
  const { luma, light, colour } = seenIn(target);
  const skin = skinOf(light, landmarks);
  const detail = luma.data.map((own, i) => Math.abs(own - light.data[i]) / Math.max(light.data[i], BEARD.DARKEST));
  const bySkin = light.data.map((own, i) => own / skin[i % light.width]);
  const { LEFT_MOUTH, RIGHT_MOUTH, OUTER_LIPS, CHIN } = LANDMARKS_68;
  const [left, right] = [landmarks[LEFT_MOUTH], landmarks[RIGHT_MOUTH]];
  const lips = part(landmarks.slice(...OUTER_LIPS), BEARD.BARE);
  const above = lower(landmarks.slice(...BEARD.WINGS), BEARD.WING_PX);
  const upper = part([...landmarks.slice(LEFT_MOUTH, RIGHT_MOUTH + 1), ...above], BEARD.EDGE);
  const below = [...landmarks.slice(RIGHT_MOUTH, OUTER_LIPS[1]), left];
  const chin = part([...below, ...landmarks.slice(CHIN - 2, CHIN + 3)], BEARD.EDGE);
  const jaw = part([...landmarks.slice(...BEARD.BELOW_EARS), left, right], BEARD.EDGE);
  const [parts, cheeks] = [[upper, chin, jaw], cheeksOf(landmarks)];
  for (const own of parts) takeAway(own, lips);
  takeAway(jaw, chin);
  const usual = Math.max(mean(detail, cheeks), BEARD.LEAST_DETAIL);
  const coloured = mean(colour, cheeks);
  const tells = share(coloured, BEARD.COLOURED) * share(mean(light.data, cheeks), BEARD.LIT);
  const lights = parts.map((own) => mean(bySkin, own));
  return [
    ...parts.flatMap((own, i) => [lights[i], Math.log(mean(detail, own) / usual + BEARD.LOGARITHM_OF)]),
    ...parts.map((own, i) => {
      const greyer = clamp(1 - mean(colour, own) / Math.max(coloured, BEARD.COLOURED[0]), 0, 1);
      return share(lights[i], BEARD.SHADE) * tells * greyer;
    }),
  ];
}

/** @param {readonly Point[]} landmarks @returns {Floats} where they are, one value a pixel */
function cheeksOf(landmarks) {
  const [left, right] = BEARD.CHEEKS.map((points) => part(points.map((i) => landmarks[i]), BEARD.EDGE)); // prettier-ignore
  return left.map((own, i) => Math.max(own, right[i]));
}

/** @param {readonly Point[]} points @param {number} more px @returns {Point[]} */
function lower(points, more) {
  return points.map(([x, y]) => [x, y + more]);
}

/** @param {readonly Point[]} points @param {{GROWTH_PX: number, BLUR_PX: number}} soft @returns {Floats} one value a pixel */
function part(points, soft) {
  return wholePlane(softHull(points, soft)).data;
}

/** @param {Floats} from changed @param {Floats} other */
function takeAway(from, other) {
  for (let i = 0; i < from.length; i++) from[i] *= 1 - other[i];
}

/** @param {Floats} values @param {Floats} weight */
function mean(values, weight) {
  let [sum, all] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i] * weight[i];
    all += weight[i];
  }
  return sum / Math.max(all, 1e-3);
}

/** Luma of a crop, its mean around each pixel, and how much redder than blue that is, by the light. @param {Picture} picture */
function seenIn(picture) {
  const luma = grey(picture);
  const redder = newPlane(picture.width, picture.height);
  for (let i = 0, at = 0; i < redder.data.length; i++, at += 4)
    redder.data[i] = picture.data[at] - picture.data[at + 2];
  const light = gaussianMean(luma, BEARD.LIGHT_PX);
  const { data } = gaussianMean(redder, BEARD.LIGHT_PX);
  return { luma, light, colour: data.map((own, i) => own / Math.max(light.data[i], BEARD.DIM)) };
}

/**
 * How light skin would be in each column: light comes from one side more often than not.
 *
 * @param {Plane} light
 * @param {readonly Point[]} landmarks
 */
function skinOf({ width, height, data }, landmarks) {
  const places = BEARD.SKIN.map(([a, b, share]) => {
    const [from, to] = [landmarks[a], landmarks[b]];
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
  });
  const seen = places.map(([x, y]) => {
    return data[clamp(Math.round(y), 0, height - 1) * width + clamp(Math.round(x), 0, width - 1)];
  });
  const middle = places.reduce((sum, [x]) => sum + x, 0) / places.length;
  const usual = seen.reduce((sum, one) => sum + one, 0) / seen.length;
  const spread = places.reduce((sum, [x]) => sum + (x - middle) ** 2, 0);
  const slope = places.reduce((sum, [x], i) => sum + (x - middle) * (seen[i] - usual), 0) / Math.max(spread, 1e-6);
  const [least, most] = [BEARD.LEAST_OF_SKIN * Math.min(...seen), Math.max(...seen)];
  return Float32Array.from({ length: width }, (_, x) =>
    Math.max(clamp(usual + slope * (x - middle), least, most), BEARD.DARKEST),
  );
}
