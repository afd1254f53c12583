/**
 * From pictures to swapped pictures: detect, align, swap, match colours, paste back; the browser's `pipeline.py`.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./detect.js').Face} Face
 * @typedef {import('./runtime.js').Session} Session
 * @typedef {import('./finish.js').Choices} Choices
 * @typedef {import('./memory.js').FaceMemory} FaceMemory
 * @typedef {import('./student.js').Student} Student
 */
import { CROP_PX, cropFromFrameMatrix, transformPoints } from './align.js';
import { CROP, FILES, ULTRAFACE } from './constants.js';
import { Detector, area, largest } from './detect.js';
import { PageError } from './errors.js';
import { DEFAULTS, finish } from './finish.js';
import { withoutGlasses } from './glasses.js';
import { bluenessOfEyes } from './irises.js';
import { LandmarkNetwork } from './landmarks.js';
import { MarkPattern } from './mark_pattern.js';
import { OcclusionNetwork } from './occlusion_network.js';
import { FORMAT, readMetadata } from './onnx_file.js';
import { pasteBack } from './paste.js';
import { toChannels, warp } from './picture.js';
import { MODELS, fetchBytes } from './fetching.js';
import { PointsNetwork } from './points_network.js';
import { Runtime, fetchParts, threadsFor } from './runtime.js';
import { StudentHere } from './student.js';
import { Follower } from './track.js';
import { UltraFace } from './ultraface.js';
import { MARKED_MODEL } from './watermark.js';

const MIN_FACE_PX = 16; // smaller faces stay as they are

export class Swapper {
  /** @type {Session | null} */
  #identity = null;
  #isOpen = false;
  #follower;
  /** Ends of the last look for the face, and of the last finish: both remember what they saw. @type {Promise<unknown>} */
  #looked = Promise.resolve();
  /** @type {Promise<unknown>} */
  #finished = Promise.resolve();
  #watermark;
  /** For faces of photos, fetched when there is one. @type {Map<import('./watermark.js').MarkForm, Pick<MarkPattern, 'draw'>>} */
  #photoWatermarks = new Map();
  #occlusion;

  /**
   * @param {Runtime} runtime
   * @param {Detector} detector
   * @param {LandmarkNetwork} landmarkNetwork
   * @param {{watermark: Pick<MarkPattern, 'draw'>, occlusion: Pick<OcclusionNetwork, 'see'>}} networks of the finish
   * @param {Student} student
   */
  constructor(runtime, detector, landmarkNetwork, { watermark, occlusion }, student) {
    this.runtime = runtime;
    this.detector = detector;
    this.landmarkNetwork = landmarkNetwork;
    this.student = student;
    this.where = runtime.where;
    this.#watermark = watermark;
    this.#occlusion = occlusion;
    this.#follower = new Follower(detector, landmarkNetwork);
    this.model = '';
    /** Of the source's photos. @type {import('./glasses.js').Said} */
    this.glasses = '';
    /** How surely the source's eyes are, in [0, 1]; 1 where nobody knows. */
    this.blueEyes = 1;
    this.matchesColours = true;
    this.matchesDetail = true;
  }

  /**
   * @param {import('./runtime.js').Wish} wish
   * @param {((parts: import('./runtime.js').Parts, threads: number) => Promise<Student>) | null} [loadStudent] elsewhere than
   *   in this thread
   */
  static async load(wish, loadStudent = null) {
    const [parts, threads] = [await fetchParts(wish), threadsFor()];
    const runtime = await Runtime.of(parts, loadStudent === null ? threads.student : threads.others);
    const student = loadStudent === null ? new StudentHere(runtime) : await loadStudent(parts, threads.student);
    const [boxes, watermark, points, occlusion] = await Promise.all([
      runtime.open('detector_ultraface_rfb320.onnx'),
      MarkPattern.load(''),
      PointsNetwork.load(),
      OcclusionNetwork.load(),
    ]);
    const landmarkNetwork = new LandmarkNetwork(async (grey) => points.run(grey));
    const ultraface = new UltraFace(async (picture, width, height) => {
      const answers = await runtime.run(boxes, { [boxes.inputNames[0]]: [picture, [1, 3, height, width]] });
      return { scores: answers[ULTRAFACE.SCORES], offsets: answers[ULTRAFACE.OFFSETS] };
    });
    return new Swapper(
      runtime,
      new Detector(ultraface, landmarkNetwork),
      landmarkNetwork,
      { watermark, occlusion },
      student,
    );
  }

