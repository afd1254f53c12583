/**
 * What the visitor sees and presses.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./texts.js').Say} Say
 * @typedef {import('./sources.js').Source} Source
 */
import { Camera } from './camera.js';
import { elementsOf } from './elements.js';
import { followApp } from './embedding.js';
import { PageError, Stopped } from './errors.js';
import { DEFAULTS, unlessChosen } from './finish.js';
import { keepOffline } from './installing.js';
import { drawBadge, markPng } from './mark.js';
import { Networks } from './networks.js';
import { FrameRate } from './rate.js';
import { Recording } from './recording.js';
import { Sources, readPicture, takeFiles } from './sources.js';
import { languageOf, speak } from './texts.js';
import { MARKED_MODEL } from './watermark.js';

// Pictures of a camera on their way: one that is found or finished and one that is swapped; with several processors a third, so
// that none of their threads waits for the page to read and show.
const AT_A_TIME = { one: 2, several: 3 };
const TELL_MS = 250; // numbers are told so often: faster nobody reads them, and the page is laid out for each

/** Bring a document to life. @param {Document} document of `index.html` @returns {Promise<Page>} */
export async function start(document) {
  const parameters = new URLSearchParams(document.location.search);
  followApp(document, parameters.get('theme'));
  const wished = parameters.get('lang');
  const language = languageOf(wished ? [wished, ...navigator.languages] : navigator.languages);
  const page = new Page(document, await speak(document, language));
  const consent = await fetch(`./data/consent.${language}.html`); // of the page's own files
  page.elements.consentWords.innerHTML = await consent.text();
  await page.sources.offer();
  page.listen(parameters.get('run') ?? 'auto');
  document.documentElement.dataset.isolated = String(window.crossOriginIsolated);
  document.documentElement.dataset.ready = 'true';
  void keepOffline(window, () => page.isUntouched);
  return page;
}

/** One visit: everything that changes while it lasts. */
class Page {
  /** The answer to the consent; never stored. */
  #hasConsent = false;
  /** What the visitor wanted when they were asked. @type {() => Promise<void> | void} */
  #wanted = () => {};
  /** The source that the networks hold. @type {Source | null} */
  #prepared = null;
  /** @type {Networks | null} */
  #networks = null;
  /** @type {Camera | null} */
  #camera = null;
  /** The opened photo before the swap. @type {Picture | null} */
  #photo = null;
  #model = '';
  /** Of the source's photos. @type {import('./glasses.js').Said} */
  #glasses = '';
  /** When the numbers were last told. */
  #toldMs = -Infinity;
  #document;
  #say;

  /** @param {Document} document @param {Say} say */
  constructor(document, say) {
    this.#document = document;
    this.#say = say;
    this.elements = elementsOf(document);
    this.recording = new Recording(
      this.elements,
      say,
      (text, isProblem) => this.#tell(text, isProblem),
      () => this.#model,
    );
    this.sources = new Sources(this.elements, say, () => this.#hasConsent && this.#showAgain());
  }

  /** Whether the visitor has not begun: nothing would be lost if the page were loaded again. */
  get isUntouched() {
    return !this.#hasConsent && this.elements.consent.hidden && this.sources.isUntouched;
  }

  /** @param {string} runOn where the networks run at first */
  listen(runOn) {
    const { camera, otherCamera, record, photo, save, agree, runOn: place } = this.elements;
    camera.onclick = () => (this.#camera ? this.#stopCamera() : this.#withConsent(() => this.#startCamera()));
    otherCamera.onclick = () => this.#guarded(() => this.#changeCamera());
    record.onclick = () =>
      this.#guarded(() => (this.recording.isRunning ? this.recording.stop() : this.recording.start()));
    this.#document.addEventListener('visibilitychange', () => this.#guarded(() => this.#rest()));
    // A turned phone scrolls to wherever the page's new height puts it; what matters is the picture.
    const { result } = this.elements;
    window.matchMedia('(orientation: landscape)').addEventListener('change', () => {
      if (this.#camera) result.scrollIntoView({ block: 'nearest' });
    });
    photo.onchange = () => takeFiles(photo, ([file]) => this.#withConsent(() => this.#openPhoto(file)));
    save.onclick = () => this.#guarded(() => this.#save());
    agree.onclick = () => this.#agree();
    this.sources.listen();
    place.value = runOn;
    this.#offerChoices();
    place.onchange = () => this.#restartNetworks();
    window.addEventListener('unhandledrejection', (event) => this.#complain(event.reason));
  }

  /** How the face is laid on: the core's defaults first; what a photo shows changes with them. */
  #offerChoices() {
    const { occlusion, texture, strength } = this.elements;
    occlusion.checked = DEFAULTS.occlusion;
    texture.valueAsNumber = unlessChosen('texture', DEFAULTS.texture, false);
    strength.valueAsNumber = DEFAULTS.strength;
    for (const input of [occlusion, texture, strength]) {
      // A camera's next frame asks for them anyway.
      input.onchange = () => this.#hasConsent && this.#photo && this.#guarded(() => this.#swapPhoto());
    }
  }

  /** @returns {import('./finish.js').Choices} */
  #choices() {
    const { occlusion, texture, strength } = this.elements;
    const [own, shown] = [texture.valueAsNumber, strength.valueAsNumber];
    return { ...DEFAULTS, occlusion: occlusion.checked, texture: own, strength: shown };
  }

  /** Prepare for the camera, or swap the opened photo again. */
  async #showAgain() {
    if (this.#camera) await this.#guarded(() => this.#prepare());
    else if (this.#photo) await this.#guarded(() => this.#swapPhoto());
  }

  /** @param {() => Promise<void>} action what needs consent */
  #withConsent(action) {
    if (this.#hasConsent) return this.#guarded(action);
    const { consent } = this.elements;
    this.#wanted = action;
    consent.hidden = false;
    consent.focus();
    consent.scrollIntoView({ block: 'nearest' });
    return undefined;
  }

  #agree() {
    this.#hasConsent = true;
    this.elements.consent.hidden = true;
    return this.#guarded(this.#wanted);
  }

  /** Run, and tell the visitor what went wrong. @param {() => Promise<void> | void} action */
  async #guarded(action) {
    try {
      await action();
    } catch (error) {
      this.#complain(error);
    }
  }

  /** @param {unknown} error */
  #complain(error) {
    if (error instanceof Stopped) return;
    const message = error instanceof Error ? error.message : String(error);
    const { key, values } = error instanceof PageError ? error : new PageError('failed');
    this.#tell(this.#say(key, { ...values, message }), true);
  }

  /** @param {string} text @param {boolean} [isProblem] */
  #tell(text, isProblem = false) {
    this.elements.status.textContent = text;
    this.elements.status.classList.toggle('problem', isProblem);
  }

