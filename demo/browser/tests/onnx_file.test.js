import assert from 'node:assert/strict';
import test from 'node:test';
import { constantsOf } from '../page/per_frame.js';
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
