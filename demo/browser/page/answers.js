/**
 * What the networks' thread does when it is asked: one request at a time, in order.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {{place: 'webgpu' | 'wasm', threads: number, model: string}} Place where the networks run, and whose they are
 * @typedef {{picture: Picture, found: number, swapped: number, ms: number}} Swapped a picture with its faces swapped
 * @typedef {'load' | 'condition' | 'usePortrait' | 'useFile' | 'photo' | 'frame' | 'restart'} Action
 * @typedef {(answer: object, moved: Transferable[]) => void} Send
 */
import { PageError } from './errors.js';
import { Swapper } from './swap.js';

export class Answers {
  /** @type {Swapper | null} */
  #swapper = null;
  /** The last request's end. @type {Promise<void>} */
  #queue = Promise.resolve();
  #send;

  /** @param {Send} send takes each answer: `{id, result}`, or `{id, error}` with words for `texts/` */
  constructor(send) {
    this.#send = send;
  }

  /** Answer a request after all those before it. @param {{id: number, action: Action, [name: string]: any}} request */
  take({ id, action, ...request }) {
    this.#queue = this.#queue.then(async () => {
      const started = performance.now();
      try {
        const result = await this.#do(action, request);
        const moved = 'picture' in result ? [result.picture.data.buffer] : [];
        this.#send({ id, result: { ...result, ms: performance.now() - started } }, moved);
      } catch (error) {
        const words = error instanceof PageError ? { key: error.key, values: error.values } : { key: 'failed' };
        this.#send({ id, error: { ...words, message: error instanceof Error ? error.message : String(error) } }, []);
      }
    });
    return this.#queue;
  }

  /**
   * @param {Action} action
   * @param {Record<string, any>} request
   * @returns {Promise<Place | Omit<Swapped, 'ms'>>}
   */
  async #do(action, request) {
    if (action === 'load') {
      this.#swapper = await Swapper.load(request.wish);
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
  return { place: swapper.runtime.place, threads: swapper.runtime.threads ?? 1, model: swapper.model };
}
