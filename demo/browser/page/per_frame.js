/**
 * The per-frame network with a source inside, as `student/graph.py` writes it, by the layers of `layers.c` instead of ONNX
 * Runtime. Its constants are read from the file; a file with other operators is not taken.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {Map<string, Float32Array>} Constants
 * @typedef {[depthwise: number, pointwise: number, bias: number]} Stage addresses; no bias is 0
 */
import { CROP_PX } from './align.js';
import { PER_FRAME } from './constants.js';
import { Layers, channelsLast, filledUp, packed, wholeGroups } from './layers.js';
import { readGraph } from './onnx_file.js';

const { ENCODER_CHANNELS, DECODER_IN_CHANNELS, DECODER_OUT_CHANNELS, MASK_CHANNELS, SLOPE } = PER_FRAME;
const SAME = 1e-5; // of the largest kernel: what rounding may leave
const FIRST = 'encoder_dense.0'; // what the graph made of the first depthwise and pointwise layer
const AREA = CROP_PX * CROP_PX;
const DEEPEST_PX = CROP_PX >> (ENCODER_CHANNELS.length - 1);
const LANES = 4; // of a vector; a colour picture fills it with a channel that counts for nothing
const DRAWN = 8; // channels before the last layers, `final` of `student/idn.py`
// Floats that the largest layer of each kind needs beside its values, by their comments.
const SCRATCH = Math.max(40 * CROP_PX + 72, ...downs(), ...ups(DECODER_IN_CHANNELS), ...ups(MASK_CHANNELS));

function downs() {
  return ENCODER_CHANNELS.slice(0, -1).map((channels, i) => (4.5 * (CROP_PX >> i) + 36) * Math.max(channels, LANES));
}

/** @param {number[]} channels */
function ups(channels) {
  return channels.map((count, i) => (12 * (DEEPEST_PX << i) + 8) * count);
}

/** The constants of a file with the operators that are computed here, else null. @param {Uint8Array} file @param {Uint8Array | null} source */
export function constantsOf(file, source) {
  try {
    const { nodes, constants } = readGraph(file, source);
    if (nodes !== PER_FRAME.NODES) return null;
    const dense = constants.get(FIRST);
    return dense && factors(dense, ENCODER_CHANNELS[0]) ? constants : null;
  } catch (error) {
    if (error instanceof RangeError) return null; // ONNX Runtime says what is wrong with it
    throw error;
  }
}

export class PerFrame {
  #layers;
  #values;
  #first;
  #down;
  #decoder;
  #mask;
  #ends;

