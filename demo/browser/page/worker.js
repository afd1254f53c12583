/** The networks, in a thread of their own so that the page stays responsive: answers one request at a time, in order. */
import { PageError, Swapper } from './swap.js';

/** @type {Swapper | null} */
let swapper = null;

const ACTIONS = {
  async load({ wish }) {
    swapper = await Swapper.load(wish);
    return place();
  },
  async condition({ photos }) {
    await swapper.condition(photos);
    return place();
  },
  async useFile({ bytes }) {
    await swapper.useFile(bytes);
    return place();
  },
  async photo({ picture }) {
    return { ...(await swapper.swapPhoto(picture)), picture };
  },
  async frame({ picture, timeMs }) {
    return { ...(await swapper.swapFrame(picture, timeMs)), picture };
  },
  async restart() {
    swapper.restart();
    return {};
  },
};

function place() {
  return { place: swapper.runtime.place, threads: swapper.runtime.threads, model: swapper.model };
}

let queue = Promise.resolve();

self.onmessage = ({ data: { id, action, ...request } }) => {
  queue = queue.then(async () => {
    const started = performance.now();
    try {
      const result = await ACTIONS[action](request);
      const moved = result.picture ? [result.picture.data.buffer] : [];
      self.postMessage({ id, result: { ...result, ms: performance.now() - started } }, moved);
    } catch (error) {
      const words = error instanceof PageError ? { key: error.key, values: error.values } : { key: 'failed' };
      self.postMessage({ id, error: { ...words, message: String(error?.message ?? error) } });
    }
  });
};
