/**
 * The hidden mark's pattern, as `marking/watermark.py` works it out at the strength of clips: the codeword's pattern, less what
 * the face's own noise says on the other carriers. By `mark.c`.
 *
 * @typedef {import('./safetensors.js').Tensors} Tensors
 */
import { CROP_PX } from './align.js';
import { MARK } from './constants.js';
import { MODELS, fetchBytes } from './fetching.js';
import { Layers, packed } from './layers.js';
import { cubicTaps, resizeBy } from './picture.js';
import { readTensors } from './safetensors.js';

const { GRID_PX, WAVES } = MARK;
const AREA = GRID_PX * GRID_PX;

export class MarkPattern {
  #layers;
  #tensors;
  #kept;
  #taps = cubicTaps(GRID_PX, CROP_PX);

  /** @param {Layers} layers of its own @param {Tensors} tensors */
  constructor(layers, tensors) {
    this.#layers = layers;
    this.#tensors = tensors;
    const places = this.#of('support').length;
    this.#kept = {
      waves: layers.keep(packed(waves(), 2 * WAVES)),
      back: layers.keep(packed(turned(waves(), 2 * WAVES), GRID_PX)),
      filters: layers.keep(this.#of('filters')),
      carriers: layers.keepBytes(new Uint8Array(Int8Array.from(this.#of('carriers')).buffer)),
      worth: layers.keep(this.#of('worth')),
      word: layers.keep(this.#of('word')),
      seen: layers.room(AREA),
      total: layers.room(AREA),
      variance: layers.room(AREA),
      inside: layers.room(places),
      drawn: layers.room(places),
      scratch: layers.room(4 * AREA),
    };
  }

  /** One that comes with the page. @param {import('./watermark.js').MarkForm} form */
  static async load(form) {
    const file = `${MODELS}/watermark${form && `_${form}`}.safetensors`;
    const [module, bytes] = await Promise.all([Layers.compile(), fetchBytes(file)]);
    return new MarkPattern(new Layers(module), readTensors(bytes));
  }

  /** @param {string} name */
  #of(name) {
    const values = this.#tensors.get(name);
    if (!values) throw new RangeError(`no ${name}`);
    return values;
  }

  /**
   * @param {Float32Array} plane of the crop that carries it, (112, 112) in levels
   * @param {Float32Array} weight (112, 112) in [0, 1], it will be pasted with
   * @param {number} [share] of the strength that it comes with
   * @returns {Float32Array<ArrayBuffer>} (224, 224): levels to add to that plane
   */
  draw(plane, weight, share = 1) {
    const [support, unit, peak] = [this.#of('support'), this.#of('unit'), this.#of('peak')];
    const [strength, textured] = this.#of('loudness');
    const deviation = this.#residual(plane).variance.map(Math.sqrt);
    const level = deviation.map(
      (own) => share * strength * Math.min(Math.max(1 + (own - MARK.SMOOTH) * MARK.MASKING, 1), textured),
    );
    const pattern = unit.map((own, i) => own * level[i]);
    for (let round = 0; round < MARK.ROUNDS; round++) {
      const { total } = this.#residual(plane.map((own, i) => own + pattern[i] * weight[i]));
      this.#unwanted(support.map((place) => total[place])).forEach((own, i) => {
        const place = support[i];
        const less = own * MARK.STEP * (deviation[place] / 2 + MARK.BAND_FLOOR);
        pattern[place] -= less;
      });
      for (let i = 0; i < AREA; i++) {
        const limit = level[i] * peak[i];
        pattern[i] = Math.max(Math.min(pattern[i], limit), -limit);
      }
    }
    const grid = { width: GRID_PX, height: GRID_PX, data: pattern };
    return resizeBy(grid, CROP_PX, CROP_PX, this.#taps, this.#taps).data;
  }

  /** Views of memory, until the next call. @param {Float32Array} seen */
  #residual(seen) {
    const { waves, back, filters, total, variance, scratch, ...kept } = this.#kept;
    this.#layers.floats(kept.seen, AREA).set(seen);
    const bands = this.#of('filters').length / (4 * WAVES * WAVES);
    const given = [bands, (MARK.SPREAD_PX - 1) / 2, MARK.FLOOR, MARK.CLIP];
    this.#layers.calls.residual(kept.seen, waves, back, filters, ...given, total, variance, scratch);
    return { total: this.#layers.floats(total, AREA), variance: this.#layers.floats(variance, AREA) };
  }

  /** What is to be taken off at each place. @param {Float32Array} inside */
  #unwanted(inside) {
    const { carriers, worth, word, drawn, scratch, ...kept } = this.#kept;
    this.#layers.floats(kept.inside, inside.length).set(inside);
    const count = this.#of('word').length;
    this.#layers.calls.unwanted(carriers, worth, count, inside.length, word, kept.inside, drawn, scratch);
    return this.#layers.floats(drawn, inside.length);
  }
}

/** Cosines and then sines along a side, (2 WAVES, GRID_PX). */
function waves() {
  return Float32Array.from({ length: 2 * WAVES * GRID_PX }, (_, i) => {
    const [wave, at] = [Math.floor(i / GRID_PX), i % GRID_PX];
    const angle = (2 * Math.PI * (((wave % WAVES) * at) % GRID_PX)) / GRID_PX;
    return wave < WAVES ? Math.cos(angle) : Math.sin(angle);
  });
}

/** Rows as columns. @param {Float32Array} values @param {number} rows */
function turned(values, rows) {
  const columns = values.length / rows;
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}