  /** Networks loaded, source inside. */
  async #prepare() {
    const source = this.sources.current;
    if (source === null) throw new PageError('prepare_in_app');
    const networks = this.#networks ?? (await this.#loadNetworks());
    if (this.#prepared === source) return;
    this.#tell(this.#say('loading_source'));
    const { place, threads, model, glasses } = await source.load(networks).catch((error) => {
      // The source before is still in the networks.
      if (this.#prepared !== null && this.sources.current === source) this.sources.set(this.#prepared);
      throw error;
    });
    this.#prepared = source;
    this.#model = model;
    this.#glasses = glasses;
    this.elements.place.textContent = place === 'webgpu' ? this.#say('on_gpu') : this.#say('on_processor', { threads });
    this.#document.documentElement.dataset.place = place;
    this.#tell(this.#withGlasses(this.#camera ? this.#say('live') : this.#say('source_ready')));
  }

  /** A message, and what somebody should know of the source's glasses. @param {string} text */
  #withGlasses(text) {
    const said = [text];
    if (this.#glasses === 'left out') said.push(this.#say('glasses_left_out'));
    if (this.#glasses === 'covered') said.push(this.#say('eye_covered'));
    return said.join(' ');
  }

  async #loadNetworks() {
    this.#tell(this.#say('loading_runtime'));
    const networks = new Networks();
    this.#networks = networks;
    try {
      await networks.load(/** @type {import('./runtime.js').Wish} */ (this.elements.runOn.value));
    } catch (error) {
      if (this.#networks === networks) this.#networks = null; // the next try begins anew
      networks.close();
      throw error;
    }
    return networks;
  }

  async #restartNetworks() {
    this.#networks?.close();
    this.#networks = null;
    this.#prepared = null;
    if (this.#hasConsent) await this.#showAgain();
  }

  /** @param {import('./camera.js').Which} [which] */
  async #startCamera(which) {
    if (!navigator.mediaDevices) throw new PageError('no_secure_context');
    await this.#prepare();
    this.#photo = null;
    const camera = await Camera.open(which).catch((error) => {
      throw new PageError('no_camera', { reason: error.name });
    });
    this.#camera = camera;
    this.elements.camera.textContent = this.#say('camera_stop');
    this.elements.record.hidden = false;
    this.elements.otherCamera.hidden = (await camera.other()) === null;
    if (camera.settings.facingMode) this.elements.mirror.checked = camera.settings.facingMode !== 'environment';
    await this.#networks?.restart();
    this.#tell(this.#withGlasses(this.#say('live')));
    this.#runCamera(camera);
  }

  #stopCamera() {
    this.recording.stop();
    this.#camera?.close();
    this.#camera = null;
    const { camera, otherCamera, record, fps } = this.elements;
    camera.textContent = this.#say('camera_start');
    otherCamera.hidden = record.hidden = true;
    fps.textContent = '';
    this.#tell('');
  }

