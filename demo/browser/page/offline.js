/**
 * The page without a network: what the service worker does. It keeps every file of the page under the SHA-256 of what is in
 * it, so a file that a new build did not change is not fetched again, and one that it changed is never taken for the other.
 *
 * @typedef {Record<string, string>} Files SHA-256 in hexadecimal by path below the page's folder
 * @typedef {{atOnce: Files, whenUsed: Files}} Build kept when the page is first opened, and when a swap first needs them
 */

export const TAKE_OVER = 'take over'; // what a page says to a new build's worker when it can be loaded again
const NO_NETWORK = 504;
const OTHER_BUILD = 409;

// Browsers give threads to WebAssembly only in a page that is isolated from others; a plain static host does not say so.
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The kept files of one build. */
export class Keeper {
  #scope;
  #atOnce;
  /** @type {Files} */
  #files;
  #storage;
  #load;

  /**
   * @param {string} scope address of the page's folder
   * @param {Build} build
   * @param {{storage: CacheStorage, load: typeof fetch}} [browser]
   */
  constructor(scope, { atOnce, whenUsed }, { storage, load } = { storage: caches, load: fetch.bind(globalThis) }) {
    this.#scope = scope;
    this.#atOnce = atOnce;
    this.#files = { ...atOnce, ...whenUsed };
    this.#storage = storage;
    this.#load = load;
  }

  /** Keep what the page opens with. Rejects when one file is not that of this build: then nothing is installed. */
  async install() {
    const answers = await Promise.all(Object.keys(this.#atOnce).map((path) => this.#get(path)));
    const failed = answers.find(({ ok }) => !ok);
    if (failed) throw new Error(`The page cannot be kept: ${failed.status} ${failed.statusText}`);
    const cache = await this.#cache();
    const kept = await Promise.all(Object.keys(this.#atOnce).map((path) => cache.match(this.#key(path))));
    if (!kept.every(Boolean)) throw new Error('The page cannot be kept: the browser has no room for it');
  }

  /** Remove what is of other builds. */
  async forgetOthers() {
    const cache = await this.#cache();
    const own = new Set(Object.keys(this.#files).map((path) => this.#key(path)));
    const others = (await cache.keys()).filter(({ url }) => !own.has(url));
    await Promise.all(others.map((request) => cache.delete(request)));
  }

  /** A file's answer; null for what is no file of this page. @param {Request} request */
  answer({ url, method }) {
    const path = this.#pathOf(url);
    if (path === null) return null;
    if (method === 'GET') return this.#get(path);
    return method === 'HEAD' ? this.#ask(path) : null;
  }

  /** From what is kept, or else from the host. @param {string} path @returns {Promise<Response>} */
  async #get(path) {
    const cache = await this.#cache();
    const kept = await cache.match(this.#key(path));
    if (kept) return isolated(kept);
    const answer = await this.#fetch(path);
    if (!answer.ok) return answer;
    const body = await answer.arrayBuffer();
    if ((await sha256(body)) !== this.#files[path])
      return failure(OTHER_BUILD, 'The host has another build of the page');
    const whole = isolated(new Response(body, { headers: answer.headers }));
    // A full disk is no reason not to answer.
    await cache.put(this.#key(path), whole.clone()).catch((error) => console.warn(`${path} cannot be kept`, error));
    return whole;
  }

  /** Whether the host gives a file: it may have stopped to. Without a network, whether it is kept. @param {string} path */
  async #ask(path) {
    const cache = await this.#cache();
    const answer = await this.#fetch(path, 'HEAD');
    if (answer.status === NO_NETWORK && (await cache.match(this.#key(path)))) return new Response(null);
    if (answer.status === 404) await cache.delete(this.#key(path));
    return answer;
  }

  /** @param {string} path @param {string} [method] @returns {Promise<Response>} */
  async #fetch(path, method = 'GET') {
    // The browser's own cache may hold an old build's file; it asks the host.
    const options = { method, cache: /** @type {const} */ ('no-cache') };
    return this.#load(this.#scope + path, options).catch(() => failure(NO_NETWORK, 'No network'));
  }

  #cache() {
    return this.#storage.open(`page ${this.#scope}`); // one host may have several pages
  }

  /** @param {string} path */
  #key(path) {
    return `${this.#scope}${path}?${this.#files[path]}`;
  }

  /** @param {string} url @returns {string | null} */
  #pathOf(url) {
    const bare = url.split(/[?#]/)[0];
    if (!bare.startsWith(this.#scope)) return null;
    const path = decodeURIComponent(bare.slice(this.#scope.length)) || 'index.html';
    return Object.hasOwn(this.#files, path) ? path : null;
  }
}

/**
 * Answer a page's requests.
 *
 * @param {any} worker a ServiceWorkerGlobalScope, which a page's types do not know
 * @param {Build} build
 */
export function serve(worker, build) {
  const keeper = new Keeper(worker.registration.scope, build);
  worker.oninstall = (/** @type {any} */ event) => event.waitUntil(keeper.install());
  worker.onactivate = (/** @type {any} */ event) =>
    event.waitUntil(Promise.all([keeper.forgetOthers(), worker.clients.claim()]));
  worker.onfetch = (/** @type {any} */ event) => {
    const answer = keeper.answer(event.request);
    if (answer) event.respondWith(answer);
  };
  worker.onmessage = async (/** @type {MessageEvent} */ { data }) => {
    const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
    const pages = windows.filter((/** @type {{url: string}} */ { url }) => url.startsWith(worker.registration.scope));
    if (data === TAKE_OVER && pages.length === 1) await worker.skipWaiting(); // no other page is amid the old build
  };
}

/** @param {Response} response */
function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  for (const name of ['content-encoding', 'content-length']) headers.delete(name); // of the body on its way
  return new Response(response.body, { headers });
}

/** @param {number} status @param {string} statusText */
function failure(status, statusText) {
  return new Response(null, { status, statusText });
}

/** @param {ArrayBuffer} bytes */
async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
