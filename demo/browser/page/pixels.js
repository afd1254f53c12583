/**
 * Loops over pixels in WebAssembly: `pixels.c` says what they compute.
 *
 * @typedef {object} PixelCalls
 * @property {(...given: number[]) => void} cubic
 * @property {(...given: number[]) => void} linear
 * @property {(...given: number[]) => void} plane
 * @property {(...given: number[]) => void} paste
 * @property {(...given: number[]) => void} resize
 * @property {(...given: number[]) => void} grey
 * @property {(...given: number[]) => void} add
 * @property {(...given: number[]) => void} tint
 * @property {(...given: number[]) => void} fade
 * @property {(...given: number[]) => void} gaussian
 * @property {(...given: number[]) => void} box
 * @property {(...given: number[]) => void} tabled
 * @property {(...given: number[]) => void} weaken
 * @property {(...given: number[]) => void} brighten
 *
 * @typedef {Layers<PixelCalls>} Loops
 */
import { PIXELS } from './constants.js';
import { Layers } from './layers.js';

/** Compiled where they are first used, once in each thread; nothing stays in their memory from one call to the next. */
const compiled = { loops: /** @type {Loops | null} */ (null) };

/**
 * Call loops; room that is asked for is given back at the end.
 *
 * @template Result
 * @param {(loops: Loops) => Result} work
 */
export function withLoops(work) {
  compiled.loops ??= new Layers(new WebAssembly.Module(bytesOf(PIXELS.CODE)));
  const { loops } = compiled;
  return loops.borrow(() => work(loops));
}

/** @param {string} text in base 64 */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