  /** @param {Layers} layers of its own @param {Constants} constants */
  constructor(layers, constants) {
    this.#layers = layers;
    /** @param {string} name @param {number} [length] */
    const of = (name, length) => {
      const values = constants.get(name);
      if (!values || (length !== undefined && values.length !== length)) throw new RangeError(`no ${name}`);
      return values;
    };
    /** @param {string} depthwise @param {string} pointwise @param {number} ins @param {number} outs @param {string} [bias] @returns {Stage} */
    const stage = (depthwise, pointwise, ins, outs, bias) => [
      layers.keep(channelsLast(of(depthwise), ins)),
      layers.keep(packed(of(pointwise, ins * outs), outs)),
      bias ? layers.keep(filledUp(of(bias, outs), wholeGroups(outs))) : 0,
    ];
    const [colours, outs] = ENCODER_CHANNELS;
    const first = factors(of(FIRST, outs * colours * 16), colours);
    if (first === null) throw new RangeError(`${FIRST} is no product of a depthwise and a pointwise layer`);
    this.#first = [
      layers.keep(channelsLast(filledUp(first.depthwise, LANES * 16), LANES)),
      layers.keep(packed(first.pointwise, outs)),
    ];
    this.#down = ENCODER_CHANNELS.slice(1, -1).map((ins, i) =>
      stage(`encoder_depthwise.${i + 1}`, `encoder_pointwise.${i + 1}`, ins, ENCODER_CHANNELS[i + 2]),
    );
    this.#decoder = DECODER_IN_CHANNELS.map((ins, i) =>
      stage(`decoder_depthwise.${i}`, `decoder_pointwise.${i}`, ins, DECODER_OUT_CHANNELS[i]),
    );
    this.#mask = MASK_CHANNELS.slice(0, -1).map((ins, i) => {
      const pointwise = `mask_pointwise.${i}`;
      return stage(`mask_depthwise.${i}.weight`, `${pointwise}.weight`, ins, MASK_CHANNELS[i + 1], `${pointwise}.bias`);
    });
    /** @param {string} name @param {Float32Array} kernels */
    const end = (name, kernels) => [
      layers.keep(kernels),
      layers.keep(filledUp(of(`${name}.bias`).subarray(0, colours), 4)),
    ];
    this.#ends = {
      pointwise: [
        layers.keep(packed(of('final_pointwise.weight'), DRAWN)),
        layers.keep(of('final_pointwise.bias', DRAWN)),
      ],
      draw: [
        ...end('final_conv.1', fromPhasesOfFull(of('final_conv.1.weight'), colours, DRAWN)),
        ...end('final_conv.2', fromPhasesOfPhases(of('final_conv.2.weight'), colours)),
      ],
      mask: [
        layers.keep(perPixel(fromPhasesOfFull(of('mask_logits.weight'), 1, 2), 2)),
        layers.keep(filledUp(of('mask_logits.bias').subarray(0, 1), 4)),
      ],
    };
    this.#values = this.#rooms();
  }

  /** Room for all values of a frame. What is joined lies together: a decoder's stage, then the encoder's of its size. */
  #rooms() {
    const layers = this.#layers;
    const squared = (/** @type {number} */ side) => side * side;
    return {
      crop: layers.room(AREA),
      levels: layers.room(AREA * LANES),
      encoded: layers.room(squared(CROP_PX / 2) * ENCODER_CHANNELS[1]),
      deepest: layers.room(squared(DEEPEST_PX) * (ENCODER_CHANNELS.at(-1) ?? 0)),
      decoded: DECODER_OUT_CHANNELS.map((_, i) => layers.room(squared(DEEPEST_PX << (i + 1)) * joined(i))),
      masks: MASK_CHANNELS.slice(1).map((outs, i) => layers.room(squared(DEEPEST_PX << (i + 1)) * wholeGroups(outs))),
      drawn: layers.room(squared(CROP_PX / 2) * DRAWN),
      face: layers.room(AREA),
      mask: layers.room(AREA),
      scratch: layers.room(SCRATCH),
    };
  }

  /**
   * Swap one crop.
   *
   * @param {Picture} crop 224 x 224
   * @returns {{face: Picture, mask: Float32Array<ArrayBuffer>}} before it is blended; mask in [0, 1]
   */
  swap(crop) {
    const [layers, values] = [this.#layers, this.#values];
    layers.bytes(values.crop, 4 * AREA).set(crop.data);
    this.#encode();
    this.#decode();
    this.#drawMask();
    return {
      face: { width: CROP_PX, height: CROP_PX, data: layers.bytes(values.face, 4 * AREA).slice() },
      mask: layers.floats(values.mask, AREA).slice(),
    };
  }

  #encode() {
    const { crop, levels, encoded, deepest, decoded, scratch } = this.#values;
    const { calls } = this.#layers;
    const [kernels, outs] = [this.#first, ENCODER_CHANNELS[1]];
    calls.levels(crop, AREA, levels);
    calls.down(levels, LANES, CROP_PX, LANES, kernels[0], kernels[1], encoded, outs, outs, SLOPE, scratch);
    let [x, step] = [encoded, ENCODER_CHANNELS[1]];
    this.#down.forEach(([depthwise, pointwise], i) => {
      const [ins, outs, left] = [ENCODER_CHANNELS[i + 1], ENCODER_CHANNELS[i + 2], this.#down.length - 2 - i];
      const isLast = left < 0;
      const [y, y_step] = isLast ? [deepest, outs] : [decoded[left] + 4 * DECODER_OUT_CHANNELS[left], joined(left)];
      calls.down(x, step, CROP_PX >> (i + 1), ins, depthwise, pointwise, y, y_step, outs, SLOPE, scratch);
      [x, step] = [y, y_step];
    });
  }

  #decode() {
    const { deepest, decoded, drawn, face, scratch } = this.#values;
    const { calls } = this.#layers;
    let x = deepest;
    this.#decoder.forEach((stage, i) => {
      const outs = DECODER_OUT_CHANNELS[i];
      calls.up(x, DEEPEST_PX << i, DECODER_IN_CHANNELS[i], ...stage, decoded[i], joined(i), outs, SLOPE, scratch);
      x = decoded[i];
    });
    const [side, channels] = [CROP_PX / 2, DECODER_OUT_CHANNELS.at(-1) ?? 0];
    const [kernels, bias] = this.#ends.pointwise;
    calls.pointwise(x, side * side, channels, kernels, bias, drawn, DRAWN, DRAWN, 1);
    calls.draw(drawn, side, ...this.#ends.draw, face, SLOPE, scratch);
  }

  #drawMask() {
    const { deepest, masks, mask, scratch } = this.#values;
    const { calls } = this.#layers;
    let x = deepest;
    this.#mask.forEach((stage, i) => {
      const outs = wholeGroups(MASK_CHANNELS[i + 1]);
      calls.up(x, DEEPEST_PX << i, MASK_CHANNELS[i], ...stage, masks[i], outs, outs, SLOPE, scratch);
      x = masks[i];
    });
    calls.mask(x, CROP_PX, ...this.#ends.mask, mask, scratch);
  }
}

