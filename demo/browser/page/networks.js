/** The page's side of `worker.js`: each request is a promise. */

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
    this.#worker.onerror = (event) => {
      for (const { reject } of this.#waiting.values()) reject({ key: 'failed', message: event.message });
      this.#waiting.clear();
    };
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

  /** End the thread; nothing can be asked any more. */
  close() {
    this.#worker.terminate();
  }
}
