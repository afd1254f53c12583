import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Layers, channelsLast, filledUp, packed, wholeGroups } from '../page/layers.js';

const module = await WebAssembly.compile(readFileSync(new URL('../webassembly/layers.wasm', import.meta.url)));
const SLOPE = 0.1;

/** Numbers in [-1, 1] that look random. @param {number} count @param {number} seed */
function noise(count, seed) {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) * seed) % 1);
}

/** @param {number} x */
const leaky = (x) => Math.max(x, SLOPE * x);

/** @param {Float32Array} got @param {(i: number) => number} wanted */
function assertClose(got, wanted) {
  got.forEach((value, i) => assert.ok(Math.abs(value - wanted(i)) < 1e-4, `${i}: got ${value}, wanted ${wanted(i)}`));
}

test('a pointwise layer sums each pixel over its channels, whatever is left of four pixels and eight channels', () => {
  for (const [pixels, ins, outs] of [
    [7, 4, 8],
    [6, 12, 10],
    [1, 8, 3],
  ]) {
    const layers = new Layers(module);
    const [x, w, bias] = [noise(pixels * ins, 1), noise(outs * ins, 2), noise(outs, 3)];
    const step = wholeGroups(outs);
    const y = layers.room(pixels * step);
    const given = [layers.keep(x), pixels, ins, layers.keep(packed(w, outs)), layers.keep(filledUp(bias, step))];
    layers.calls.pointwise(...given, y, step, step, SLOPE);
    assertClose(layers.floats(y, pixels * step), (i) => {
      const [pixel, out] = [Math.floor(i / step), i % step];
      if (out >= outs) return 0;
      let sum = bias[out];
      for (let k = 0; k < ins; k++) sum += x[pixel * ins + k] * w[out * ins + k];
      return leaky(sum);
    });
  }
});

/** What one channel is at a place, 0 outside. @param {Float32Array} x @param {number} side @param {number} channels @param {number} row @param {number} column @param {number} channel */
function at(x, side, channels, row, column, channel) {
  const isInside = row >= 0 && row < side && column >= 0 && column < side;
  return isInside ? x[(row * side + column) * channels + channel] : 0;
}

/** Bilinear with aligned corners. @param {Float32Array} x @param {number} side @param {number} channels @returns {Float32Array} */
function doubled(x, side, channels) {
  const large = 2 * side;
  return Float32Array.from({ length: large * large * channels }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    const [row, column] = [Math.floor(pixel / large), pixel % large].map((v) => (v * (side - 1)) / (large - 1));
    const [top, left] = [Math.floor(row), Math.floor(column)];
    const across = (/** @type {number} */ line) => {
      const [a, b] = [left, left + 1].map((c) => at(x, side, channels, line, c, channel));
      return a + (b - a) * (column - left);
    };
    return across(top) + (across(top + 1) - across(top)) * (row - top);
  });
}

test('enlarging by two, its depthwise and its pointwise layer are those of their definitions', () => {
  const [side, outs] = [3, 8];
  for (const channels of [8, 16, 32]) {
    const layers = new Layers(module);
    const [x, depthwise, w] = [noise(side * side * channels, 1), noise(9 * channels, 2), noise(outs * channels, 3)];
    const large = 2 * side;
    const up = doubled(x, side, channels);
    const y = layers.room(large * large * outs);
    const scratch = layers.room((8 * side + 6) * channels + 16 * side);
    const guard = layers.keep(Float32Array.of(7, 7, 7, 7));
    const kernels = [layers.keep(channelsLast(depthwise, channels)), layers.keep(packed(w, outs)), 0];
    layers.calls.up(layers.keep(x), side, channels, ...kernels, y, outs, outs, SLOPE, scratch);
    assertClose(layers.floats(y, large * large * outs), (i) => {
      const [pixel, out] = [Math.floor(i / outs), i % outs];
      let sum = 0;
      for (let c = 0; c < channels; c++)
        for (let k = 0; k < 9; k++) {
          const [row, column] = [Math.floor(pixel / large) + Math.floor(k / 3) - 1, (pixel % large) + (k % 3) - 1];
          sum += w[out * channels + c] * depthwise[c * 9 + k] * at(up, large, channels, row, column, c);
        }
      return leaky(sum);
    });
    assert.deepEqual([...layers.floats(guard, 4)], [7, 7, 7, 7], 'more scratch was used than its comment says');
  }
});

test('halving by a depthwise layer of stride 2 reads pixels that lie apart', () => {
  const [side, channels, step, outs] = [6, 4, 12, 8];
  const layers = new Layers(module);
  const [x, depthwise, w] = [noise(side * side * step, 1), noise(16 * channels, 2), noise(outs * channels, 3)];
  const small = side / 2;
  const y = layers.room(small * small * outs);
  const scratch = layers.room((4.5 * side + 8) * channels);
  const kernels = [layers.keep(channelsLast(depthwise, channels)), layers.keep(packed(w, outs))];
  layers.calls.down(layers.keep(x), step, side, channels, ...kernels, y, outs, outs, SLOPE, scratch);
  assertClose(layers.floats(y, small * small * outs), (i) => {
    const [pixel, out] = [Math.floor(i / outs), i % outs];
    let sum = 0;
    for (let c = 0; c < channels; c++)
      for (let k = 0; k < 16; k++) {
        const row = 2 * Math.floor(pixel / small) - 1 + Math.floor(k / 4);
        const column = 2 * (pixel % small) - 1 + (k % 4);
        sum += w[out * channels + c] * depthwise[c * 16 + k] * at(x, side, step, row, column, c);
      }
    return leaky(sum);
  });
});
