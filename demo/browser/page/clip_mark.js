/**
 * Saying in a recorded clip, for people and machines, that its faces were swapped; the words are those of
 * `marking/metadata.py`. A WebM gets tags before its first picture, and the length that browsers leave out; an MP4 gets
 * the XMP packet as its last box.
 */
import { filled, joined } from './mark.js';

/** @typedef {{tags: Record<string, string>, packet: string}} ClipText what `data/mark.json` holds for clips */

const HEAD_BYTES = 1 << 18; // the first picture comes far earlier
const XMP_BOX = 'be7acfcb97a942e89c71999491e3afac'; // the box's name, from the XMP Specification, part 3
// Elements of Matroska (RFC 9559).
const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const SEEK_HEAD = 0x114d9b74;
const VOID = 0xec;
const INFO = 0x1549a966;
const CLUSTER = 0x1f43b675;
const TAGS = 0x1254c367;
const TAG = 0x7373;
const TARGETS = 0x63c0;
const SIMPLE_TAG = 0x67c8;
const TAG_NAME = 0x45a3;
const TAG_STRING = 0x4487;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const UNKNOWN_LENGTH = new Uint8Array([0x01, 255, 255, 255, 255, 255, 255, 255]); // of what grows until it ends

/**
 * @param {Blob} clip as the browser recorded it
 * @param {ClipText} text `{model}` in a value stands for the model's name
 * @param {string} model name of the swapper
 * @param {number} seconds how long it is
 * @returns {Promise<Blob>} its pictures and sound are not touched, nor are they read into memory
 */
export async function markClip(clip, text, model, seconds) {
  const head = new Uint8Array(await clip.slice(0, HEAD_BYTES).arrayBuffer());
  const packet = filled(text.packet, model);
  if (new DataView(head.buffer).getUint32(0) !== EBML) return new Blob([clip, xmpBox(packet)], { type: clip.type });
  const tags = Object.entries(text.tags).map(([name, value]) => simpleTag(name.toUpperCase(), filled(value, model)));
  const { parts, end } = markedHead(head, [...tags, simpleTag('XMP', packet)], seconds);
  return new Blob([...parts, clip.slice(end)], { type: clip.type });
}

/** What comes before the first picture, with tags. @param {Uint8Array<ArrayBuffer>} head @param {Uint8Array[]} tags @param {number} seconds */
function markedHead(head, tags, seconds) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let at = 0;
  while (at < head.length) {
    const found = elementAt(head, at);
    if (found.id === CLUSTER) {
      parts.push(element(TAGS, element(TAG, element(TARGETS), ...tags)));
      return { parts, end: at };
    }
    if (found.id === SEGMENT) {
      // It grows by the tags; and what a SeekHead says of places would no longer be true.
      parts.push(idBytes(SEGMENT), UNKNOWN_LENGTH);
      at = found.body;
      continue;
    }
    const whole = head.slice(at, found.end);
    if (found.id === INFO) parts.push(withDuration(head.subarray(found.body, found.end), seconds));
    else if (found.id !== SEEK_HEAD && found.id !== VOID) parts.push(whole);
    at = found.end;
  }
  throw new Error('The recorded clip has no picture; record for longer.');
}

/** `Info` that tells the length. @param {Uint8Array} info its body @param {number} seconds */
function withDuration(info, seconds) {
  let nanoseconds = 1e6; // one unit of time, unless it says otherwise
  const kept = [];
  for (let at = 0; at < info.length;) {
    const { id, body, end } = elementAt(info, at);
    if (id === TIMESTAMP_SCALE) nanoseconds = info.slice(body, end).reduce((value, byte) => value * 256 + byte, 0);
    if (id !== DURATION) kept.push(info.slice(at, end));
    at = end;
  }
  const value = new Uint8Array(8);
  new DataView(value.buffer).setFloat64(0, (seconds * 1e9) / nanoseconds);
  return element(INFO, ...kept, element(DURATION, value));
}

/** @param {string} name @param {string} value */
function simpleTag(name, value) {
  const text = new TextEncoder();
  return element(SIMPLE_TAG, element(TAG_NAME, text.encode(name)), element(TAG_STRING, text.encode(value)));
}

/** @param {number} id @param {Uint8Array[]} parts of its body */
function element(id, ...parts) {
  const length = new Uint8Array(8);
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  new DataView(length.buffer).setUint32(4, bytes);
  length[0] = 0x01; // seven bytes of length follow
  return joined([idBytes(id), length, ...parts]);
}

/** Where an element's body begins and ends; one of unknown length ends nowhere. @param {Uint8Array} bytes @param {number} at */
function elementAt(bytes, at) {
  const idLength = Math.clz32(bytes[at]) - 23;
  const id = bytes.slice(at, at + idLength).reduce((value, byte) => value * 256 + byte, 0);
  const first = bytes[at + idLength];
  const width = Math.clz32(first) - 23;
  const body = at + idLength + width;
  if (!(idLength <= 4 && width <= 8 && body <= bytes.length)) throw new Error('The recorded clip is damaged.');
  const rest = bytes.slice(at + idLength + 1, body);
  const length = rest.reduce((value, byte) => value * 256 + byte, first & ((1 << (8 - width)) - 1));
  return { id, body, end: body + length };
}

/** @param {number} id */
function idBytes(id) {
  const bytes = [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255];
  return new Uint8Array(bytes.slice(bytes.findIndex((byte) => byte !== 0)));
}

/** @param {string} packet */
function xmpBox(packet) {
  const name = Uint8Array.from(XMP_BOX.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const text = new TextEncoder();
  const body = joined([text.encode('uuid'), name, text.encode(packet)]);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, 4 + body.length);
  return joined([length, body]);
}
