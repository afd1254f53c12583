/** Files of the page, which its build packed: a plain static host packs nothing. */
import { PageError } from './errors.js';

export const FOLDER = './runtime';
export const MODELS = './models';

/**
 * A file of the page that its build compressed as gzip.
 *
 * @param {string} url its own name, without the suffix of compressed files
 */
export async function fetchBytes(url) {
  const packed = await fetchPacked(`${url}.gz`);
  const [first, second] = packed;
  if (first !== 0x1f || second !== 0x8b) return packed; // the host said that it is compressed: it was unpacked
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/** A file of the page as it lies on the host. @param {string} url @returns {Promise<Uint8Array<ArrayBuffer>>} */
export async function fetchPacked(url) {
  const response = await fetch(new URL(url, import.meta.url)).catch(() => Response.error());
  if (!response.ok || !response.body) throw new PageError('not_fetched', { file: nameOf(url) });
  return new Uint8Array(await response.arrayBuffer());
}

/** A file's own name, as the page tells it. @param {string} url */
export function nameOf(url) {
  return url.replace(/.*\//, '').replace(/\.[gx]z$/, '');
}
