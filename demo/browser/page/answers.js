/**
 * What the networks' thread does when it is asked: one request after the other, but for a camera's frames, of which the
 * next one begins while the student swaps the one before.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./runtime.js').Where & {model: string, glasses: import('./glasses.js').Said}} Place where the student runs, whose it is, and what was done about glasses of its source
 * @typedef {{picture: Picture, found: number, swapped: number, ms: number}} Swapped a picture with its faces swapped
 * @typedef {'load' | 'condition' | 'usePortrait' | 'useFile' | 'photo' | 'frame' | 'restart'} Action
 */
import { StudentThread } from './student.js';
import { Swapper } from './swap.js';
import { answer } from './thread.js';

export class Answers {
  /** @type {Swapper | null} */
  #swapper = null;
  /** The end of the last request that was no frame, and of all frames so far. @type {[Promise<unknown>, Promise<unknown>]} */
  #ends = [Promise.resolve(), Promise.resolve()];
  #send;

  /** @param {import('./thread.js').Send} send */
  constructor(send) {
    this.#send = send;
  }

  /** Answer a request after all those before it. @param {{id: number, action: Action, [name: string]: any}} request */
  take({ id, action, ...request }) {
    const [others, frames] = this.#ends;
    const work = () => answer(this.#send, id, () => this.#do(action, request), moved);
    const isFrame = action === 'frame';
    const done = (isFrame ? others : Promise.all(this.#ends)).then(work);
    this.#ends = isFrame ? [others, Promise.all([frames, done])] : [done, frames];
    return done;
  }

  /**
   * @param {Action} action
   * @param {Record<string, any>} request
   * @returns {Promise<Place | Omit<Swapped, 'ms'>>}
   */
  async #do(action, request) {
    if (action === 'load') {
      this.#swapper = await Swapper.load(request.wish, StudentThread.load);
      return place(this.#swapper);
    }
    const swapper = this.#swapper;
    if (swapper === null) throw new Error(`Asked for ${action} before the networks were loaded; ask for load first.`);
    const { picture, timeMs, choices } = request;
    if (action === 'photo') return { ...(await swapper.swapPhoto(picture, choices)), picture };
    if (action === 'frame') return { ...(await swapper.swapFrame(picture, timeMs, choices)), picture };
    if (action === 'condition') await swapper.condition(request.photos);
    else if (action === 'usePortrait') await swapper.usePortrait(request.name);
    else if (action === 'useFile') await swapper.useFile(request.bytes);
    else swapper.restart();
    return place(swapper);
  }
}

/** @param {Swapper} swapper @returns {Place} */
function place(swapper) {
  return { ...swapper.where, model: swapper.model, glasses: swapper.glasses };
}

/** @param {object} result */
function moved(result) {
  return 'picture' in result ? [/** @type {Picture} */ (result.picture).data.buffer] : [];
}
