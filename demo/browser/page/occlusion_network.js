/**
 * The network that sees what hides a face, `blend/occlusion_network.py`, by the layers of `blocks.c`: a U-Net of separable blocks.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./safetensors.js').Tensors} Tensors by the names of the network's state
 * @typedef {{side: number, channels: number, address: number}} Values
 * @typedef {(x: Values) => Values} Block
 */
import { CROP_PX } from './align.js';
import { OCCLUSION_NETWORK } from './constants.js';
import { MODELS, fetchBytes } from './fetching.js';
import { Layers, channelsLast, packed, wholeGroups } from './layers.js';
import { patches } from './per_frame.js';
import { readTensors } from './safetensors.js';

const { SLOPE } = OCCLUSION_NETWORK;
const AREA = CROP_PX * CROP_PX;
const [KERNEL, COLOURS] = [9, 3];

export class OcclusionNetwork {
  #layers;
  #tensors;
  #scratch;
  #crop;
  #hidden;
  /** @type {() => Values} */
  #stem;
  /** @type {Block[][]} */
  #encoder = [];
  /** @type {((x: Values, skip: Values) => Values)[]} */
  #decoder = [];
  /** @type {(x: Values) => void} */
  #head;

  /** @param {Layers} layers of its own @param {Tensors} tensors */
  constructor(layers, tensors) {
    this.#layers = layers;
    this.#tensors = tensors;
    this.#crop = layers.room(AREA);
    this.#hidden = layers.room(AREA);
    const [narrow, head] = [this.#of('stem.0.bias').length, this.#of('head.0.0.bias').length];
    // What the largest layers need, by their comments: the head, the first block, and the stem.
    const tapped = wholeGroups(KERNEL * head);
    const ofHead = (1.5 * tapped + 4.5 * head + 12) * CROP_PX + 6 * head + 24;
    this.#scratch = layers.room(Math.max(ofHead, (2 * CROP_PX + 6) * narrow, 36 * CROP_PX + 24));
    this.#stem = this.#makeStem(narrow);
    let [side, channels] = [CROP_PX / 2, narrow];
    for (let stage = 0; tensors.has(`encoder.${stage}.0.depthwise.0.bias`); stage++) {
      /** @type {Block[]} */
      const blocks = [];
      for (let place = 0; tensors.has(`encoder.${stage}.${place}.depthwise.0.bias`); place++) {
        const stride = stage > 0 && place === 0 ? 2 : 1;
        blocks.push(this.#separable(`encoder.${stage}.${place}`, side, stride));
        [side, channels] = [side / stride, this.#of(`encoder.${stage}.${place}.pointwise.0.bias`).length];
      }
      this.#encoder.push(blocks);
    }
    for (let stage = 0; tensors.has(`decoder.${stage}.0.0.bias`); stage++) {
      this.#decoder.push(this.#join(`decoder.${stage}`, side, channels));
      [side, channels] = [2 * side, this.#of(`decoder.${stage}.0.0.bias`).length];
    }
    this.#head = this.#makeHead(channels, head);
  }

  /** The one that comes with the page. */
  static async load() {
    const [module, file] = await Promise.all([Layers.compile(), fetchBytes(`${MODELS}/occlusion.safetensors`)]);
    return new OcclusionNetwork(new Layers(module), readTensors(file));
  }

  /** @param {string} name */
  #of(name) {
    const values = this.#tensors.get(name);
    if (!values) throw new RangeError(`no ${name}`);
    return values;
  }

  /**
   * What hides a face.
   *
   * @param {Picture} target 224 x 224
   * @returns {Plane} of the probability that a pixel shows no visible face
   */
  see(target) {
    this.#layers.bytes(this.#crop, 4 * AREA).set(target.data);
    let x = this.#stem();
    const skips = this.#encoder.map((blocks) => (x = blocks.reduce((values, block) => block(values), x)));
    skips.pop();
    for (const stage of this.#decoder) x = stage(x, /** @type {Values} */ (skips.pop()));
    this.#head(x);
    return { width: CROP_PX, height: CROP_PX, data: this.#layers.floats(this.#hidden, AREA).slice() };
  }

  /** @param {number} side @param {number} channels @returns {Values} */
  #room(side, channels) {
    return { side, channels, address: this.#layers.room(side * side * channels) };
  }

  /** 3x3 of stride 2: four by four of which the last row and column are zero. @param {number} outs */
  #makeStem(outs) {
    const layers = this.#layers;
    const kernels = new Float32Array(outs * COLOURS * 16);
    this.#of('stem.0.weight').forEach((value, i) => {
      const [kernel, row, column] = [Math.floor(i / KERNEL), Math.floor((i % KERNEL) / 3), i % 3];
      kernels[kernel * 16 + row * 4 + column] = value;
    });
    const weight = layers.keep(packed(patches(kernels, COLOURS, outs), outs));
    const bias = layers.keep(this.#of('stem.0.bias'));
    const y = this.#room(CROP_PX / 2, outs);
    return () => {
      layers.calls.first(this.#crop, CROP_PX, weight, bias, y.address, outs, SLOPE, this.#scratch);
      return y;
    };
  }

  /** @param {string} name @param {number} side @param {number} stride @returns {Block} */
  #separable(name, side, stride) {
    const layers = this.#layers;
    const [ins, outs] = ['depthwise', 'pointwise'].map((part) => this.#of(`${name}.${part}.0.bias`).length);
    const depthwise = [
      layers.keep(channelsLast(this.#of(`${name}.depthwise.0.weight`), ins)),
      layers.keep(this.#of(`${name}.depthwise.0.bias`)),
    ];
    const pointwise = [
      layers.keep(packed(this.#of(`${name}.pointwise.0.weight`), outs)),
      layers.keep(this.#of(`${name}.pointwise.0.bias`)),
    ];
    const isResidual = stride === 1 && ins === outs;
    const y = this.#room(side / stride, outs);
    return (x) => {
      const kernels = [...depthwise, SLOPE, ...pointwise, SLOPE];
      const added = isResidual ? x.address : 0;
      layers.calls.separable(x.address, side, ins, stride, ...kernels, added, y.address, outs, this.#scratch);
      return y;
    };
  }

  /** What is enlarged and what is joined to it, through one pointwise layer; then a block. @param {string} name @param {number} side @param {number} channels of what is enlarged */
  #join(name, side, channels) {
    const layers = this.#layers;
    const bias = this.#of(`${name}.0.0.bias`);
    const outs = bias.length;
    const weight = this.#of(`${name}.0.0.weight`);
    const ins = weight.length / outs;
    /** Kernels of the first or of the last channels. @param {number} from @param {number} count */
    const part = (from, count) =>
      layers.keep(
        packed(
          Float32Array.from(
            { length: outs * count },
            (_, i) => weight[Math.floor(i / count) * ins + from + (i % count)],
          ),
          outs,
        ),
      );
    const [ofX, ofSkip, kept] = [part(0, channels), part(channels, ins - channels), layers.keep(bias)];
    const [small, y] = [this.#room(side, outs), this.#room(2 * side, outs)];
    const block = this.#separable(`${name}.1`, 2 * side, 1);
    return (/** @type {Values} */ x, /** @type {Values} */ skip) => {
      const { pointwise, join } = layers.calls;
      pointwise(x.address, side * side, channels, ofX, 0, small.address, outs, outs, 1);
      pointwise(skip.address, 4 * side * side, ins - channels, ofSkip, kept, y.address, outs, outs, 1);
      join(small.address, side, outs, y.address, SLOPE, this.#scratch);
      return block(y);
    };
  }

  /** @param {number} channels of what it reads besides the crop @param {number} outs */
  #makeHead(channels, outs) {
    const layers = this.#layers;
    const [weight, last] = [this.#of('head.0.0.weight'), this.#of('head.1.weight')];
    const ins = channels + COLOURS;
    /** @param {number} out @param {number} own @param {number} row @param {number} column */
    const kernel = (out, own, row, column) => weight[((out * ins + own) * 3 + row) * 3 + column];
    const taps = Float32Array.from({ length: KERNEL * outs * channels }, (_, i) => {
      const [place, own] = [Math.floor(i / channels), i % channels];
      const [tap, out] = [Math.floor(place / outs), place % outs];
      return kernel(out, own, tap % 3, Math.floor(tap / 3)); // of each column its rows
    });
    const ofCrop = Float32Array.from({ length: KERNEL * COLOURS * outs }, (_, i) => {
      const [at, out] = [Math.floor(i / outs), i % outs];
      const [tap, colour] = [Math.floor(at / COLOURS), at % COLOURS];
      return kernel(out, channels + colour, Math.floor(tap / 3), tap % 3);
    });
    const given = [
      layers.keep(packed(taps, KERNEL * outs)),
      layers.keep(ofCrop),
      layers.keep(this.#of('head.0.0.bias')),
      layers.keep(channelsLast(last, outs)),
      layers.keep(this.#of('head.1.bias')),
    ];
    return (/** @type {Values} */ x) =>
      layers.calls.see(...[x.address, this.#crop, CROP_PX, channels, ...given, this.#hidden, SLOPE, this.#scratch]);
  }
}
