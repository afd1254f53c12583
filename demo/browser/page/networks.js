/** The page's side of `worker.js`: each request is a promise. */
import { PageError, Stopped } from './errors.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./answers.js').Place} Place
 * @typedef {import('./answers.js').Swapped} Swapped
 * @typedef {import('./finish.js').Choices} Choices
 */

export class Networks {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  /** @type {Map<number, {resolve: (result: any) => void, reject: (reason: Error) => void}>} */
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const request = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) request?.reject(new PageError(error.key, error.values, error.message));
      else request?.resolve(result);
    };
    this.#worker.onerror = (event) => this.#refuse(new PageError('failed', {}, event.message));
  }

  /** @param {import('./runtime.js').Wish} wish @returns {Promise<Place>} */
  load(wish) {
    return this.#ask('load', { wish });
  }

  /** @param {Picture[]} photos given away @returns {Promise<Place>} */
  condition(photos) {
    return this.#ask(
      'condition',
      { photos },
      photos.map((photo) => photo.data.buffer),
    );
  }

  /** One of the portraits, whose kernels lie ready. @param {string} name @returns {Promise<Place>} */
  usePortrait(name) {
    return this.#ask('usePortrait', { name });
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes given away @returns {Promise<Place>} */
  useFile(bytes) {
    return this.#ask('useFile', { bytes }, [bytes.buffer]);
  }

  /** @param {Picture} picture given away @param {Choices} choices @returns {Promise<Swapped>} */
  photo(picture, choices) {
    return this.#ask('photo', { picture, choices }, [picture.data.buffer]);
  }

  /**
   * @param {Picture} picture given away
   * @param {number} timeMs when it was taken
   * @param {Choices} choices
   * @returns {Promise<Swapped>}
   */
  frame(picture, timeMs, choices) {
    return this.#ask('frame', { picture, timeMs, choices }, [picture.data.buffer]);
  }

  /** Forget what was followed; for a new camera. */
  async restart() {
    await this.#ask('restart', {});
  }

  /** End the thread. What was asked and not answered rejects with {@link Stopped}. */
  close() {
    this.#worker.terminate();
    this.#refuse(new Stopped());
  }

  /** @param {Error} reason */
  #refuse(reason) {
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  /**
   * @param {import('./answers.js').Action} action
   * @param {object} request
   * @param {Transferable[]} [moved] buffers that the page gives away
   * @returns {Promise<any>} rejects with a {@link PageError}
   */
  #ask(action, request, moved = []) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, action, ...request }, moved);
    });
  }
}
