/** The page's side of its service worker (`offline.js`): registering it, and loading the page again when that gains something. */

import { TAKE_OVER } from './offline.js';

/**
 * Keep the page for visits without a network. It is loaded again, as long as the visitor has not begun, when a new build is
 * ready, or when only the service worker can isolate it so that WebAssembly gets threads. Where a browser has no service
 * workers, or not these, the page is what it was.
 *
 * @param {Window & typeof globalThis} window
 * @param {() => boolean} isUntouched whether nothing would be lost
 */
export async function keepOffline(window, isUntouched) {
  const workers = window.navigator.serviceWorker;
  if (!workers) return;
  const hadOne = workers.controller !== null;
  workers.addEventListener('controllerchange', () => {
    const gains = hadOne || (!window.crossOriginIsolated && window.top === window); // a frame is as isolated as its page
    if (gains && isUntouched()) window.location.reload();
  });
  try {
    const registration = await workers.register('./service_worker.js', { type: 'module', updateViaCache: 'none' });
    if (!registration) return;
    const offer = () => isUntouched() && registration.waiting?.postMessage(TAKE_OVER);
    offer();
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer));
  } catch (error) {
    window.console.warn('The page cannot be kept for visits without a network', error);
  }
}