  /** Forget what was followed; for a new camera. */
  restart() {
    this.#follower = new Follower(this.detector, this.landmarkNetwork);
  }

  /**
   * Make a source of photos of one person, here: the identity network predicts the kernels, which become a part of the
   * student's file. Glasses are left out.
   *
   * @param {Picture[]} photos
   */
  async condition(photos) {
    const crops = new Float32Array(photos.length * 3 * CROP_PX * CROP_PX);
    /** @type {Set<import('./glasses.js').Said>} */
    const all = new Set();
    let [filled, blue] = [0, 0];
    for (const [i, photo] of photos.entries()) {
      const faces = await this.detector.detect(photo);
      if (!faces.length) throw new PageError('no_source_face', { number: i + 1, count: photos.length });
      const face = largest(faces);
      const { crop, cropFromFrame } = this.align(photo, face);
      blue += bluenessOfEyes(crop, transformPoints(cropFromFrame, face.landmarks)) / photos.length;
      const { crop: read, said } = withoutGlasses(crop, await this.#seeHidden(crop));
      all.add(said);
      filled += Number(said === 'left out');
      crops.set(toChannels(read, 0, 255), i * 3 * CROP_PX * CROP_PX);
    }
    this.#identity ??= await this.runtime.open(FILES.IDENTITY);
    const shape = [photos.length, 3, CROP_PX, CROP_PX];
    /** @type {Record<string, [Float32Array, number[]]>} */
    const given = { photos: [crops, shape], glasses: [Float32Array.of(filled / photos.length), [1]] };
    const { kernels } = await this.runtime.run(this.#identity, given, ['kernels']);
    const isCovered = all.has('covered');
    const data = new Uint8Array(kernels.buffer, kernels.byteOffset, kernels.byteLength);
    await this.#useKernels(data, isCovered ? 1 : blue);
    this.glasses = isCovered ? 'covered' : all.has('left out') ? 'left out' : '';
  }

  /** Take one of the portraits, whose kernels and eyes were looked at when the page was built. @param {string} name */
  async usePortrait(name) {
    const files = [`${name}.kernels`, 'portraits.json'].map((file) => fetchBytes(`${MODELS}/${file}`));
    const [planes, said] = await Promise.all(files);
    const count = planes.length / 4; // first bytes of all numbers, then second ones ...
    const { blue_eyes: blueEyes } = JSON.parse(new TextDecoder().decode(said))[name];
    await this.#useKernels(
      planes.map((_, i) => planes[(i % 4) * count + (i >> 2)]),
      blueEyes,
    );
  }

  /** Take what the identity network answers. @param {Uint8Array} data @param {number} blueEyes */
  async #useKernels(data, blueEyes) {
    const file = await fetchBytes(`${MODELS}/${FILES.STUDENT}`);
    await this.#use(file, blueEyes, data);
  }

  /**
   * Take a file that holds its source: `python -m mobilefaceswap_core export` and the app make them.
   *
   * @param {Uint8Array} bytes
   */
  async useFile(bytes) {
    const said = readMetadata(bytes);
    if (said.format !== FORMAT || said.kind !== 'baked') throw new PageError('not_a_source_file');
    const crop = JSON.parse(said.crop);
    if (crop.size_px !== CROP_PX || crop.template !== CROP.TEMPLATE || crop.fit !== CROP.FIT) {
      throw new PageError('other_alignment', { model: said.model });
    }
    const blueEyes = parseFloat(said.blue_eyes ?? '1'); // files of older versions do not say
    if (!(blueEyes >= 0 && blueEyes <= 1)) throw new PageError('not_a_source_file');
    await this.#use(bytes, blueEyes);
  }

