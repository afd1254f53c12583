/**
 * The per-frame network with a source inside, here or in a thread of its own: there it swaps one frame while this thread
 * looks for the face in the next one and finishes the one before.
 *
 * @typedef {import('./runtime.js').Session} Session
 * @typedef {import('./runtime.js').Parts} Parts
 * @typedef {import('./runtime.js').Where} Where
 * @typedef {{face: Float32Array, mask: Float32Array<ArrayBuffer>}} Swapped (3, 224, 224) and (224, 224) in [0, 1]
 *
 * @typedef {object} Student
 * @property {(file: Uint8Array, source: Uint8Array | null) => Promise<Where>} open takes a file and, of a file without its
 *   source, what the identity network answered
 * @property {(crop: Float32Array<ArrayBuffer>) => Promise<Swapped>} swap takes (3, 224, 224) in [0, 1], given away
 */
import { CROP_PX } from './align.js';
import { FILES } from './constants.js';
import { Runtime } from './runtime.js';
import { Thread, answer } from './thread.js';

/** In this thread. @implements {Student} */
export class StudentHere {
  /** @type {Session | null} */
  #session = null;

  /** @param {Runtime} runtime */
  constructor(runtime) {
    this.runtime = runtime;
  }

  /** @param {Uint8Array} file @param {Uint8Array | null} source */
  async open(file, source) {
    const before = this.#session;
    const options = source === null ? {} : { externalData: [{ path: FILES.SOURCE, data: source }] };
    this.#session = await this.runtime.openStudent(file, options);
    await before?.release();
    return this.runtime.where;
  }

  /** @param {Float32Array<ArrayBuffer>} crop @returns {Promise<Swapped>} */
  async swap(crop) {
    if (this.#session === null) throw new Error('There is no source yet; open a file first.');
    const input = { crop: /** @type {[Float32Array, number[]]} */ ([crop, [1, 3, CROP_PX, CROP_PX]]) };
    const { face, mask } = await this.runtime.run(this.#session, input, ['face', 'mask']);
    return { face, mask: /** @type {Float32Array<ArrayBuffer>} */ (mask) };
  }
}

/** In a thread of its own. @implements {Student} */
export class StudentThread {
  #thread = new Thread(new Worker(new URL('./student_worker.js', import.meta.url), { type: 'module' }));

  /** @param {Parts} parts of the runtime, as they were fetched for this thread @param {number} threads of WebAssembly */
  static async load(parts, threads) {
    const student = new StudentThread();
    await student.#thread.ask('load', { parts, threads });
    return student;
  }

  /** @param {Uint8Array} file @param {Uint8Array | null} source @returns {Promise<Where>} */
  open(file, source) {
    return this.#thread.ask('open', { file, source });
  }

  /** @param {Float32Array<ArrayBuffer>} crop @returns {Promise<Swapped>} */
  swap(crop) {
    return this.#thread.ask('swap', { crop }, [crop.buffer]);
  }
}

/** What that thread does when it is asked: one request at a time, in order. */
export class StudentAnswers {
  /** @type {StudentHere | null} */
  #student = null;
  /** The last request's end. @type {Promise<void>} */
  #queue = Promise.resolve();
  #send;

  /** @param {import('./thread.js').Send} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {{id: number, action: string, [name: string]: any}} request */
  take({ id, action, ...request }) {
    const moved = (/** @type {any} */ { face, mask }) => (action === 'swap' ? [face.buffer, mask.buffer] : []);
    this.#queue = this.#queue.then(() => answer(this.#send, id, () => this.#do(action, request), moved));
    return this.#queue;
  }

  /** @param {string} action @param {Record<string, any>} request @returns {Promise<object>} */
  async #do(action, request) {
    if (action === 'load') {
      this.#student = new StudentHere(await Runtime.of(request.parts, request.threads));
      return {};
    }
    if (this.#student === null)
      throw new Error(`Asked for ${action} before the runtime was loaded; ask for load first.`);
    return action === 'open' ? this.#student.open(request.file, request.source) : this.#student.swap(request.crop);
  }
}
