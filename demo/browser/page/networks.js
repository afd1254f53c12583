/** The page's side of `worker.js`. */
import { Thread } from './thread.js';

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./answers.js').Place} Place
 * @typedef {import('./answers.js').Swapped} Swapped
 * @typedef {import('./finish.js').Choices} Choices
 */

export class Networks {
  #thread = new Thread(new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));

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

  /** End the thread. What was asked and not answered rejects with {@link import('./errors.js').Stopped}. */
  close() {
    this.#thread.close();
  }

  /**
   * @param {import('./answers.js').Action} action
   * @param {object} request
   * @param {Transferable[]} [moved]
   * @returns {Promise<any>}
   */
  #ask(action, request, moved) {
    return this.#thread.ask(action, request, moved);
  }
}