  /** To the other side of a phone; a recording goes on, for it is of the canvas. */
  async #changeCamera() {
    const { otherCamera } = this.elements;
    otherCamera.disabled = true; // before anything is waited for: a second tap would open a third camera
    try {
      const which = await this.#camera?.other();
      if (!which) return;
      this.#camera?.close(); // phones lend one at a time
      this.#camera = null;
      await this.#startCamera(which);
    } catch (error) {
      this.#stopCamera();
      throw error;
    } finally {
      otherCamera.disabled = false;
    }
  }

  /** Nothing is computed or recorded while the page is hidden. */
  async #rest() {
    this.recording.rest(this.#document.hidden);
    await this.#camera?.rest(this.#document.hidden);
  }

  /** Some pictures at a time, of which one is swapped and one found or finished; what arrives meanwhile is never asked for. @param {Camera} camera */
  async #runCamera(camera) {
    const rate = new FrameRate();
    const most = navigator.hardwareConcurrency > 1 ? AT_A_TIME.several : AT_A_TIME.one;
    /** @type {Promise<void>[]} */
    const sent = [];
    try {
      while (this.#camera === camera) {
        if (sent.length >= most) await sent.shift();
        await camera.next();
        if (this.#camera !== camera) return;
        if (this.#document.hidden) continue;
        if (!camera.isRunning) throw new PageError('no_camera', { reason: 'ended' });
        const next = this.#swapNext(camera, rate);
        next.catch(() => {}); // told when its turn comes
        sent.push(next);
      }
    } catch (error) {
      this.#stopCamera();
      this.#complain(error);
    }
  }

  /** Swap and show the camera's picture of this moment. @param {Camera} camera @param {FrameRate} rate */
  async #swapNext(camera, rate) {
    if (this.#networks === null || this.#prepared === null) return; // the networks are being loaded
    const taken = camera.read(this.elements.mirror.checked);
    const result = await this.#networks.frame(taken, performance.now(), this.#choices()).catch((error) => {
      if (error instanceof Stopped) return null; // they were stopped, to be loaded elsewhere
      throw error;
    });
    if (result === null || this.#camera !== camera) return;
    this.#show(result.picture, result.swapped);
    const now = performance.now();
    const fps = rate.add(now);
    if (now - this.#toldMs < TELL_MS) return;
    this.#toldMs = now;
    if (fps !== null) this.elements.fps.textContent = this.#say('fps', { fps: fps.toFixed(fps < 10 ? 1 : 0) });
    this.elements.latency.textContent = this.#say('latency', { ms: result.ms.toFixed(0) });
  }

  /** @param {File} file */
  async #openPhoto(file) {
    const opened = await readPicture(file);
    this.#stopCamera();
    this.#photo = opened;
    this.#show(opened, 0);
    await this.#swapPhoto();
  }

  async #swapPhoto() {
    await this.#prepare();
    const before = this.#photo;
    if (before === null || this.#networks === null) return; // given up meanwhile
    this.#tell(this.#say('swapping'));
    const copy = { ...before, data: before.data.slice() };
    const { picture, found, swapped, ms } = await this.#networks.photo(copy, this.#choices());
    if (this.#photo !== before) return; // another one was opened meanwhile
    this.#show(picture, swapped);
    this.elements.latency.textContent = '';
    if (found) this.#tell(this.#withGlasses(this.#say('swapped', { swapped, found, seconds: (ms / 1000).toFixed(1) })));
    else this.#tell(this.#say('no_face'), true);
  }

  /** Draw a picture; a swapped one gets its label and can be saved. @param {Picture} picture @param {number} swapped */
  #show(picture, swapped) {
    const { result, context, empty, save } = this.elements;
    if (result.width !== picture.width || result.height !== picture.height) {
      this.recording.stop(); // a clip has one size; a turned phone begins another
      result.width = picture.width;
      result.height = picture.height;
    }
    context.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
    if (swapped || this.recording.isRunning) drawBadge(context); // every picture of a clip
    result.hidden = false;
    result.dataset.swapped = String(swapped);
    empty.hidden = true;
    save.disabled = !swapped;
  }

  async #save() {
    /** @type {[Blob | null, {picture: Record<string, string>}]} */
    const [blob, text] = await Promise.all([
      new Promise((resolve) => this.elements.result.toBlob(resolve, 'image/png')),
      fetch('./data/mark.json').then((response) => response.json()),
    ]);
    if (blob === null) throw new Error('The browser could not write the picture as PNG.');
    const png = markPng(new Uint8Array(await blob.arrayBuffer()), text.picture, this.#model);
    const link = this.#document.createElement('a');
    link.href = URL.createObjectURL(new Blob([png], { type: 'image/png' }));
    link.download = 'swapped.png';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    if (this.#camera) return;
    this.#tell(this.#model === MARKED_MODEL ? this.#say('saved') : this.#say('saved_without_watermark'));
  }
}
