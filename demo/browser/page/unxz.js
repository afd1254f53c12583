/** Files of the page that are packed as xz: smaller than as gzip, but no browser unpacks them itself; `unxz.c` does. */
import { PageError } from './errors.js';
import { FOLDER, fetchBytes, fetchPacked, nameOf } from './fetching.js';

/** @typedef {{memory: WebAssembly.Memory, __heap_base: WebAssembly.Global, unpacked_size: Sizing, unpack: Unpacking}} Calls */
/** @typedef {(file: number, length: number) => number} Sizing */
/** @typedef {(file: number, length: number, to: number) => number} Unpacking */

const PAGE_BYTES = 65536; // what WebAssembly's memory grows by

/** @param {string} url its own name, without the suffix of packed files @returns {Promise<Uint8Array<ArrayBuffer>>} */
export async function fetchXz(url) {
  const [file, module] = await Promise.all([
    fetchPacked(`${url}.xz`),
    fetchBytes(`${FOLDER}/unxz.wasm`).then((bytes) => WebAssembly.compile(bytes)),
  ]);
  const unpacked = unxz(module, file);
  if (unpacked === null) throw new PageError('not_fetched', { file: nameOf(url) });
  return unpacked;
}

/** @param {WebAssembly.Module} module @param {Uint8Array} file @returns {Uint8Array<ArrayBuffer> | null} null when it is damaged */
export function unxz(module, file) {
  const {
    memory,
    __heap_base: heap,
    ...calls
  } = /** @type {Calls} */ (/** @type {unknown} */ (new WebAssembly.Instance(module).exports));
  const from = heap.value;
  /** @param {number} end */
  const grow = (end) => memory.grow(Math.max(0, Math.ceil((end - memory.buffer.byteLength) / PAGE_BYTES)));
  grow(from + file.length);
  new Uint8Array(memory.buffer).set(file, from);
  const size = calls.unpacked_size(from, file.length);
  const to = from + file.length;
  grow(to + size);
  if (!calls.unpack(from, file.length, to)) return null;
  return new Uint8Array(memory.buffer).slice(to, to + size);
}
