/**
 * From a swapped crop to what is pasted: an ordered list of named stages, each a pure function of one value. The same
 * shape as the core's `blend/finish.py`, whose numbers the page is built with. The core's limits on where a swap may show
 * have no control in the page, so they are no stage of it.
 *
 * @typedef {import('./picture.js').Picture} Picture
 *
 * @typedef {object} Finishing a swapped crop on its way into the frame
 * @property {Picture} pixels 224 x 224, what will be pasted
 * @property {Float32Array<ArrayBuffer>} weight (224 * 224) in [0, 1]; the network's own mask at first
 * @property {Picture} target the face it was made for, cut out the same way
 *
 * @typedef {object} FinishOptions
 * @property {boolean} matchesColours bring the swapped face to the target's colours
 * @property {boolean} matchesDetail strengthen its fine detail to the target's
 * @property {import('./watermark.js').DrawPattern | null} drawPattern works out the hidden mark; null hides none
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {(options: FinishOptions) => boolean} isWanted
 * @property {(face: Finishing, options: FinishOptions) => Finishing | Promise<Finishing>} run changes nothing it is given
 */
import { matchColours } from './colour.js';
import { matchDetail } from './detail.js';
import { refineMask } from './mask.js';
import { hideMark } from './watermark.js';

/**
 * In the order they run. Colour and detail compare the faces under the network's own mask, so they come before it is
 * refined; the hidden mark lies over all of these, at the weight it will be pasted with.
 *
 * @type {readonly Stage[]}
 */
export const STAGES = Object.freeze([
  {
    name: 'colour',
    isWanted: (options) => options.matchesColours,
    run: (face) => ({ ...face, pixels: matchColours(face.pixels, face.target, face.weight) }),
  },
  {
    name: 'detail',
    isWanted: (options) => options.matchesDetail,
    run: (face) => ({ ...face, pixels: matchDetail(face.pixels, face.target, face.weight) }),
  },
  {
    name: 'mask',
    isWanted: () => true,
    run: (face) => ({ ...face, weight: refineMask(face.weight) }),
  },
  {
    name: 'mark',
    isWanted: (options) => options.drawPattern !== null,
    run: async (face, { drawPattern }) =>
      drawPattern === null ? face : { ...face, pixels: await hideMark(face.pixels, face.weight, drawPattern) },
  },
]);

/**
 * Run the stages that are wanted, in order.
 *
 * @param {Finishing} face
 * @param {FinishOptions} options
 */
export async function finish(face, options) {
  let finished = face;
  for (const stage of STAGES) if (stage.isWanted(options)) finished = await stage.run(finished, options);
  return finished;
}
