/** Saying in a PNG, for people and machines, that its faces were swapped; the text is that of `marking/metadata.py`. */

import { crc32 } from './checksum.js';
import { MARK } from './constants.js';

const SIGNATURE_BYTES = 8;
const IHDR_BYTES = 25; // length, kind, 13 bytes, checksum

/**
 * Put text chunks into a PNG without touching a pixel.
 *
 * @param {Uint8Array} png as a browser encodes it
 * @param {Record<string, string>} text by keyword; `{model}` in a value stands for the model's name
 * @param {string} model name of the swapper
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function markPng(png, text, model) {
  const encoder = new TextEncoder();
  const chunks = Object.entries(text).map(([keyword, value]) =>
    chunk('iTXt', encoder.encode(`${keyword}\0\0\0\0\0${filled(value, model)}`)),
  );
  const head = SIGNATURE_BYTES + IHDR_BYTES;
  return joined([png.subarray(0, head), ...chunks, png.subarray(head)]);
}

/** Parts one after the other. @param {Uint8Array[]} parts @returns {Uint8Array<ArrayBuffer>} */
export function joined(parts) {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** A text with the model's name in it. @param {string} text @param {string} model */
export function filled(text, model) {
  const name = /^[\w.-]{1,40}$/.test(model) ? model : 'unknown'; // it becomes part of an XML attribute
  return text.replaceAll('{model}', name);
}

/** @param {string} kind four letters @param {Uint8Array} body */
function chunk(kind, body) {
  const result = new Uint8Array(12 + body.length);
  const view = new DataView(result.buffer);
  view.setUint32(0, body.length);
  result.set(new TextEncoder().encode(kind), 4);
  result.set(body, 8);
  view.setUint32(8 + body.length, crc32(result.subarray(4, 8 + body.length)));
  return result;
}

/**
 * Draw the visible label in the lower right corner; looks like `marking/badge.py`.
 *
 * @param {CanvasRenderingContext2D} context
 */
export function drawBadge(context) {
  const { width, height } = context.canvas;
  const size = Math.max(12, Math.round(0.035 * Math.min(width, height)));
  const pad = Math.max(2, Math.floor(size / 3));
  context.save();
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const boxWidth = context.measureText(MARK.LABEL).width + 2 * pad;
  const boxHeight = size + 2 * pad;
  const [x, y] = [Math.max(0, width - boxWidth - pad), Math.max(0, height - boxHeight - pad)];
  context.fillStyle = 'rgb(0 0 0 / 55%)';
  context.beginPath();
  context.roundRect(x, y, boxWidth, boxHeight, pad);
  context.fill();
  context.fillStyle = 'rgb(255 255 255 / 92%)';
  context.fillText(MARK.LABEL, x + pad, y + boxHeight / 2);
  context.restore();
}
