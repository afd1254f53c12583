import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { MARK } from '../page/constants.js';
import { Layers } from '../page/layers.js';
import { MarkPattern } from '../page/mark_pattern.js';
import { readTensors } from '../page/safetensors.js';

const module = await WebAssembly.compile(readFileSync(new URL('../webassembly/layers.wasm', import.meta.url)));
const { GRID_PX, WAVES } = MARK;
const AREA = GRID_PX * GRID_PX;

/** A mark of one carrier, whose band lets every wave through but the constant one. @param {(place: number) => number} unit */
function mark(unit) {
  const twice = (/** @type {number} */ wave) => (wave % WAVES === 0 ? 1 : 2);
  const filters = Float32Array.from({ length: 4 * WAVES * WAVES }, (_, i) => {
    const [a, b] = [Math.floor(i / (2 * WAVES)), i % (2 * WAVES)];
    return a === 0 && b === 0 ? 0 : (twice(a) * twice(b)) / AREA;
  });
  return new MarkPattern(
    new Layers(module),
    new Map([
      ['worth', Float32Array.of(1)],
      ['word', Float32Array.of(1)],
      ['unit', Float32Array.from({ length: AREA }, (_, i) => unit(i))],
      ['peak', new Float32Array(AREA).fill(1)],
      ['support', Float32Array.from({ length: AREA }, (_, i) => i)],
      ['filters', filters],
      ['loudness', Float32Array.of(2, 3)],
      ['carriers', new Float32Array(AREA)],
    ]),
  );
}

test('on smooth skin the pattern has its plain strength, up to its peak, at the size of the crop', () => {
  const [flat, shown] = [new Float32Array(AREA).fill(120), new Float32Array(AREA).fill(1)];
  const pattern = mark((i) => (i < AREA / 2 ? 0.5 : 4)).draw(flat, shown);
  assert.equal(pattern.length, 4 * AREA);
  assert.ok(Math.abs(pattern[0] - 1) < 1e-3);
  assert.ok(Math.abs(pattern[4 * AREA - 1] - 2) < 1e-3);
});

test('rough skin bears more, up to a limit', () => {
  const shown = new Float32Array(AREA);
  /** @param {number} amplitude */
  const strength = (amplitude) => {
    const wave = Float32Array.from({ length: AREA }, (_, i) => amplitude * Math.cos((2 * Math.PI * 20 * i) / GRID_PX));
    return mark(() => 0.5).draw(wave, shown)[2 * GRID_PX * GRID_PX + GRID_PX];
  };
  const deviation = 20 / Math.SQRT2;
  assert.ok(Math.abs(strength(20) - 1 - (deviation - MARK.SMOOTH) * MARK.MASKING) < 0.15);
  assert.ok(Math.abs(strength(200) - 3) < 0.01);
});

test('numbers of 8, 16 and 32 bits are read, and others are refused', () => {
  const file = (/** @type {string} */ dtype) => {
    const header = JSON.stringify({ a: { dtype, shape: [4], data_offsets: [0, 8] } });
    const bytes = new Uint8Array(8 + header.length + 8);
    new DataView(bytes.buffer).setUint32(0, header.length, true);
    bytes.set(new TextEncoder().encode(header), 8);
    bytes.set([0x00, 0x3c, 0x00, 0xc1, 0x01, 0x00, 0xff, 0x7b], 8 + header.length);
    return readTensors(bytes).get('a');
  };
  assert.deepEqual([...(file('F16') ?? [])], [1, -2.5, 2 ** -24, 65504]);
  assert.deepEqual([...(file('I8') ?? [])].slice(0, 4), [0, 60, 0, -63]);
  assert.equal(file('F32')?.length, 2);
  assert.throws(() => file('BF16'), RangeError);
});
