import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { Keeper } from '../page/offline.js';

const SCOPE = 'https://host.example/page/';

/** @param {string} text */
const digest = (text) => createHash('sha256').update(text).digest('hex');

/** The list of a build of these files. @param {Record<string, string>} files text by path */
function buildOf(files) {
  const listed = Object.entries(files).map(([path, text]) => [path, digest(text)]);
  const isLate = (/** @type {string[]} */ [path]) => path.startsWith('models/');
  return {
    atOnce: Object.fromEntries(listed.filter((file) => !isLate(file))),
    whenUsed: Object.fromEntries(listed.filter(isLate)),
  };
}

/** A host, a network that can be cut, and a browser's store. @param {Record<string, string>} files */
function hostOf(files) {
  /** @type {Map<string, Response>} */
  const store = new Map();
  /** @type {string[]} */
  const asked = [];
  const host = { files, asked, store, isReachable: true, hasRoom: true };
  const cache = {
    match: async (/** @type {string} */ key) => store.get(key)?.clone(),
    put: async (/** @type {string} */ key, /** @type {Response} */ response) => {
      if (!host.hasRoom) throw new DOMException('full', 'QuotaExceededError');
      store.set(key, response);
    },
    keys: async () => [...store.keys()].map((url) => ({ url })),
    delete: async (/** @type {string | {url: string}} */ key) => store.delete(typeof key === 'string' ? key : key.url),
  };
  const load = async (/** @type {string} */ url) => {
    asked.push(url.slice(SCOPE.length));
    if (!host.isReachable) throw new TypeError('no network');
    const text = host.files[url.slice(SCOPE.length)];
    return new Response(text, { status: text === undefined ? 404 : 200, headers: { 'content-type': 'text/plain' } });
  };
  /** @type {any} */
  const browser = { storage: { open: async () => cache }, load };
  return Object.assign(host, {
    /** @param {Record<string, string>} [built] */
    keeper: (built = host.files) => new Keeper(SCOPE, buildOf(built), browser),
  });
}

/** @param {Keeper} keeper @param {string} path @param {string} [method] */
async function answer(keeper, path, method = 'GET') {
  const response = await keeper.answer(new Request(SCOPE + path, { method }));
  assert.ok(response);
  return response;
}

const FILES = { 'index.html': 'page', 'main.js': 'code', 'models/student.onnx': 'network' };

test('after one visit with a swap nothing is asked of the host, and the page is isolated', async () => {
  const host = hostOf(FILES);
  const keeper = host.keeper();
  await keeper.install();
  assert.deepEqual([...host.asked].sort(), ['index.html', 'main.js']);
  assert.equal(await (await answer(keeper, 'models/student.onnx')).text(), 'network');
  host.isReachable = false;
  for (const [path, text] of Object.entries({ ...FILES, '': 'page', 'index.html?theme=dark': 'page' })) {
    const response = await answer(keeper, path);
    assert.equal(await response.text(), text);
    assert.equal(response.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.equal(response.headers.get('cross-origin-embedder-policy'), 'require-corp');
    assert.equal(response.headers.get('content-type'), 'text/plain');
  }
  assert.equal((await answer(keeper, 'models/student.onnx', 'HEAD')).status, 200);
});

test('a new build fetches what changed, and what no build names any more is removed', async () => {
  const host = hostOf(FILES);
  const before = host.keeper();
  await before.install();
  await answer(before, 'models/student.onnx');
  host.files = { ...FILES, 'main.js': 'new code' };
  host.asked.length = 0;
  const after = host.keeper();
  await after.install();
  assert.deepEqual(host.asked, ['main.js']);
  assert.equal(await (await answer(before, 'main.js')).text(), 'code'); // a page that is open goes on with its own
  await after.forgetOthers();
  assert.deepEqual([...host.store.values()].length, 3);
  assert.equal(await (await answer(after, 'main.js')).text(), 'new code');
  host.isReachable = false;
  assert.equal((await answer(before, 'main.js')).status, 504);
});

test('a file of another build is neither kept nor handed out', async () => {
  const host = hostOf({ ...FILES, 'models/student.onnx': 'newer network' });
  const keeper = host.keeper(FILES);
  await keeper.install();
  const response = await answer(keeper, 'models/student.onnx');
  assert.equal(response.status, 409);
  assert.equal(await response.text(), '');
  assert.equal(host.store.size, 2);
  await assert.rejects(host.keeper({ ...FILES, 'main.js': 'another' }).install(), /409/);
});

test('a full disk stops the installation, but no swap', async (t) => {
  const host = hostOf(FILES);
  t.mock.method(console, 'warn', () => {});
  host.hasRoom = false;
  await assert.rejects(host.keeper().install(), /no room/);
  assert.equal(await (await answer(host.keeper(), 'models/student.onnx')).text(), 'network');
});

test('what the host stops handing out is forgotten when the page asks', async () => {
  const host = hostOf(FILES);
  const keeper = host.keeper();
  await answer(keeper, 'models/student.onnx');
  host.files = { 'index.html': 'page' };
  assert.equal((await answer(keeper, 'models/student.onnx', 'HEAD')).status, 404);
  assert.equal((await answer(keeper, 'models/student.onnx')).status, 404);
});

test('requests for anything else are left to the browser', () => {
  const keeper = hostOf(FILES).keeper();
  for (const url of [`${SCOPE}other.html`, `${SCOPE}constructor`, 'https://host.example/gradio_api/file=a.onnx']) {
    assert.equal(keeper.answer(new Request(url)), null);
  }
  assert.equal(keeper.answer(new Request(`${SCOPE}main.js`, { method: 'POST' })), null);
});
