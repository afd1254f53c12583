/** What the visitor sees and presses. */
import { Camera, readPhoto } from './camera.js';
import { drawBadge, markPng } from './mark.js';
import { Networks, STOPPED } from './networks.js';
import { languageOf, say, speak } from './texts.js';
import { MARKED_MODEL } from './watermark.js';

const PORTRAITS = [1, 2, 3, 4, 5, 6].map((number) => `./portraits/average_${number}.webp`);
const FPS_WINDOW_MS = 2000;

const $ = (id) => /** @type {any} */ (document.getElementById(id));
const context = $('result').getContext('2d', { willReadFrequently: true });
const parameters = new URLSearchParams(location.search);

/** The visit's answer to the consent; never stored. */
let hasConsent = false;
/** What the visitor wanted when they were asked. */
let wanted = null;
/** What the source is made of: `{name, load, button}`, where load puts it into the networks. */
let source = null;
/** The source the networks hold. */
let prepared = null;
/** @type {Networks | null} */
let networks = null;
/** @type {Camera | null} */
let camera = null;
/** The opened photo before the swap. */
let photo = null;
let model = '';

async function start() {
  followApp();
  const language = languageOf([parameters.get('lang'), ...navigator.languages].filter(Boolean));
  await speak(language);
  $('consent-words').innerHTML = await (await fetch(`./data/consent.${language}.html`)).text(); // of the page's own files
  await offerSources();
  $('camera').onclick = () => (camera ? stopCamera() : withConsent(startCamera));
  $('photo').onchange = () => takeFile($('photo'), ([file]) => withConsent(() => openPhoto(file)));
  $('save').onclick = save;
  $('agree').onclick = agree;
  $('source-photos').onchange = () => takeFile($('source-photos'), (files) => choosePhotos(files));
  $('source-file').onchange = () => takeFile($('source-file'), ([file]) => chooseFile(file.name, () => file.arrayBuffer()));
  $('run-on').value = parameters.get('run') ?? 'auto';
  $('run-on').onchange = restartNetworks;
  window.addEventListener('message', takeFromApp);
  window.addEventListener('unhandledrejection', (event) => complain(event.reason));
  document.documentElement.dataset.ready = 'true';
}

/** Inside the app: its colours, and no scroll bar of our own. */
function followApp() {
  const root = document.documentElement;
  let theme = parameters.get('theme');
  try {
    if (window.frameElement) {
      root.dataset.embedded = 'true';
      theme ??= window.parent.document.body.classList.contains('dark') ? 'dark' : 'light';
      document.body.style.background = groundOf(window.frameElement);
      const fit = () => (window.frameElement.style.height = `${document.body.offsetHeight + 8}px`);
      new ResizeObserver(fit).observe(document.body);
    }
  } catch {
    // another site shows this page in a frame: it keeps its own colours and height
  }
  if (theme) root.dataset.theme = theme;
}

/** The colour behind an element. @param {Element} element */
function groundOf(element) {
  for (let around = element.parentElement; around; around = around.parentElement) {
    const colour = getComputedStyle(around).backgroundColor;
    if (!/, 0\)$|^transparent$/.test(colour)) return colour;
  }
  return '';
}

async function offerSources() {
  const { ok } = await fetch('./models/identity.onnx', { method: 'HEAD' });
  $('photo-sources').hidden = !ok;
  $('prepare-in-app').hidden = ok;
  if (!ok) {
    $('lead').textContent = say('lead_host');
    return;
  }
  PORTRAITS.forEach((url, i) => {
    const button = document.createElement('button');
    const image = document.createElement('img');
    const name = say('portrait', { number: i + 1 });
    button.type = 'button';
    Object.assign(image, { src: url, alt: name });
    button.append(image);
    button.onclick = () => choose({ name, button, load: async () => conditionOn([await (await fetch(url)).blob()]) });
    $('portraits').append(button);
  });
  $('portraits').firstChild.click();
}

function choosePhotos(files) {
  choose({ name: files.map((file) => file.name).join(', '), load: () => conditionOn(files) });
}

/** @param {string} name @param {() => Promise<ArrayBuffer>} read */
function chooseFile(name, read) {
  choose({
    name,
    load: async () => {
      const bytes = new Uint8Array(await read());
      return networks.ask('useFile', { bytes }, [bytes.buffer]);
    },
  });
}

/** The app prepared a source: `{network: url}`, a file of the same server. */
function takeFromApp({ origin, data }) {
  if (origin !== location.origin || typeof data?.network !== 'string') return;
  const url = new URL(data.network, location.href);
  if (url.origin !== location.origin) return;
  chooseFile(data.name ?? url.pathname.split('/').pop(), async () => {
    const response = await fetch(url);
    if (!response.ok) throw { key: 'not_a_source_file' };
    return response.arrayBuffer();
  });
}

async function conditionOn(files) {
  const photos = await Promise.all(files.map(readPicture));
  return networks.ask('condition', { photos }, photos.map((picture) => picture.data.buffer));
}

async function readPicture(file) {
  return readPhoto(file).catch(() => {
    throw { key: 'not_a_photo' };
  });
}

/** Make this the source; what is shown changes with it. */
function choose(choice) {
  setSource(choice);
  if (hasConsent && (camera || photo)) guarded(photo && !camera ? swapPhoto : prepare);
}

function setSource(choice) {
  source = choice;
  for (const button of $('portraits').children) button.setAttribute('aria-pressed', String(button === choice.button));
  $('chosen-source').textContent = say('chosen', { name: choice.name });
}

