/** @typedef {Map<string, Float32Array>} Tensors by name, row by row */

/**
 * Tensors of a file of safetensors: eight bytes of a length, so many bytes of JSON, then the values.
 *
 * @param {Uint8Array} bytes with values in 16 bits, as the build writes them
 * @returns {Tensors}
 * @throws {RangeError} when it is no such file
 */
export function readTensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = 8 + view.getUint32(0, true);
  /** @type {Record<string, {dtype: string, data_offsets: [number, number]}>} */
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)));
  const tensors = new Map();
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    if (dtype !== 'F16') throw new RangeError(`${name} is ${dtype}; wanted F16`);
    const [from, to] = offsets.map((offset) => begin + offset);
    tensors.set(
      name,
      Float32Array.from({ length: (to - from) / 2 }, (_, i) => fromHalf(view.getUint16(from + 2 * i, true))),
    );
  }
  return tensors;
}

/** A number of 16 bits, as IEEE 754 writes it. @param {number} half */
function fromHalf(half) {
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15); // weights are finite
}
