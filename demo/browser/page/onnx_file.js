/** What a network file says about itself, and what lies in it, without loading it. */

import { crc32 } from './checksum.js';
import { FILES } from './constants.js';

// Fields of ONNX's messages.
const METADATA_FIELD = 14; // `metadata_props` of ModelProto: string to string
const GRAPH_FIELD = 7;
const [NODE_FIELD, CONSTANT_FIELD] = [1, 5]; // of GraphProto
const [NAME_FIELD, BYTES_FIELD, PLACE_FIELD] = [8, 9, 13]; // of TensorProto; the place lies in another file
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

/**
 * Read a graph: a checksum of its operators, and its constants.
 *
 * @param {Uint8Array} bytes an ONNX file
 * @param {Uint8Array | null} outside the file that constants lie in that are not in this one
 * @returns {{nodes: number, constants: Map<string, Float32Array>}} constants of bytes that are a multiple of four, as floats,
 *   whatever they are
 * @throws {RangeError} when it is no such file, or a constant lies beyond the other file's end
 */
export function readGraph(bytes, outside) {
  const graph = [...fieldsOf(bytes)].find(({ field }) => field === GRAPH_FIELD);
  if (!graph) throw new RangeError('no graph');
  const text = new TextDecoder();
  const constants = new Map();
  /** @type {number[]} */
  const checksums = [];
  for (const { field, body } of fieldsOf(graph.body)) {
    if (field === NODE_FIELD) checksums.push(crc32(body));
    if (field !== CONSTANT_FIELD) continue;
    const parts = [...fieldsOf(body)];
    const [name, own] = [NAME_FIELD, BYTES_FIELD].map((wanted) => parts.find((part) => part.field === wanted)?.body);
    const place = parts.filter((part) => part.field === PLACE_FIELD).map((part) => [...fieldsOf(part.body)]);
    const told = Object.fromEntries(place.map(([key, value]) => [text.decode(key.body), text.decode(value.body)]));
    const data = own ?? outside?.subarray(Number(told.offset), Number(told.offset) + Number(told.length));
    if (!name || !data || (!own && data.length !== Number(told.length))) throw new RangeError('a constant is missing');
    if (data.length % 4 === 0) constants.set(text.decode(name), new Float32Array(data.slice().buffer));
  }
  return { nodes: crc32(new Uint8Array(Uint32Array.from(checksums).buffer)), constants };
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
