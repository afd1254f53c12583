/** ONNX Runtime Web: which build of it, on what, and one function per network. */

import { FOLDER, MODELS, fetchBytes } from './fetching.js';
import { fetchXz } from './unxz.js';

const MOST_THREADS = 4; // more bring nothing to networks of this size

/**
 * @typedef {'auto' | 'webgpu' | 'wasm'} Wish
 * @typedef {typeof import('onnxruntime-web')} Ort
 * @typedef {import('onnxruntime-web').InferenceSession} Session
 * @typedef {import('onnxruntime-web').InferenceSession.SessionOptions} SessionOptions
 * @typedef {{place: 'webgpu' | 'wasm', threads: number}} Where
 * @typedef {{loader: 'webgpu' | 'wasm', binary: Uint8Array, isChosen: boolean}} Parts what every thread makes a runtime of:
 *   which build, and whether the visitor asked for the GPU
 */

/**
 * The runtime and the place where the student runs.
 *
 * The small networks of the detector always run on the processor: fetching their answers from a GPU would take longer.
 */
export class Runtime {
  /** The last run's end: one at a time, also of several sessions. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {Ort} ort @param {'webgpu' | 'wasm'} place @param {boolean} isChosen the visitor asked for this place */
  constructor(ort, place, isChosen) {
    this.ort = ort;
    this.place = place;
    this.isChosen = isChosen;
    this.threads = ort.env.wasm.numThreads;
  }

  /** @param {Wish} wish `auto` takes the GPU where the browser offers one that is faster */
  static async load(wish) {
    return Runtime.of(await fetchParts(wish), threadsFor().student);
  }

  /** @param {Parts} parts @param {number} threads of WebAssembly */
  static async of({ loader, binary, isChosen }, threads) {
    const ort = /** @type {Ort} */ (await import(`${FOLDER}/ort.${loader}.min.mjs`));
    ort.env.wasm.wasmBinary = binary;
    ort.env.logLevel = 'error';
    ort.env.wasm.numThreads = threads;
    return new Runtime(ort, loader, isChosen);
  }

  /** @returns {Where} */
  get where() {
    return { place: this.place, threads: this.threads ?? 1 };
  }

  /** A session on the processor. @param {string} file below `models/` */
  async open(file) {
    return this.ort.InferenceSession.create(await fetchBytes(`${MODELS}/${file}`), { executionProviders: ['wasm'] });
  }

  /**
   * A session of the student.
   *
   * @param {'webgpu' | 'wasm'} place
   * @param {Uint8Array} bytes
   * @param {SessionOptions} options
   */
  async openIn(place, bytes, options) {
    return this.ort.InferenceSession.create(bytes, { executionProviders: [place], ...options });
  }

  /**
   * Run a network.
   *
   * @param {Session} session
   * @param {Record<string, [Float32Array, number[]]>} inputs values and shape by name
   * @param {readonly string[]} [outputs] names; all if not given
   * @returns {Promise<Record<string, Float32Array>>}
   */
  async run(session, inputs, outputs = session.outputNames) {
    const feed = Object.fromEntries(
      Object.entries(inputs).map(([name, [data, shape]]) => [name, new this.ort.Tensor('float32', data, shape)]),
    );
    const running = this.#last.then(() => session.run(feed, [...outputs]));
    this.#last = running.catch(() => {}); // one that failed does not stop those after it
    const results = await running;
    return Object.fromEntries(outputs.map((name) => [name, /** @type {Float32Array} */ (results[name].data)]));
  }
}

/** The build of the runtime that the browser can use. @param {Wish} wish @returns {Promise<Parts>} */
export async function fetchParts(wish) {
  const hasGpu = wish !== 'wasm' && (await hasAdapter(wish === 'webgpu'));
  // The build with WebGPU is twice as large, so only browsers that use it fetch it.
  const binary = await fetchXz(`${FOLDER}/ort-wasm-simd-threaded.${hasGpu ? 'asyncify.wasm' : 'wasm'}`);
  return { loader: hasGpu ? 'webgpu' : 'wasm', binary, isChosen: wish === 'webgpu' };
}

/**
 * Threads of WebAssembly for the student, and for all other networks beside it. They need a page that is isolated from others
 * (two HTTP headers). Half of the processors, as ONNX Runtime would choose itself: the others decode the camera and draw.
 */
export function threadsFor() {
  if (!globalThis.crossOriginIsolated) return { student: 1, others: 1 };
  const student = Math.min(MOST_THREADS, Math.ceil((navigator.hardwareConcurrency || 1) / 2));
  return { student, others: Math.ceil(student / 2) };
}

/** Whether there is a GPU; one that software imitates counts only when it was asked for. @param {boolean} isChosen */
async function hasAdapter(isChosen) {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    const isSoftware = adapter?.info?.isFallbackAdapter || adapter?.info?.architecture === 'swiftshader';
    return Boolean(adapter) && (isChosen || !isSoftware);
  } catch {
    return false;
  }
}
