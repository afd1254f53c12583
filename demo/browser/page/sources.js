/**
 * Choosing the face to use: a portrait, photos, a network file, or what the app prepared.
 *
 * @typedef {import('./texts.js').Say} Say
 * @typedef {import('./answers.js').Place} Place
 * @typedef {import('./networks.js').Networks} Networks
 *
 * @typedef {object} Source what a face to use is made of
 * @property {string} name
 * @property {(networks: Networks) => Promise<Place>} load puts it into the networks
 * @property {HTMLElement} [button] that chose it
 */
import { readPhoto } from './camera.js';
import { PageError } from './errors.js';

const PORTRAITS = [1, 2, 3, 4, 5, 6].map((number) => `average_${number}`);

export class Sources {
  /** @type {Source | null} */
  #current = null;
  /** What the page chose by itself. @type {Source | null} */
  #first = null;
  #elements;
  #say;
  #use;

  /**
   * @param {ReturnType<typeof import('./elements.js').elementsOf>} elements
   * @param {Say} say
   * @param {() => void} use called when another source was chosen
   */
  constructor(elements, say, use) {
    this.#elements = elements;
    this.#say = say;
    this.#use = use;
  }

  /** The chosen one, if any. */
  get current() {
    return this.#current;
  }

  /** Whether the visitor has not chosen one yet. */
  get isUntouched() {
    return this.#current === this.#first;
  }

  /** Portraits and photos, where the host lets the page read them itself. */
  async offer() {
    const { photoSources, prepareInApp, lead, portraits } = this.#elements;
    const { ok, status } = await fetch('./models/identity.onnx.gz', { method: 'HEAD' });
    const isOffered = ok || status === 504; // without a network nobody knows
    photoSources.hidden = !isOffered;
    prepareInApp.hidden = isOffered;
    if (!isOffered) {
      lead.textContent = this.#say('lead_host');
      return;
    }
    const offered = PORTRAITS.map((file, i) => this.#portrait(file, this.#say('portrait', { number: i + 1 })));
    portraits.append(...offered);
    offered[0].click();
    this.#first = this.#current;
  }

  listen() {
    const { sourcePhotos, sourceCamera, sourceFile } = this.#elements;
    for (const input of [sourcePhotos, sourceCamera]) {
      input.onchange = () => takeFiles(input, (files) => this.#choosePhotos(files));
    }
    sourceFile.onchange = () =>
      takeFiles(sourceFile, ([file]) => this.#chooseFile(file.name, () => file.arrayBuffer()));
    window.addEventListener('message', (message) => this.#takeFromApp(message));
  }

  /** Make a source the current one without telling anybody. @param {Source} source */
  set(source) {
    this.#current = source;
    for (const button of this.#elements.portraits.children) {
      button.setAttribute('aria-pressed', String(button === source.button));
    }
    this.#elements.chosenSource.textContent = this.#say('chosen', { name: source.name });
  }

  /** @param {Source} source */
  #choose(source) {
    this.set(source);
    this.#use();
  }

  /** A button that makes a portrait the source. @param {string} file @param {string} name */
  #portrait(file, name) {
    const button = document.createElement('button');
    const image = document.createElement('img');
    button.type = 'button';
    Object.assign(image, { src: `./portraits/${file}.webp`, alt: name });
    button.append(image);
    button.onclick = () => this.#choose({ name, button, load: (networks) => networks.usePortrait(file) });
    return button;
  }

  /** @param {File[]} files */
  #choosePhotos(files) {
    this.#choose({
      name: files.map((file) => file.name).join(', '),
      load: (networks) => conditionOn(networks, files),
    });
  }

  /** @param {string} name @param {() => Promise<ArrayBuffer>} read */
  #chooseFile(name, read) {
    this.#choose({ name, load: async (networks) => networks.useFile(new Uint8Array(await read())) });
  }

  /** The app prepared a source: `{network: url}`, a file of the same server. @param {MessageEvent} message */
  #takeFromApp({ origin, data }) {
    if (origin !== location.origin || typeof data?.network !== 'string') return;
    const url = new URL(data.network, location.href);
    if (url.origin !== location.origin) return;
    this.#chooseFile(data.name ?? url.pathname.split('/').pop(), async () => {
      const response = await fetch(url);
      if (!response.ok) throw new PageError('not_a_source_file');
      return response.arrayBuffer();
    });
  }
}

/** @param {Networks} networks @param {Blob[]} files photos of one person */
async function conditionOn(networks, files) {
  return networks.condition(await Promise.all(files.map(readPicture)));
}

/** @param {Blob} file */
export async function readPicture(file) {
  return readPhoto(file).catch(() => {
    throw new PageError('not_a_photo');
  });
}

/** Hand the files over and let the same ones be chosen again. @param {HTMLInputElement} input @param {(files: File[]) => void} use */
export function takeFiles(input, use) {
  const files = [...(input.files ?? [])];
  input.value = '';
  if (files.length) use(files);
}
