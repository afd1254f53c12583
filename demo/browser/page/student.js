/**
 * The per-frame network with a source inside, here or in a thread of its own: there it swaps one frame while this thread
 * looks for the face in the next one and finishes the one before.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./runtime.js').Parts} Parts
 * @typedef {import('./runtime.js').Where} Where
 * @typedef {{face: Picture, mask: Float32Array<ArrayBuffer>}} Swapped before it is blended; mask (224, 224) in [0, 1]
 * @typedef {{swap: (crop: Picture) => Promise<Swapped>, release: () => Promise<void>}} Opened a network with its source
 *
 * @typedef {object} Student
 * @property {(file: Uint8Array, source: Uint8Array | null) => Promise<Where>} open takes a file and, of a file without its
 *   source, what the identity network answered
 * @property {(crop: Picture) => Promise<Swapped>} swap takes 224 x 224
 */
import { CROP_PX } from './align.js';
import { FILES } from './constants.js';
import { Layers } from './layers.js';
import { PerFrame, constantsOf } from './per_frame.js';
import { newPicture, toChannels } from './picture.js';
import { Runtime } from './runtime.js';
import { Thread, answer } from './thread.js';

const AGREES = 2; // levels that the GPU may differ by from the processor; more and it is not used

/** In this thread. @implements {Student} */
export class StudentHere {
  /** @type {Opened | null} */
  #opened = null;
  /** @type {Promise<WebAssembly.Module> | null} */
  #layers = null;

  /** @param {Runtime} runtime */
  constructor(runtime) {
    this.runtime = runtime;
  }

  /** @param {Uint8Array} file @param {Uint8Array | null} source */
  async open(file, source) {
    const opened = await this.#openWhereFast(file, source);
    await this.#opened?.release();
    this.#opened = opened;
    return this.runtime.where;
  }

  /** @param {Picture} crop @returns {Promise<Swapped>} */
  async swap(crop) {
    if (this.#opened === null) throw new Error('There is no source yet; open a file first.');
    return this.#opened.swap(crop);
  }

  /** On the GPU if it computes the same there, and faster or by the visitor's choice. @param {Uint8Array} file @param {Uint8Array | null} source */
  async #openWhereFast(file, source) {
    const { runtime } = this;
    const onProcessor = await this.#openOnProcessor(file, source);
    if (runtime.place === 'wasm') return onProcessor;
    try {
      const onGpu = await this.#openSession('webgpu', file, source);
      const [a, b] = [await trial(onProcessor), await trial(onGpu)];
      const difference = a.face.reduce((most, level, i) => Math.max(most, Math.abs(level - b.face[i])), 0);
      if (difference <= AGREES && (runtime.isChosen || b.ms < a.ms)) {
        await onProcessor.release();
        return onGpu;
      }
      await onGpu.release();
    } catch (error) {
      console.warn('WebGPU cannot be used', error);
    }
    runtime.place = 'wasm';
    return onProcessor;
  }

  /** By layers of our own where they are the file's, which is faster; else by ONNX Runtime. @param {Uint8Array} file @param {Uint8Array | null} source */
  async #openOnProcessor(file, source) {
    const constants = constantsOf(file, source);
    if (constants === null) return this.#openSession('wasm', file, source);
    this.#layers ??= Layers.compile();
    this.#layers.catch(() => (this.#layers = null)); // the next source tries again
    const network = new PerFrame(new Layers(await this.#layers), constants);
    return { swap: async (/** @type {Picture} */ crop) => network.swap(crop), release: async () => {} };
  }

  /** @param {'webgpu' | 'wasm'} place @param {Uint8Array} file @param {Uint8Array | null} source @returns {Promise<Opened>} */
  async #openSession(place, file, source) {
    const { runtime } = this;
    const options = source === null ? {} : { externalData: [{ path: FILES.SOURCE, data: source }] };
    const session = await runtime.openIn(place, file, options);
    return {
      swap: async (crop) => {
        const input = {
          crop: /** @type {[Float32Array, number[]]} */ ([toChannels(crop, 0, 255), [1, 3, CROP_PX, CROP_PX]]),
        };
        const { face, mask } = await runtime.run(session, input, ['face', 'mask']);
        return { face: fromChannels(face), mask: /** @type {Float32Array<ArrayBuffer>} */ (mask) };
      },
      release: () => session.release(),
    };
  }
}

/** What a network makes of a smooth crop, and how fast once it is warm. @param {Opened} opened */
async function trial(opened) {
  const ramp = newPicture(CROP_PX, CROP_PX);
  for (let i = 0; i < ramp.data.length; i++) ramp.data[i] = (255 * ((i >> 2) % CROP_PX)) / CROP_PX;
  await opened.swap(ramp);
  const started = performance.now();
  const { face } = await opened.swap(ramp);
  return { face: face.data, ms: performance.now() - started };
}

/** A crop as a network gives it. @param {Float32Array} values (3, 224, 224) in [0, 1] @returns {Picture} */
function fromChannels(values) {
  const picture = newPicture(CROP_PX, CROP_PX);
  const area = CROP_PX * CROP_PX;
  for (let i = 0, p = 0; i < area; i++, p += 4) {
    for (let channel = 0; channel < 3; channel++) picture.data[p + channel] = values[channel * area + i] * 255; // rounds
    picture.data[p + 3] = 255;
  }
  return picture;
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

  /** @param {Picture} crop @returns {Promise<Swapped>} */
  swap(crop) {
    return this.#thread.ask('swap', { crop });
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
    const moved = (/** @type {any} */ { face, mask }) => (action === 'swap' ? [face.data.buffer, mask.buffer] : []);
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