  /** @param {Uint8Array} bytes @param {number} blueEyes @param {Uint8Array | null} [source] of a file without it */
  async #use(bytes, blueEyes, source = null) {
    this.where = await this.student.open(bytes, source);
    this.glasses = '';
    this.blueEyes = blueEyes;
    this.#isOpen = true;
    const said = readMetadata(bytes);
    this.model = said.model;
    this.matchesColours = said.match_colours === 'true';
    this.matchesDetail = said.match_detail === 'true';
  }

  get isReady() {
    return this.#isOpen;
  }

  /** The face as the student wants it. @param {Picture} frame @param {Face} face */
  align(frame, face) {
    const cropFromFrame = cropFromFrameMatrix(face.five);
    return { crop: warp(frame, cropFromFrame, CROP_PX, CROP_PX), cropFromFrame };
  }

  /**
   * Swap one aligned crop.
   *
   * @param {Picture} crop RGBA, 224 x 224
   * @returns {Promise<{face: Picture, mask: Float32Array<ArrayBuffer>}>} before it is finished; mask in [0, 1]
   */
  swapCrop(crop) {
    return this.student.swap(crop);
  }

  /**
   * Swap one face of a frame, in place.
   *
   * @param {Picture} frame
   * @param {Face} face
   * @param {Choices} choices
   * @param {{memory: FaceMemory, timeS: number} | null} [moment] of a camera's face
   */
  async swapFace(frame, face, choices, moment = null) {
    const { crop, cropFromFrame } = this.align(frame, face);
    const { face: swapped, mask } = await this.swapCrop(crop);
    const landmarks = transformPoints(cropFromFrame, face.landmarks);
    const given = {
      pixels: swapped,
      weight: mask,
      target: crop,
      landmarks,
      cropFromFrame,
      frame,
      moment,
      native: null,
      blueEyes: this.blueEyes,
    };
    const finished = this.#finished.then(() => finish(given, this.finishOptions(choices)));
    this.#finished = finished.catch(() => {}); // one that failed does not stop those after it
    const { pixels, weight, cropFromFrame: finishedFromFrame } = await finished;
    pasteBack(frame, pixels, weight, finishedFromFrame);
  }

  /**
   * How this source's crops are finished. A file of another model has no hidden mark of its own, and gets none.
   *
   * @param {Choices} choices
   * @returns {import('./finish.js').FinishOptions}
   */
  finishOptions(choices) {
    const { matchesColours, matchesDetail, model } = this;
    const drawPattern = model === MARKED_MODEL ? this.#drawPattern : null;
    return { ...choices, matchesColours, matchesDetail, drawPattern, seeHidden: this.#seeHidden };
  }

  /** @type {import('./occlusion.js').SeeHidden} */
  #seeHidden = async (target) => this.#occlusion.see(target);

  /** @type {import('./watermark.js').DrawPattern} */
  #drawPattern = async (plane, weight, form, share) => {
    const kept = form === '' ? this.#watermark : this.#photoWatermarks.get(form);
    const watermark = kept ?? (await MarkPattern.load(form));
    if (form !== '') this.#photoWatermarks.set(form, watermark);
    return watermark.draw(plane, weight, share);
  };

  /**
   * Swap every face of a photo, in place.
   *
   * @param {Picture} photo
   * @param {Choices} [choices]
   * @returns {Promise<{found: number, swapped: number}>}
   */
  async swapPhoto(photo, choices = DEFAULTS) {
    const faces = await this.detector.detect(photo);
    const chosen = faces.filter(({ box }) => area(box) >= MIN_FACE_PX ** 2).sort((a, b) => area(a.box) - area(b.box));
    for (const face of chosen) await this.swapFace(photo, face, choices);
    return { found: faces.length, swapped: chosen.length };
  }

  /**
   * Swap the largest face of a camera's next frame, in place. The next one may be given before this one is done: it is looked
   * at while the student swaps this one.
   *
   * @param {Picture} frame
   * @param {number} timeMs
   * @param {Choices} [choices]
   */
  async swapFrame(frame, timeMs, choices = DEFAULTS) {
    const looked = this.#looked.then(async () => ({
      face: await this.#follower.update(frame, timeMs),
      memory: this.#follower.memory,
    }));
    this.#looked = looked.catch(() => {});
    const { face, memory } = await looked;
    if (face === null || !face.five.flat().every(Number.isFinite)) return { found: 0, swapped: 0 };
    await this.swapFace(frame, face, choices, { memory, timeS: timeMs / 1000 });
    return { found: 1, swapped: 1 };
  }
}
