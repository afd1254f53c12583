/**
 * From a swapped crop to what is pasted: an ordered list of named stages, each a pure function of one value. The same
 * shape as the core's `blend/finish.py`, whose numbers the page is built with. The core's limits on where a swap may show
 * have no control in the page, so they are no stage of it.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Matrix} Matrix
 *
 * @typedef {object} Finishing a swapped crop on its way into the frame
 * @property {Picture} pixels square, what will be pasted; 224 x 224 at first
 * @property {Float32Array<ArrayBuffer>} weight one value a pixel in [0, 1]; the network's own mask at first
 * @property {Picture} target the face it was made for, cut out the same way, 224 x 224
 * @property {Point[]} landmarks 68 of the target, in its pixels
 * @property {Matrix} cropFromFrame the frame to `pixels`
 * @property {Picture} frame what the target was cut out of
 * @property {{memory: import('./memory.js').FaceMemory, timeS: number} | null} moment of a camera: what is kept of the face,
 *   and when the frame was taken; null for a photo
 * @property {Picture | null} native the target at the side of `pixels`, once that is larger than its crop
 * @property {number} [blueEyes] how surely the source's are, in [0, 1]; 1 where nobody knows
 *
 * @typedef {object} Choices what a visitor may choose; names and defaults are those of the core's `choices.py`
 * @property {boolean} occlusion keep what hides the face: glasses, hands, hair
 * @property {boolean} beard keep the target's beard, as its hair is kept
 * @property {boolean} folds soften folds about the mouth that the target does not have
 * @property {boolean} brows move the swapped brows to where the target's are
 * @property {number | null} pupils strength of the fine light and shade of the target's eyes, where the gaze does not bring all of it; null leaves it to the page
 * @property {number | null} gaze strength of the light and shade of the target's eyes; null leaves it to the page
 * @property {boolean} lids let the swapped eyes close when the target's do
 * @property {number | null} mouth how much of the target's mouth comes as it opens: first its teeth, then its lips; null leaves it to the page
 * @property {number | null} texture strength of the target's skin texture on large faces of photos; null leaves it to the page
 * @property {number} strength how far the swapped face shows at all; 1 is whole
 *
 * @typedef {object} Own what the page knows of itself
 * @property {boolean} matchesColours bring the swapped face to the target's colours; a target of one tone gives its tone anyhow
 * @property {boolean} matchesDetail strengthen its fine detail to the target's
 * @property {import('./occlusion.js').SeeHidden} seeHidden runs the network that sees what hides a face
 * @property {import('./watermark.js').DrawPattern | null} drawPattern works out the hidden mark; null hides none
 *
 * @typedef {Choices & Own} FinishOptions
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {(options: FinishOptions, face: Finishing) => boolean} isWanted
 * @property {(face: Finishing, options: FinishOptions) => Finishing | Promise<Finishing>} run changes nothing it is given,
 *   but for what a camera's memory learns
 */
import { scaledCrop, transformPoints } from './align.js';
import { beardWeight, beardedness } from './beard.js';
import { asNumbers, asShifts, browShifts, moveBrows } from './brows.js';
import { matchColours } from './colour.js';
import { BEARD, CHOICES, CLIPS, HUES, PHOTOS, TONE } from './constants.js';
import { matchDetail } from './detail.js';
import { softenFolds } from './folds.js';
import { bringBackGaze, eyeTones, gazeWeights } from './gaze.js';
import { calmHues, hueLimits } from './hues.js';
import { calmEyes } from './irises.js';
import { bringBackLids, closing } from './lids.js';
import { refineMask } from './mask.js';
import { bringBackMouth, mouthShare } from './mouth.js';
import { enlarge, nativeSide } from './native.js';
import { guided, visibleWeight } from './occlusion.js';
import { bringBackPupils } from './pupils.js';
import { matchTone } from './tone.js';
import { addTexture } from './texture.js';
import { hideMark } from './watermark.js';

/** What holds when nobody chooses. @type {Readonly<Choices>} */
export const DEFAULTS = Object.freeze({
  occlusion: CHOICES.OCCLUSION,
  beard: CHOICES.BEARD,
  folds: CHOICES.FOLDS,
  brows: CHOICES.BROWS,
  pupils: CHOICES.PUPILS,
  gaze: CHOICES.GAZE,
  lids: CHOICES.LIDS,
  mouth: CHOICES.MOUTH,
  texture: CHOICES.TEXTURE,
  strength: CHOICES.STRENGTH,
});

/** What a choice that was left to the page comes to. @param {'pupils' | 'gaze' | 'mouth' | 'texture'} name @param {number | null} chosen @param {boolean} isMoving */
export function unlessChosen(name, chosen, isMoving) {
  const group = isMoving ? CLIPS : PHOTOS;
  return chosen ?? { pupils: group.PUPILS, gaze: group.GAZE, mouth: group.MOUTH, texture: group.TEXTURE }[name];
}

