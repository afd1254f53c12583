import assert from 'node:assert/strict';
import test from 'node:test';
import { constantsOf, factors } from '../page/per_frame.js';
import { readGraph, readMetadata } from '../page/onnx_file.js';
import { golden } from './inputs.js';

const network = new Uint8Array(Buffer.from(golden.network, 'base64'));

test('a network file says what the writer put into it', () => {
  assert.deepEqual(readMetadata(network), golden.network_says);
});

test('files of other kinds say nothing', () => {
  assert.deepEqual(readMetadata(new TextEncoder().encode('no network, a letter')), {});
  assert.deepEqual(readMetadata(new Uint8Array()), {});
  assert.deepEqual(readMetadata(new Uint8Array(50).fill(255)), {});
});

test('a file that is cut short never throws and never says more than the whole one', () => {
  for (let length = 0; length < network.length; length++) {
    for (const [key, value] of Object.entries(readMetadata(network.subarray(0, length)))) {
      assert.equal(golden.network_says[key], value);
    }
  }
});

test('a graph that is not there is refused, and no network file but the per-frame one is computed here', () => {
  for (const bytes of [new Uint8Array(), new Uint8Array(50).fill(255)])
    assert.throws(() => readGraph(bytes, null), RangeError);
  assert.equal(constantsOf(network, null), null);
});

test('a dense layer that a depthwise and a pointwise one were made into is taken apart; another one is not', () => {
  const [ins, outs] = [3, 5];
  const value = (/** @type {number} */ i) => Math.sin(12.9898 * (i + 1));
  const dense = Float32Array.from({ length: outs * ins * 16 }, (_, i) => {
    const [out, own] = [Math.floor(i / 16 / ins), Math.floor(i / 16) % ins];
    return own === 1 ? 0 : value(own * 16 + (i % 16)) * value(100 + out * ins + own); // a colour that counts for nothing too
  });
  const parts = factors(dense, ins);
  assert.ok(parts);
  dense.forEach((wanted, i) => {
    const [out, own] = [Math.floor(i / 16 / ins), Math.floor(i / 16) % ins];
    assert.ok(Math.abs(parts.pointwise[4 * out + own] * parts.depthwise[own * 16 + (i % 16)] - wanted) < 1e-6);
  });
  dense[7] += 0.01;
  assert.equal(factors(dense, ins), null);
});
