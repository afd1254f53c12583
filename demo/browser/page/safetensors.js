/** @typedef {Map<string, Float32Array>} Tensors by name, row by row */

/** @type {Record<string, {size: number, read: (view: DataView, at: number) => number}>} */
const KINDS = {
  F32: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { size: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) },
  I8: { size: 1, read: (view, at) => view.getInt8(at) },
};

/**
 * Tensors of a file of safetensors: eight bytes of a length, so many bytes of JSON, then the values.
 *
 * @param {Uint8Array} bytes
 * @returns {Tensors}
 * @throws {RangeError} when its values are of another kind
 */
export function readTensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = 8 + view.getUint32(0, true);
  /** @type {Record<string, {dtype: string, data_offsets: [number, number]}>} */
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)));
  const tensors = new Map();
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    const [from, to] = offsets.map((offset) => begin + offset);
    const kind = KINDS[dtype];
    if (!kind) throw new RangeError(`${name} is ${dtype}; wanted one of ${Object.keys(KINDS)}`);
    const { size, read } = kind;
    tensors.set(
      name,
      Float32Array.from({ length: (to - from) / size }, (_, i) => read(view, from + size * i)),
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