/**
 * In the order they run. Colour and detail compare the faces under the network's own mask, so they come before it is
 * refined; folds are softened once both are alike; what comes back of the target comes at the face's own size; texture
 * shows where the face does, so it comes after everything that takes from the weight; the hidden mark lies over all of
 * these, at the weight it will be pasted with.
 *
 * @type {readonly Stage[]}
 */
export const STAGES = Object.freeze([
  {
    name: 'colour',
    isWanted: () => true, // a photo of one tone has no other colours, whoever draws the face
    run: (face, { matchesColours }) => ({ ...face, pixels: toned(face, matchesColours ? matched(face) : face.pixels) }),
  },
  {
    name: 'detail',
    isWanted: (options) => options.matchesDetail,
    run: (face) => ({ ...face, pixels: matchDetail(face.pixels, face.target, face.weight) }),
  },
  {
    name: 'folds',
    isWanted: (options) => options.folds,
    run: (face) => ({ ...face, pixels: softenFolds(face.pixels, face.target, face.landmarks) }),
  },
  {
    name: 'mask',
    isWanted: () => true,
    run: (face) => ({ ...face, weight: refineMask(face.weight) }),
  },
  { name: 'beard', isWanted: (options) => options.beard, run: beard },
  { name: 'brows', isWanted: (options) => options.brows, run: brows },
  { name: 'native', isWanted: (_, face) => face.moment === null, run: native },
  {
    name: 'pupils',
    isWanted: (options, face) =>
      unlessChosen('pupils', options.pupils, face.moment !== null) > 0 &&
      unlessChosen('gaze', options.gaze, face.moment !== null) < 1,
    run: pupils,
  },
  {
    name: 'gaze',
    isWanted: (options, face) => unlessChosen('gaze', options.gaze, face.moment !== null) > 0,
    run: gaze,
  },
  { name: 'lids', isWanted: (options) => options.lids, run: lids },
  {
    name: 'mouth',
    isWanted: (options, face) => unlessChosen('mouth', options.mouth, face.moment !== null) > 0,
    run: mouth,
  },
  { name: 'occlusion', isWanted: (options) => options.occlusion, run: occlusion },
  {
    name: 'texture',
    isWanted: (options, face) =>
      unlessChosen('texture', options.texture, face.moment !== null) > 0 && face.native !== null,
    run: texture,
  },
  {
    name: 'strength',
    isWanted: (options) => options.strength !== 1,
    run: (face, { strength }) => ({ ...face, weight: face.weight.map((own) => own * strength) }),
  },
  {
    name: 'mark',
    isWanted: (options) => options.drawPattern !== null,
    run: async (face, { drawPattern }) =>
      drawPattern === null
        ? face
        : {
            ...face,
            pixels: await hideMark(face.pixels, face.weight, drawPattern, { ...face, sizePx: face.pixels.width }),
          },
  },
]);

/** @param {Finishing} face @returns {Finishing} */
function beard(face) {
  const surely = bearded(face);
  if (Math.max(...surely) === 0) return face;
  const hair = beardWeight(face.target, face.landmarks, surely);
  return { ...face, weight: face.weight.map((own, i) => own * (1 - hair[i])) };
}

/**
 * How surely the target wears a beard. Before a camera it is looked at again after some frames, and averaged.
 *
 * @param {Finishing} face
 * @returns {import('./beard.js').Bearded}
 */
function bearded({ target, landmarks, moment }) {
  if (moment === null) return beardedness(target, landmarks);
  const { memory, timeS } = moment;
  if (memory.beardFrames === 0) {
    memory.bearded = beardedness(target, landmarks);
    memory.beardFrames = BEARD.BEARD_FRAMES;
  }
  memory.beardFrames--;
  return /** @type {import('./beard.js').Bearded} */ (memory.beard.next([...memory.bearded], timeS));
}

/** @param {Finishing} face @returns {Finishing} */
function brows(face) {
  const { pixels, weight, target, landmarks, moment } = face;
  const shifts = browShifts(pixels, target, landmarks);
  const steady = moment === null ? shifts : asShifts(moment.memory.brows.next(asNumbers(shifts), moment.timeS));
  return { ...face, ...moveBrows(pixels, target, weight, landmarks, steady) };
}

/** @param {Finishing} face @param {FinishOptions} options @returns {Finishing} */
function pupils(face, options) {
  const { pixels, native, target, landmarks, moment } = face;
  const strength = unlessChosen('pupils', options.pupils, moment !== null);
  return { ...face, pixels: bringBackPupils(pixels, native ?? target, landmarks, strength) };
}

