import assert from 'node:assert/strict';
import test from 'node:test';
import { bounds, fiveFrom68 } from '../page/align.js';
import { PageError, Stopped } from '../page/errors.js';
import { DEFAULTS } from '../page/finish.js';
import { Swapper } from '../page/swap.js';
import { Thread, answer } from '../page/thread.js';
import { faceLandmarks, frame, golden, roundMask, softFace } from './inputs.js';

const AREA = 224 * 224;

/** A swapper whose networks answer at once, but for the student, which waits to be told. @param {string[]} said what happened */
function swapper(said) {
  const landmarks = faceLandmarks();
  const face = { box: bounds(landmarks), score: 1, landmarks, five: fiveFrom68(landmarks) };
  /** @type {((fails?: boolean) => void)[]} */
  const tell = [];
  const student = {
    open: async () => ({ place: /** @type {const} */ ('wasm'), threads: 1 }),
    swap: () => {
      const number = tell.length;
      said.push(`asked ${number}`);
      return new Promise((resolve, reject) => {
        const swapped = { face: softFace(), mask: roundMask() };
        tell.push((fails = false) => (fails ? reject(new Error('lost')) : resolve(swapped)));
      });
    },
  };
  const made = new Swapper(
    /** @type {any} */ ({ where: {} }),
    /** @type {any} */ ({ detect: async () => [face] }),
    /** @type {any} */ ({ track: async () => ({ landmarks, doubt: 0 }) }),
    /** @type {any} */ ({
      watermark: { draw: () => new Float32Array(AREA) },
      occlusion: { see: () => ({ width: 224, height: 224, data: new Float32Array(AREA) }) },
    }),
    /** @type {any} */ (student),
  );
  const swap = (/** @type {number} */ number) =>
    made.swapFrame(frame(), 1000 + 40 * number, DEFAULTS).then(
      ({ swapped }) => said.push(`done ${number}: ${swapped}`),
      () => said.push(`failed ${number}`),
    );
  return { made, swap, tell };
}

const network = new Uint8Array(Buffer.from(golden.network, 'base64'));
/** The file with a text in it changed for one as long. @param {string} from @param {string} to */
function changed(from, to) {
  const [bytes, at] = [network.slice(), Buffer.from(network).lastIndexOf(from)];
  assert.ok(at > 0 && from.length === to.length);
  bytes.set(Buffer.from(to), at);
  return bytes;
}

/** Until everything that can happen has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

test("the next frame's face is looked for while the student swaps this one, and frames come in order", async () => {
  /** @type {string[]} */
  const said = [];
  const { swap, tell } = swapper(said);
  const both = [swap(0), swap(1)];
  await settled();
  assert.deepEqual(said, ['asked 0', 'asked 1']);
  tell[0]();
  tell[1]();
  await Promise.all(both);
  assert.deepEqual(said.slice(2), ['done 0: 1', 'done 1: 1']);
});

test('a frame that failed does not stop those after it', async () => {
  /** @type {string[]} */
  const said = [];
  const { swap, tell } = swapper(said);
  const both = [swap(0), swap(1)];
  await settled();
  tell[0](true);
  tell[1]();
  await Promise.all(both);
  assert.deepEqual(said.slice(2), ['failed 0', 'done 1: 1']);
});

test('a file says how blue its eyes are; an older one does not, and what is no share is refused', async () => {
  const { made } = swapper([]);
  await made.useFile(network);
  assert.equal(made.blueEyes, 0.25);
  await assert.rejects(made.useFile(changed('0.25', '2.25')), { key: 'not_a_source_file' });
  assert.equal(made.blueEyes, 0.25);
  await made.useFile(changed('blue_eyes', 'some_eyes'));
  assert.equal(made.blueEyes, 1);
});

test('how blue the eyes of a portrait are was looked at when the page was built', async (context) => {
  /** @type {Record<string, Uint8Array | string>} */
  const files = {
    'average_2.kernels.gz': Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    'student.onnx.gz': changed('blue_eyes', 'some_eyes'), // it holds nobody
    'portraits.json.gz': JSON.stringify({ average_1: { blue_eyes: 1 }, average_2: { blue_eyes: 0.5 } }),
  };
  context.mock.method(globalThis, 'fetch', async (/** @type {URL} */ url) => {
    return new Response(/** @type {BodyInit} */ (files[url.pathname.replace(/.*\//, '')]));
  });
  const { made } = swapper([]);
  const opened = context.mock.method(made.student, 'open');
  await made.usePortrait('average_2');
  assert.equal(made.blueEyes, 0.5);
  assert.deepEqual(opened.mock.calls[0].arguments[1], Uint8Array.from([1, 3, 5, 7, 2, 4, 6, 8]));
});

test('a thread answers in promises, with words where something failed, and refuses when it is ended', async () => {
  const worker = /** @type {any} */ ({
    postMessage: (/** @type {{id: number, action: string}} */ { id, action }) =>
      void answer(
        (said) => worker.onmessage({ data: said }),
        id,
        async () => {
          if (action === 'never') return new Promise(() => {});
          if (action === 'fail') throw new PageError('no_face', { number: 3 });
          return { action };
        },
      ),
    terminate: () => {},
  });
  const thread = new Thread(worker);
  const { action, ms } = await thread.ask('swap', {});
  assert.ok(action === 'swap' && ms >= 0);
  await assert.rejects(
    thread.ask('fail', {}),
    (error) => error instanceof PageError && error.key === 'no_face' && error.values.number === 3,
  );
  const waiting = assert.rejects(thread.ask('never', {}), Stopped);
  thread.close();
  await waiting;
});
