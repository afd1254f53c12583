/** The parts of `index.html` that the page's code reads or changes. */

/** @param {Document} document */
export function elementsOf(document) {
  /** @param {string} id @returns {any} */
  const at = (id) => {
    const element = document.getElementById(id);
    if (element === null) throw new Error(`index.html has no element "${id}".`);
    return element;
  };
  /** @param {string} id @returns {HTMLElement} */
  const plain = at;
  /** @param {string} id @returns {HTMLButtonElement} */
  const button = at;
  /** @param {string} id @returns {HTMLInputElement} */
  const input = at;
  /** @type {HTMLCanvasElement} */
  const result = at('result');
  const context = result.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('The browser gives no 2D canvas; close other pages or use another browser.');
  /** @type {HTMLAnchorElement} */
  const clip = at('clip');
  /** @type {HTMLSelectElement} */
  const runOn = at('run-on');
  return {
    lead: plain('lead'),
    prepareInApp: plain('prepare-in-app'),
    photoSources: plain('photo-sources'),
    portraits: plain('portraits'),
    sourcePhotos: input('source-photos'),
    sourceCamera: input('source-camera'),
    sourceFile: input('source-file'),
    chosenSource: plain('chosen-source'),
    camera: button('camera'),
    photo: input('photo'),
    save: button('save'),
    otherCamera: button('other-camera'),
    record: button('record'),
    recorded: plain('recorded'),
    sound: input('sound'),
    clip,
    consent: plain('consent'),
    consentWords: plain('consent-words'),
    agree: button('agree'),
    status: plain('status'),
    result,
    context,
    empty: plain('empty'),
    fps: plain('fps'),
    latency: plain('latency'),
    place: plain('place'),
    mirror: input('mirror'),
    occlusion: input('occlusion'),
    texture: input('texture'),
    strength: input('strength'),
    runOn,
  };
}