/** @param {Finishing} face @param {FinishOptions} options @returns {Finishing} */
function gaze(face, options) {
  const { pixels, native, target, landmarks, moment } = face;
  const strength = unlessChosen('gaze', options.gaze, moment !== null);
  const [source, weights] = [native ?? target, gazeWeights(landmarks, pixels.width)];
  const now = eyeTones(pixels, source, weights, closing(landmarks));
  const tones = moment === null ? now : moment.memory.gaze.next(now, moment.timeS);
  return { ...face, pixels: bringBackGaze(pixels, source, weights, tones, strength) };
}

/** @param {Finishing} face @returns {Finishing} */
function lids(face) {
  const { pixels, native, target, landmarks, moment } = face;
  const closed = moment === null ? closing(landmarks) : moment.memory.lids.next(landmarks, moment.timeS, target);
  return { ...face, pixels: bringBackLids(pixels, native ?? target, landmarks, closed) };
}

/** @param {Finishing} face @param {FinishOptions} options @returns {Finishing} */
function mouth(face, options) {
  const { pixels, native, target, landmarks, moment } = face;
  const strength = unlessChosen('mouth', options.mouth, moment !== null);
  let share = mouthShare(landmarks);
  if (moment !== null) [share] = moment.memory.mouth.next([share], moment.timeS);
  return { ...face, pixels: bringBackMouth(pixels, native ?? target, landmarks, share, strength) };
}

/** Pixels in the target's colours, and eyes without any that eyes do not have. @param {Finishing} face */
function matched(face) {
  const pixels = calmed(face, matchColours(face.pixels, face.target, face.weight));
  return calmEyes(pixels, face.target, face.landmarks, face.blueEyes);
}

/**
 * Pixels without green and violet shades. Some frames of a camera have the same limits, or nothing that lies beyond them.
 *
 * @param {Finishing} face
 * @param {Picture} pixels
 */
function calmed({ target, weight, landmarks, moment }, pixels) {
  if (moment !== null && moment.memory.huesFrames > 0) {
    moment.memory.huesFrames--;
    return moment.memory.hues === null ? pixels : calmHues(pixels, weight, landmarks, moment.memory.hues);
  }
  const limits = hueLimits(target, weight, landmarks);
  const calm = limits === null ? pixels : calmHues(pixels, weight, landmarks, limits);
  if (moment !== null) {
    moment.memory.hues = calm === pixels ? null : limits;
    moment.memory.huesFrames = HUES.HUES_FRAMES - 1;
  }
  return calm;
}

/**
 * Pixels in the target's tone, if it has one. A camera in colours is asked again after some frames.
 *
 * @param {Finishing} face
 * @param {Picture} pixels
 */
function toned({ target, weight, moment }, pixels) {
  if (moment !== null && moment.memory.coloured > 0) {
    moment.memory.coloured--;
    return pixels;
  }
  const result = matchTone(pixels, target, weight);
  if (moment !== null && result === pixels) moment.memory.coloured = TONE.COLOURED_FRAMES;
  return result;
}

/** A face that is larger in the photo than its crop is enlarged here once; what follows works at its own size. @param {Finishing} face */
function native(face) {
  const { pixels, weight, cropFromFrame, frame } = face;
  const side = nativeSide(cropFromFrame, pixels.width);
  return side === pixels.width ? face : { ...face, ...enlarge(pixels, weight, cropFromFrame, frame, side) };
}

/** @param {Finishing} face @param {FinishOptions} options @returns {Promise<Finishing>} */
async function occlusion(face, { seeHidden }) {
  const { target, weight, cropFromFrame, moment } = face;
  const steady = moment?.memory.occlusion;
  const timeS = moment?.timeS ?? 0;
  let hidden = steady?.carried(cropFromFrame, timeS, target) ?? null;
  if (hidden === null) {
    const seen = await seeHidden(target);
    hidden = steady?.next(seen, cropFromFrame, timeS) ?? seen;
  }
  if (face.native !== null) hidden = guided(hidden, face.native);
  return { ...face, weight: visibleWeight(weight, hidden.data) };
}

/** @param {Finishing} face @param {FinishOptions} options @returns {Finishing} */
function texture(face, options) {
  const { pixels, target, weight, landmarks, native: whole, moment } = face;
  if (whole === null) return face; // the crop holds all of the target's detail: there is nothing above it
  const points = transformPoints(scaledCrop([1, 0, 0, 0, 1, 0], pixels.width / target.width), landmarks);
  const strength = unlessChosen('texture', options.texture, moment !== null);
  return { ...face, pixels: addTexture(pixels, whole, weight, points, strength) };
}

/**
 * Run the stages that are wanted, in order.
 *
 * @param {Finishing} face
 * @param {FinishOptions} options
 */
export async function finish(face, options) {
  let finished = face;
  for (const stage of STAGES) if (stage.isWanted(options, finished)) finished = await stage.run(finished, options);
  return finished;
}
