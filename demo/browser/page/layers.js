/**
 * Layers that run in WebAssembly on one thread: `layers.c`, `blocks.c` and `mark.c` say what they compute and how their values lie.
 * An address is a number of bytes in their memory.
 *
 * @typedef {object} Calls
 * @property {(...given: number[]) => void} first
 * @property {(...given: number[]) => void} levels
 * @property {(...given: number[]) => void} down
 * @property {(...given: number[]) => void} up
 * @property {(...given: number[]) => void} pointwise
 * @property {(...given: number[]) => void} draw
 * @property {(...given: number[]) => void} mask
 * @property {(...given: number[]) => void} separable
 * @property {(...given: number[]) => void} join
 * @property {(...given: number[]) => void} see
 * @property {(...given: number[]) => void} stem
 * @property {(...given: number[]) => void} whole
 * @property {(...given: number[]) => void} residual
 * @property {(...given: number[]) => void} unwanted
 */
import { FOLDER, fetchBytes } from './fetching.js';

const PAGE_BYTES = 65536; // what WebAssembly's memory grows by
const ALIGNED = 16; // bytes of four numbers
const GROUP = 8; // output channels that are packed together

/** @template [Exports=Calls] */
export class Layers {
  /** @type {WebAssembly.Memory} */
  #memory;
  #end;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    const { memory, __heap_base: heap, ...calls } = new WebAssembly.Instance(module).exports;
    this.calls = /** @type {Exports} */ (/** @type {unknown} */ (calls));
    this.#memory = /** @type {WebAssembly.Memory} */ (memory);
    this.#end = aligned(/** @type {WebAssembly.Global} */ (heap).value);
  }

  /** The build that this browser can compile; with fused multiply-adds where it has them. */
  static async compile() {
    try {
      return await WebAssembly.compile(await fetchBytes(`${FOLDER}/layers.relaxed.wasm`));
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError)) throw error;
      return WebAssembly.compile(await fetchBytes(`${FOLDER}/layers.wasm`));
    }
  }

  /** Room for so many floats. @param {number} count @returns {number} its address */
  room(count) {
    const address = this.#end;
    this.#end = aligned(address + 4 * count);
    const missing = this.#end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    return address;
  }

  /** @param {Float32Array | Int32Array} values @returns {number} their address */
  keep(values) {
    return this.keepBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** @param {Uint8Array | Uint8ClampedArray} values @returns {number} their address */
  keepBytes(values) {
    const address = this.room(values.length / 4);
    new Uint8Array(this.#memory.buffer, address, values.length).set(values);
    return address;
  }

  /**
   * Work with room that is given back at its end.
   *
   * @template Result
   * @param {() => Result} work
   */
  borrow(work) {
    const end = this.#end;
    try {
      return work();
    } finally {
      this.#end = end;
    }
  }

  /** The memory itself, until more room is asked for. @param {number} address @param {number} count */
  floats(address, count) {
    return new Float32Array(this.#memory.buffer, address, count);
  }

  /** The memory itself, until more room is asked for. @param {number} address @param {number} count */
  bytes(address, count) {
    return new Uint8ClampedArray(this.#memory.buffer, address, count);
  }
}

/** @param {number} address */
function aligned(address) {
  return Math.ceil(address / ALIGNED) * ALIGNED;
}

/** Channels as the layers store them, at least a group. @param {number} channels */
export function wholeGroups(channels) {
  return Math.ceil(channels / GROUP) * GROUP;
}

/** Kernels (outs, ins) for `pointwise`; channels beyond the last are zero. @param {Float32Array} kernels @param {number} outs */
export function packed(kernels, outs) {
  const ins = kernels.length / outs;
  const result = new Float32Array(wholeGroups(outs) * ins);
  for (let out = 0; out < outs; out++) {
    const start = (out - (out % GROUP)) * ins + (out % GROUP);
    for (let k = 0; k < ins; k++) result[start + k * GROUP] = kernels[out * ins + k];
  }
  return result;
}

/** Depthwise kernels (channels, k, k) as (k, k, channels). @param {Float32Array} kernels @param {number} channels */
export function channelsLast(kernels, channels) {
  const area = kernels.length / channels;
  return Float32Array.from(kernels, (_, i) => kernels[(i % channels) * area + Math.floor(i / channels)]);
}

/** Values, and zeros up to a length. @param {Float32Array} values @param {number} length */
export function filledUp(values, length) {
  const result = new Float32Array(length);
  result.set(values);
  return result;
}
