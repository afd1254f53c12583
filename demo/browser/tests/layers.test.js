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

/** Sums of a 3x3 layer with one kernel a channel. @param {Float32Array} x @param {number} side @param {number} channels @param {Float32Array} kernels (channels, 9) @param {number} row @param {number} column @param {number} channel */
function depthwiseAt(x, side, channels, kernels, row, column, channel) {
  let sum = 0;
  for (let k = 0; k < 9; k++)
    sum += kernels[9 * channel + k] * at(x, side, channels, row + Math.floor(k / 3) - 1, column + (k % 3) - 1, channel);
  return sum;
}

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
    const scratch = layers.room((12 * side + 8) * channels);
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
  for (const side of [6, 14, 18]) assertHalves(side); // of the halves, whole sevens, what is left of them, and several rows at once
});

/** @param {number} side */
function assertHalves(side) {
  const [channels, step, outs] = [4, 12, 8];
  const layers = new Layers(module);
  const [x, depthwise, w] = [noise(side * side * step, 1), noise(16 * channels, 2), noise(outs * channels, 3)];
  const small = side / 2;
  const y = layers.room(small * small * outs);
  const scratch = layers.room((4.5 * side + 36) * channels);
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
}

test('a separable block of either stride is its two layers, and adds what it is told to', () => {
  const [side, ins, outs] = [6, 4, 8];
  for (const stride of [1, 2]) {
    const layers = new Layers(module);
    const small = side / stride;
    const [x, depthwise, b1] = [noise(side * side * ins, 1), noise(9 * ins, 2), noise(ins, 3)];
    const [w, b2, added] = [noise(outs * ins, 4), noise(outs, 5), noise(small * small * outs, 6)];
    const y = layers.room(small * small * outs);
    const scratch = layers.room((4 * side + 6) * ins);
    const guard = layers.keep(Float32Array.of(7, 7, 7, 7));
    const first = [layers.keep(channelsLast(depthwise, ins)), layers.keep(b1), SLOPE];
    const second = [layers.keep(packed(w, outs)), layers.keep(b2), 1];
    layers.calls.separable(
      ...[layers.keep(x), side, ins, stride, ...first, ...second, layers.keep(added), y, outs, scratch],
    );
    assertClose(layers.floats(y, small * small * outs), (i) => {
      const [pixel, out] = [Math.floor(i / outs), i % outs];
      const [row, column] = [stride * Math.floor(pixel / small), stride * (pixel % small)];
      let sum = b2[out] + added[i];
      for (let c = 0; c < ins; c++)
        sum += w[out * ins + c] * leaky(b1[c] + depthwiseAt(x, side, ins, depthwise, row, column, c));
      return sum;
    });
    assert.deepEqual([...layers.floats(guard, 4)], [7, 7, 7, 7], 'more scratch was used than its comment says');
  }
});

/** Bilinear with pixel centres at halves, at one place of the picture twice as large; 0 outside of it. @param {Float32Array} x @param {number} side @param {number} channels @param {number} row @param {number} column @param {number} channel */
function halfPixel(x, side, channels, row, column, channel) {
  if (row < 0 || column < 0 || row >= 2 * side || column >= 2 * side) return 0;
  const [down, right] = [row, column].map((place) => Math.min(Math.max((place + 0.5) / 2 - 0.5, 0), side - 1));
  const [top, left] = [Math.floor(down), Math.floor(right)];
  const across = (/** @type {number} */ line) => {
    const [a, b] = [left, Math.min(left + 1, side - 1)].map((c) => at(x, side, channels, line, c, channel));
    return a + (b - a) * (right - left);
  };
  return across(top) + (across(Math.min(top + 1, side - 1)) - across(top)) * (down - top);
}

test('what is joined is enlarged and added', () => {
  const [side, channels] = [3, 4];
  const layers = new Layers(module);
  const [x, skip] = [noise(side * side * channels, 1), noise(4 * side * side * channels, 2)];
  const y = layers.keep(skip);
  layers.calls.join(layers.keep(x), side, channels, y, SLOPE, layers.room(side * channels));
  assertClose(layers.floats(y, skip.length), (i) => {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    const [row, column] = [Math.floor(pixel / (2 * side)), pixel % (2 * side)];
    return leaky(skip[i] + halfPixel(x, side, channels, row, column, channel));
  });
});

