import assert from 'node:assert/strict';
import test from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { MARK } from '../page/constants.js';
import { markPng } from '../page/mark.js';
import { SIDE, assertClose, golden, softFace } from './inputs.js';
import { added } from '../page/picture.js';
import { CarriedMark, hideMark, lumaGrid, onGrid } from '../page/watermark.js';

/** @param {string} kind @param {Buffer} body */
function chunk(kind, body) {
  const named = Buffer.concat([Buffer.from(kind), body]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}

/** A picture of one pixel. */
function png() {
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const head = chunk('IHDR', Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]));
  const pixels = chunk('IDAT', deflateSync(Buffer.from([0, 1, 2, 3])));
  return Buffer.concat([signature, head, pixels, chunk('IEND', Buffer.alloc(0))]);
}

/** @param {Uint8Array} bytes @returns {{kind: string, body: Buffer}[]} with their checksums looked at */
function chunksOf(bytes) {
  const file = Buffer.from(bytes);
  const found = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const named = file.subarray(at + 4, at + 8 + length);
    assert.equal(file.readUInt32BE(at + 8 + length), crc32(named));
    found.push({ kind: named.subarray(0, 4).toString('latin1'), body: named.subarray(4) });
    at += 12 + length;
  }
  return found;
}

test('a marked PNG says what was given, names the model, and keeps every other chunk', () => {
  const marked = chunksOf(markPng(png(), { Software: 'swapped by {model}', Comment: '换脸' }, 'student'));
  const texts = marked.filter(({ kind }) => kind === 'iTXt').map(({ body }) => body.toString('utf8'));
  assert.deepEqual(texts, ['Software\0\0\0\0\0swapped by student', 'Comment\0\0\0\0\0换脸']);
  assert.deepEqual(
    marked.filter(({ kind }) => kind !== 'iTXt'),
    chunksOf(png()),
  );
  assert.equal(marked[0].kind, 'IHDR');
});

test('a model name that would break the XML around it is not written', () => {
  const [, text] = chunksOf(markPng(png(), { X: '<a b="{model}"/>' }, '"/><script>'));
  assert.equal(text.body.toString(), 'X\0\0\0\0\0<a b="unknown"/>');
});

test('the grid is the mean of four pixels, as the core takes it', () => {
  const grid = lumaGrid(softFace());
  const every8th = grid.filter((_, i) => (i % 112) % 8 === 0 && Math.floor(i / 112) % 8 === 0);
  assertClose(every8th, golden.luma_grid, 0);
  const ramp = Float32Array.from({ length: SIDE * SIDE }, (_, i) => i % SIDE);
  assert.deepEqual([...onGrid({ width: SIDE, height: SIDE, data: ramp }).subarray(0, 3)], [0.5, 2.5, 4.5]);
});

test('a pattern of zeros changes nothing; one of two levels adds them to each colour, up to white', () => {
  const face = softFace();
  assert.deepEqual(added(face, new Float32Array(SIDE * SIDE)), face);
  face.data.fill(254, 0, 3);
  const { data } = added(face, new Float32Array(SIDE * SIDE).fill(2));
  assert.deepEqual([...data.subarray(0, 4)], [255, 255, 255, 255]);
  assert.equal(data[4], face.data[4] + 2);
});

test("a camera's mark is worked out for every second frame, and again after a gap", async () => {
  const memory = { mark: new CarriedMark() };
  const place = { cropFromFrame: /** @type {import('../page/align.js').Matrix} */ ([1, 0, 0, 0, 1, 0]), sizePx: SIDE };
  let asked = 0;
  const draw = async () => new Float32Array(SIDE * SIDE).fill(++asked);
  const [crop, weight] = [softFace(), new Float32Array(SIDE * SIDE).fill(1)];
  const added = [];
  for (const timeS of [0, 0.07, 0.14, 0.21, 1]) {
    const { data } = await hideMark(crop, weight, draw, { ...place, moment: { memory, timeS } });
    added.push(data[0] - crop.data[0]);
  }
  assert.deepEqual(added, [1, 1, 2, 2, 3]);
});

test("a photo's faces are marked by their size, those of a camera always coarsely", async () => {
  /** @type {[string, number][]} */
  const asked = [];
  const draw = async (
    /** @type {unknown} */ _,
    /** @type {unknown} */ __,
    /** @type {import('../page/watermark.js').MarkForm} */ form,
    /** @type {number} */ share,
  ) => {
    asked.push([form, share]);
    return new Float32Array(SIDE * SIDE);
  };
  const weight = new Float32Array(SIDE * SIDE).fill(1);
  const at = (/** @type {number} */ scale) =>
    /** @type {import('../page/align.js').Matrix} */ ([scale, 0, 0, 0, scale, 0]);
  const moment = { memory: { mark: new CarriedMark() }, timeS: 1 };
  await hideMark(softFace(), weight, draw, { cropFromFrame: at(0.5), sizePx: SIDE, moment: null });
  await hideMark(softFace(), weight, draw, { cropFromFrame: at(1), sizePx: SIDE, moment: null });
  await hideMark(softFace(), weight, draw, { cropFromFrame: at(2), sizePx: SIDE, moment: null });
  await hideMark(softFace(), weight, draw, { cropFromFrame: at(0.25), sizePx: SIDE, moment: null });
  await hideMark(softFace(), weight, draw, { cropFromFrame: at(0.25), sizePx: SIDE, moment });
  assert.deepEqual(asked, [['blue', 1], ['fine', 1], ['', 1], ['blue', MARK.QUIETEST], ['', 1]]); // prettier-ignore
});
