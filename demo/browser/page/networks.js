/** The page's side of `worker.js`: each request is a promise. */

/** Why a request was not answered when nothing went wrong. */
export const STOPPED = { key: '' };

export class Networks {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(error);
      else resolve(result);
    };
    this.#worker.onerror = (event) => this.#refuse({ key: 'failed', message: event.message });
  }

  #refuse(reason) {
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  /**
   * @param {string} action see `worker.js`
   * @param {object} [request]
   * @param {Transferable[]} [moved] buffers that the page gives away
   * @returns {Promise<any>} rejects with `{key, values, message}` for `texts/`
   */
  ask(action, request = {}, moved = []) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, action, ...request }, moved);
    });
  }

  /** End the thread. What was asked and not answered rejects with {@link STOPPED}. */
  close() {
    this.#worker.terminate();
    this.#refuse(STOPPED);
  }
}