function withConsent(action) {
  if (hasConsent) return guarded(action);
  wanted = action;
  $('consent').hidden = false;
  $('consent').focus();
  $('consent').scrollIntoView({ block: 'nearest' });
  return undefined;
}

function agree() {
  hasConsent = true;
  $('consent').hidden = true;
  guarded(wanted);
}

/** Run, and tell the visitor what went wrong. */
async function guarded(action) {
  try {
    await action();
  } catch (error) {
    complain(error);
  }
}

function complain(error) {
  if (error === STOPPED) return;
  const words = error?.key ? error : { key: 'failed', message: error?.message ?? String(error) };
  tell(say(words.key, { ...words.values, message: words.message }), true);
}

function tell(text, isProblem = false) {
  $('status').textContent = text;
  $('status').classList.toggle('problem', isProblem);
}

/** Networks loaded, source inside. */
async function prepare() {
  if (source === null) throw { key: 'prepare_in_app' };
  if (networks === null) {
    tell(say('loading_runtime'));
    networks = new Networks();
    await networks.ask('load', { wish: $('run-on').value });
  }
  if (prepared === source) return;
  tell(say('loading_source'));
  const choice = source;
  const { place, threads, model: name } = await choice.load().catch((error) => {
    if (prepared !== null && source === choice) setSource(prepared); // that one is still in the networks
    throw error;
  });
  prepared = choice;
  model = name;
  $('place').textContent = place === 'webgpu' ? say('on_gpu') : say('on_processor', { threads });
  document.documentElement.dataset.place = place;
  tell(camera ? say('live') : say('source_ready'));
}

async function restartNetworks() {
  networks?.close();
  networks = null;
  prepared = null;
  if (hasConsent && (camera || photo)) await guarded(camera ? prepare : swapPhoto);
}

async function startCamera() {
  if (!navigator.mediaDevices) throw { key: 'no_secure_context' };
  await prepare();
  photo = null;
  camera = await Camera.open().catch((error) => {
    throw { key: 'no_camera', values: { reason: error.name } };
  });
  $('camera').textContent = say('camera_stop');
  await networks.ask('restart');
  tell(say('live'));
  runCamera(camera);
}

function stopCamera() {
  camera?.close();
  camera = null;
  $('camera').textContent = say('camera_start');
  $('fps').textContent = '';
  tell('');
}

/** One picture at a time: what arrives meanwhile is never asked for. */
async function runCamera(running) {
  /** @type {number[]} */
  let shownMs = [];
  try {
    while (camera === running) {
      await running.next();
      if (camera !== running) return;
      if (!running.isRunning) throw { key: 'no_camera', values: { reason: 'ended' } };
      if (networks === null || prepared === null) continue; // the networks are being loaded
      const timeMs = performance.now();
      const taken = running.read($('mirror').checked);
      const answer = networks.ask('frame', { picture: taken, timeMs }, [taken.data.buffer]);
      const result = await answer.catch((error) => {
        if (error !== STOPPED) throw error;
        return null;
      });
      if (camera !== running) return;
      if (result === null) continue; // they were stopped, to be loaded elsewhere
      const { picture, swapped, ms } = result;
      show(picture, swapped);
      const now = performance.now();
      shownMs = [...shownMs.filter((at) => now - at < FPS_WINDOW_MS), now];
      const fps = (1000 * (shownMs.length - 1)) / Math.max(now - shownMs[0], 1);
      if (shownMs.length > 1) $('fps').textContent = say('fps', { fps: fps.toFixed(fps < 10 ? 1 : 0) });
      $('latency').textContent = say('latency', { ms: ms.toFixed(0) });
    }
  } catch (error) {
    stopCamera();
    complain(error);
  }
}

async function openPhoto(file) {
  const opened = await readPicture(file);
  stopCamera();
  photo = opened;
  show(photo, 0);
  await swapPhoto();
}

async function swapPhoto() {
  await prepare();
  tell(say('swapping'));
  const before = photo;
  const copy = { ...before, data: before.data.slice() };
  const { picture, found, swapped, ms } = await networks.ask('photo', { picture: copy }, [copy.data.buffer]);
  if (photo !== before) return; // another one was opened meanwhile
  show(picture, swapped);
  $('latency').textContent = '';
  if (found) tell(say('swapped', { swapped, found, seconds: (ms / 1000).toFixed(1) }));
  else tell(say('no_face'), true);
}

/** Draw a picture; a swapped one gets its label and can be saved. */
function show(picture, swapped) {
  const canvas = $('result');
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  context.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  if (swapped) drawBadge(context);
  canvas.hidden = false;
  canvas.dataset.swapped = String(swapped);
  $('empty').hidden = true;
  $('save').disabled = !swapped;
}

async function save() {
  const [blob, text] = await Promise.all([
    new Promise((resolve) => $('result').toBlob(resolve, 'image/png')),
    fetch('./data/mark.json').then((response) => response.json()),
  ]);
  const png = markPng(new Uint8Array(await blob.arrayBuffer()), text, model);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([png], { type: 'image/png' }));
  link.download = 'swapped.png';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  if (!camera) tell(model === MARKED_MODEL ? say('saved') : say('saved_without_watermark'));
}

/** Hand the files over and let the same ones be chosen again. */
function takeFile(input, use) {
  const files = [...input.files];
  input.value = '';
  if (files.length) use(files);
}

start();
