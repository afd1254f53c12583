/**
 * A worker that is asked: each request is a promise. And its other side, that answers.
 *
 * @typedef {(answer: object, moved: Transferable[]) => void} Send
 */
import { PageError, Stopped } from './errors.js';

export class Thread {
  #worker;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (reason: Error) => void}>} */
  #waiting = new Map();
  #next = 0;

  /** @param {Worker} worker */
  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data: { id, result, error } }) => {
      const request = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) request?.reject(new PageError(error.key, error.values, error.message));
      else request?.resolve(result);
    };
    worker.onerror = (event) => this.#refuse(new PageError('failed', {}, event.message));
  }

  /**
   * @param {string} action
   * @param {object} request
   * @param {Transferable[]} [moved] buffers that are given away
   * @returns {Promise<any>} rejects with a {@link PageError}, or with {@link Stopped}
   */
  ask(action, request, moved = []) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, action, ...request }, moved);
    });
  }

  /** End it. What was asked and not answered rejects with {@link Stopped}. */
  close() {
    this.#worker.terminate();
    this.#refuse(new Stopped());
  }

  /** @param {Error} reason */
  #refuse(reason) {
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

/**
 * Answer a request.
 *
 * @param {Send} send takes the answer: `{id, result}` with the milliseconds it took, or `{id, error}` with words for `texts/`
 * @param {number} id
 * @param {() => Promise<object>} work gives the result
 * @param {(result: any) => Transferable[]} [moved] buffers of the result that are given away
 */
export async function answer(send, id, work, moved = () => []) {
  const started = performance.now();
  try {
    const result = await work();
    send({ id, result: { ...result, ms: performance.now() - started } }, moved(result));
  } catch (error) {
    const words = error instanceof PageError ? { key: error.key, values: error.values } : { key: 'failed' };
    send({ id, error: { ...words, message: error instanceof Error ? error.message : String(error) } }, []);
  }
}