/** Channels of a decoder's stage with those of the encoder that are joined to it: the input of the next. @param {number} i */
function joined(i) {
  return DECODER_IN_CHANNELS[i + 1] ?? DECODER_OUT_CHANNELS[i];
}

/** Dense kernels (outs, ins, 4, 4) as (outs, 4 rows, 4 columns, ins), for `first`. @param {Float32Array} kernels @param {number} ins @param {number} outs */
export function patches(kernels, ins, outs) {
  const each = kernels.length / outs;
  return Float32Array.from(kernels, (_, i) => {
    const [out, k] = [Math.floor(i / each), i % each];
    return kernels[out * each + (k % ins) * (each / ins) + Math.floor(k / ins)];
  });
}

/**
 * Dense kernels that are a depthwise and a pointwise layer's, taken apart: together they have a tenth of the multiplications.
 *
 * @param {Float32Array} dense (outs, ins, 4, 4)
 * @param {number} ins
 * @returns {{depthwise: Float32Array, pointwise: Float32Array} | null} (ins, 4, 4), and (outs, a vector of ins); null where they are none
 */
export function factors(dense, ins) {
  const outs = dense.length / (16 * ins);
  const [depthwise, pointwise] = [new Float32Array(16 * ins), new Float32Array(LANES * outs)];
  for (let own = 0; own < ins; own++) {
    const kernels = Array.from({ length: outs }, (_, out) => dense.subarray((out * ins + own) * 16).subarray(0, 16));
    const lengths = kernels.map((kernel) => Math.hypot(...kernel));
    const longest = Math.max(...lengths);
    if (longest === 0) continue;
    const unit = Float64Array.from(kernels[lengths.indexOf(longest)], (value) => value / longest);
    depthwise.set(unit, 16 * own);
    for (const [out, kernel] of kernels.entries()) {
      const share = kernel.reduce((sum, value, k) => sum + value * unit[k], 0);
      pointwise[LANES * out + own] = share;
      if (kernel.some((value, k) => Math.abs(value - share * unit[k]) > SAME * longest)) return null;
    }
  }
  return { depthwise, pointwise };
}

/** What `dense_row` reads, (9, ins, 4), of a 3x3 convolution. @param {number} ins @param {number} outs @param {(out: number, own: number, y: number, x: number) => number} kernel */
function denseKernels(ins, outs, kernel) {
  const result = new Float32Array(9 * ins * 4);
  for (let at = 0; at < 9; at++)
    for (let own = 0; own < ins; own++)
      for (let out = 0; out < outs; out++)
        result[(at * ins + own) * 4 + out] = kernel(out, own, Math.floor(at / 3), at % 3);
  return result;
}

/** The 3x3 kernels that `phases_of_full` made phases of: they stand in the first phase. @param {Float32Array} phases (4 outs, ins, 4, 4) @param {number} outs @param {number} ins */
function fromPhasesOfFull(phases, outs, ins) {
  return denseKernels(ins, outs, (out, own, y, x) => phases[((out * ins + own) * 4 + y) * 4 + x]);
}

/** The same of `phases_of_phases`, for rows of whole vectors: the first phase reads them from the four. @param {Float32Array} phases (4 n, 4 n, 3, 3) @param {number} n */
function fromPhasesOfPhases(phases, n) {
  return denseKernels(LANES, n, (out, own, y, x) => {
    if (own >= n) return 0;
    const [row, column] = [(y + 1) % 2, (x + 1) % 2]; // the phase that lies y - 1 rows and x - 1 columns from the first
    const [down, right] = [Math.floor((y + 1) / 2), Math.floor((x + 1) / 2)]; // and in which pixel of the smaller picture
    return phases[((out * 4 * n + (2 * row + column) * n + own) * 3 + down) * 3 + right];
  });
}

/** Kernels (9, ins, 4) of one output as (9, 4). @param {Float32Array} kernels @param {number} ins */
function perPixel(kernels, ins) {
  const result = new Float32Array(9 * 4);
  for (let at = 0; at < 9; at++)
    for (let own = 0; own < ins; own++) result[4 * at + own] = kernels[(at * ins + own) * 4];
  return result;
}