test('the last layers of what sees a face are two 3x3 layers at full size, up to the border', () => {
  const [side, channels, outs] = [8, 4, 12];
  const layers = new Layers(module);
  const x = noise((side / 2) ** 2 * channels, 1);
  const crop = Uint8Array.from({ length: 4 * side * side }, (_, i) => (37 * i) % 256);
  const [kernels, bias, last] = [noise(outs * (channels + 3) * 9, 2), noise(outs, 3), noise(9 * outs, 4)];
  /** @param {number} out @param {number} own @param {number} k */
  const kernel = (out, own, k) => kernels[(out * (channels + 3) + own) * 9 + k];
  const taps = Float32Array.from({ length: 9 * outs * channels }, (_, i) => {
    const [place, own] = [Math.floor(i / channels), i % channels];
    const tap = Math.floor(place / outs);
    return kernel(place % outs, own, 3 * (tap % 3) + Math.floor(tap / 3));
  });
  const ofCrop = Float32Array.from({ length: 27 * outs }, (_, i) =>
    kernel(i % outs, channels + (Math.floor(i / outs) % 3), Math.floor(i / outs / 3)),
  );
  const given = [layers.keep(packed(taps, 9 * outs)), layers.keep(ofCrop), layers.keep(bias), layers.keep(last)];
  const [y, threshold] = [layers.room(side * side), layers.keep(Float32Array.of(0.3, 0, 0, 0))];
  const scratch = layers.room((1.5 * 112 + 4.5 * outs + 12) * side + 6 * outs + 24);
  const guard = layers.keep(Float32Array.of(7, 7, 7, 7));
  layers.calls.see(layers.keep(x), layers.keepBytes(crop), side, channels, ...given, threshold, y, SLOPE, scratch);
  const normalised = Float32Array.from(crop, (level) => (2 * level) / 255 - 1);
  /** @param {number} row @param {number} column @param {number} out */
  const wide = (row, column, out) => {
    if (row < 0 || column < 0 || row >= side || column >= side) return 0;
    let sum = bias[out];
    for (let k = 0; k < 9; k++) {
      const [r, c] = [row + Math.floor(k / 3) - 1, column + (k % 3) - 1];
      for (let own = 0; own < channels; own++) sum += kernel(out, own, k) * halfPixel(x, side / 2, channels, r, c, own);
      for (let own = 0; own < 3; own++) sum += kernel(out, channels + own, k) * at(normalised, side, 4, r, c, own);
    }
    return leaky(sum);
  };
  assertClose(layers.floats(y, side * side), (i) => {
    let sum = 0.3;
    for (let k = 0; k < 9; k++) {
      const [r, c] = [Math.floor(i / side) + Math.floor(k / 3) - 1, (i % side) + (k % 3) - 1];
      for (let out = 0; out < outs; out++) sum += last[k * outs + out] * wide(r, c, out);
    }
    return 1 / (1 + Math.exp(-sum));
  });
  assert.deepEqual([...layers.floats(guard, 4)], [7, 7, 7, 7], 'more scratch was used than its comment says');
});

test('the landmark network begins with a layer of one channel and ends with one sum a channel', () => {
  const [side, outs] = [6, 4];
  const layers = new Layers(module);
  const [x, kernels, bias] = [noise(side * side, 1), noise(9 * outs, 2), noise(outs, 3)];
  const small = side / 2;
  const [y, sums] = [layers.room(small * small * outs), layers.room(outs)];
  const kept = layers.keep(bias);
  layers.calls.stem(layers.keep(x), side, layers.keep(channelsLast(kernels, outs)), kept, y, outs, 0);
  /** @param {number} pixel @param {number} out */
  const wanted = (pixel, out) => {
    let sum = bias[out];
    for (let k = 0; k < 9; k++) {
      const [row, column] = [2 * Math.floor(pixel / small), 2 * (pixel % small)];
      sum += kernels[9 * out + k] * at(x, side, 1, row + Math.floor(k / 3) - 1, column + (k % 3) - 1, 0);
    }
    return Math.max(sum, 0);
  };
  assertClose(layers.floats(y, small * small * outs), (i) => wanted(Math.floor(i / outs), i % outs));
  const weights = noise(small * small * outs, 4);
  layers.calls.whole(y, small * small, outs, layers.keep(channelsLast(weights, outs)), kept, sums);
  assertClose(layers.floats(sums, outs), (out) => {
    let sum = bias[out];
    for (let pixel = 0; pixel < small * small; pixel++)
      sum += weights[out * small * small + pixel] * wanted(pixel, out);
    return sum;
  });
});
