/**
 * The landmark network by the layers of `blocks.c`: separable blocks, of which most are widened by a pointwise layer before
 * and gain what they read.
 *
 * @typedef {import('./safetensors.js').Tensors} Tensors
 */
import { LANDMARK_NETWORK } from './constants.js';
import { MODELS, fetchBytes } from './fetching.js';
import { Layers, channelsLast, packed } from './layers.js';
import { readTensors } from './safetensors.js';

const { SIZE_PX, LAYERS } = LANDMARK_NETWORK;
const [STEM, LINEAR] = [0, 1]; // number of the first layer; slope of a layer without ReLU

export class PointsNetwork {
  #layers;
  #tensors;
  #input;
  #output;
  #outputs;
  #scratch;
  /** @type {(() => void)[]} */
  #steps = [];

  /** @param {Layers} layers of its own @param {Tensors} tensors */
  constructor(layers, tensors) {
    this.#layers = layers;
    this.#tensors = tensors;
    const [last, whole] = [LAYERS.length, LAYERS.length - 1];
    const widths = LAYERS.map((_, number) => this.#of(number, 'bias').length);
    this.#input = layers.room(SIZE_PX * SIZE_PX);
    this.#outputs = this.#of(last, 'bias').length;
    this.#output = layers.room(this.#outputs);
    // No layer has a longer row than the widest would have at the largest side.
    this.#scratch = layers.room((2 * SIZE_PX + 6) * Math.max(...widths));
    let { side, y } = this.#addStem(widths[STEM]);
    let before = y; // what the block read
    for (let number = STEM + 1; number < whole; number++) {
      const [isDepthwise, stride] = LAYERS[number];
      if (isDepthwise) {
        y = this.#addSeparable(number, side, stride, y, before);
        side /= stride;
        before = y;
        number += 1; // its pointwise layer
      } else y = this.#addPointwise(number, side * side, y, layers.room(side * side * widths[number]), slopeOf(number));
    }
    const kept = layers.room(widths[whole]);
    const given = [layers.keep(channelsLast(this.#of(whole, 'weight'), widths[whole])), this.#keepBias(whole)];
    const pixels = side * side;
    const from = y;
    this.#steps.push(() => layers.calls.whole(from, pixels, widths[whole], ...given, kept));
    this.#addPointwise(last, 1, kept, this.#output, LINEAR);
  }

  /** The one that comes with the page. */
  static async load() {
    const [module, file] = await Promise.all([Layers.compile(), fetchBytes(`${MODELS}/landmarks_68.safetensors`)]);
    return new PointsNetwork(new Layers(module), readTensors(file));
  }

  /**
   * @param {Float32Array} grey (64, 64) in [0, 1)
   * @returns {Float32Array} x and y of 68 points as fractions of the side
   */
  run(grey) {
    this.#layers.floats(this.#input, grey.length).set(grey);
    for (const step of this.#steps) step();
    return this.#layers.floats(this.#output, this.#outputs).slice();
  }

  /** @param {number} number @param {'weight' | 'bias'} part */
  #of(number, part) {
    const values = this.#tensors.get(`${number}.${part}`);
    if (!values) throw new RangeError(`no ${number}.${part}`);
    return values;
  }

  /** @param {number} number */
  #keepBias(number) {
    return this.#layers.keep(this.#of(number, 'bias'));
  }

  /** @param {number} outs */
  #addStem(outs) {
    const layers = this.#layers;
    const side = SIZE_PX / LAYERS[STEM][1];
    const y = layers.room(side * side * outs);
    const given = [layers.keep(channelsLast(this.#of(STEM, 'weight'), outs)), this.#keepBias(STEM)];
    this.#steps.push(() => layers.calls.stem(this.#input, SIZE_PX, ...given, y, outs, slopeOf(STEM)));
    return { side, y };
  }

  /** A depthwise layer and the pointwise one behind it. @param {number} number @param {number} side @param {number} stride @param {number} x @param {number} before what its block read */
  #addSeparable(number, side, stride, x, before) {
    const layers = this.#layers;
    const [ins, outs] = [number, number + 1].map((one) => this.#of(one, 'bias').length);
    const isResidual = LAYERS[number + 1][3];
    const y = layers.room((side / stride) ** 2 * outs);
    const given = [
      layers.keep(channelsLast(this.#of(number, 'weight'), ins)),
      this.#keepBias(number),
      slopeOf(number),
      layers.keep(packed(this.#of(number + 1, 'weight'), outs)),
      this.#keepBias(number + 1),
      slopeOf(number + 1),
      isResidual ? before : 0,
    ];
    this.#steps.push(() => layers.calls.separable(x, side, ins, stride, ...given, y, outs, this.#scratch));
    return y;
  }

  /** @param {number} number @param {number} pixels @param {number} x @param {number} y @param {number} slope */
  #addPointwise(number, pixels, x, y, slope) {
    const layers = this.#layers;
    const outs = this.#of(number, 'bias').length;
    const weight = this.#of(number, 'weight');
    const given = [layers.keep(packed(weight, outs)), this.#keepBias(number)];
    this.#steps.push(() => layers.calls.pointwise(x, pixels, weight.length / outs, ...given, y, outs, outs, slope));
    return y;
  }
}

/** 0 is ReLU. @param {number} number of a layer */
function slopeOf(number) {
  return LAYERS[number][2] ? LINEAR : 0;
}
