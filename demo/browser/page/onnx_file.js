/** What a network file says about itself, without loading it. */

import { FILES } from './constants.js';

const METADATA_FIELD = 14; // `metadata_props` of ONNX's ModelProto: string to string
export const FORMAT = FILES.FORMAT; // of the core's export; other files are refused

/**
 * Read `metadata_props`.
 *
 * @param {Uint8Array} bytes an ONNX file
 * @returns {Record<string, string>} empty when it is no such file
 */
export function readMetadata(bytes) {
  /** @type {Record<string, string>} */
  const found = {};
  try {
    for (const { field, body } of fieldsOf(bytes)) {
      if (field !== METADATA_FIELD) continue;
      const entry = Object.fromEntries([...fieldsOf(body)].map((part) => [part.field, part.body]));
      const text = new TextDecoder();
      found[text.decode(entry[1])] = text.decode(entry[2]);
    }
  } catch {
    return {}; // a damaged file says nothing
  }
  return found;
}

/** The length-delimited fields of a protocol buffer message. @param {Uint8Array} bytes */
function* fieldsOf(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      if (at >= bytes.length || shift > 2 ** 49) throw new RangeError('cut or damaged');
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new RangeError('cut or damaged');
      yield { field, body: bytes.subarray(at, at + length) };
      at += length;
    } else throw new RangeError('no protocol buffer');
  }
}
