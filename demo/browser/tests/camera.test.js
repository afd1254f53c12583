import assert from 'node:assert/strict';
import test from 'node:test';
import { Camera } from '../page/camera.js';

test('a picture that came while none was waited for is told of at once, and only once, also where it is not read', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  Object.assign(globalThis, { OffscreenCanvas: class { getContext = () => ({}); } }); // prettier-ignore
  let arrives = () => {};
  const video = {
    videoWidth: 2,
    videoHeight: 1,
    requestVideoFrameCallback: (/** @type {() => void} */ heard) => (arrives = heard),
  };
  const camera = new Camera(/** @type {any} */ (video), /** @type {any} */ ({}));
  arrives();
  await camera.next();
  let isThere = false;
  const next = camera.next().then(() => (isThere = true));
  await new Promise(setImmediate);
  assert.equal(isThere, false);
  arrives();
  await next;
});
