/**
 * Recording what the canvas shows, with sound if the visitor lets it, to a clip that says that its faces were swapped.
 *
 * @typedef {import('./texts.js').Say} Say
 */
import { markClip } from './clip_mark.js';
import { PageError } from './errors.js';

export const LONGEST_S = 300;
const CHUNK_MS = 1000; // handed over this often, so the browser may keep what there is on disk
const VIDEO_BITS = 2_500_000; // a second; with sound some 100 MB in the longest clip
const SOUND_BITS = 128_000;
// The first that a browser can write. What phones play comes first.
const KINDS = [
  'video/mp4;codecs=avc1.42E01E,mp4a.40.2',
  'video/webm;codecs=vp9,opus',
  'video/webm;codecs=vp8,opus',
  'video/webm',
];

export class Recording {
  /** @type {MediaRecorder | null} */
  #recorder = null;
  /** @type {Blob[]} */
  #chunks = [];
  #lengthMs = 0;
  /** When it went on after a pause; null while it pauses. @type {number | null} */
  #sinceMs = null;
  #elements;
  #say;
  #tell;
  #model;

  /**
   * @param {ReturnType<typeof import('./elements.js').elementsOf>} elements
   * @param {Say} say
   * @param {(text: string, isProblem?: boolean) => void} tell
   * @param {() => string} model name of the network whose faces are shown
   */
  constructor(elements, say, tell, model) {
    this.#elements = elements;
    this.#say = say;
    this.#tell = tell;
    this.#model = model;
  }

  get isRunning() {
    return this.#recorder !== null;
  }

  /** Begin, with sound where the box is ticked and the browser gives it. */
  async start() {
    const { result, sound, record } = this.#elements;
    const kind = globalThis.MediaRecorder && KINDS.find((one) => MediaRecorder.isTypeSupported(one));
    if (!kind || !('captureStream' in result)) throw new PageError('no_recording');
    record.disabled = true;
    const microphone = sound.checked
      ? await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null)
      : null;
    record.disabled = false;
    if (sound.checked && microphone === null) this.#tell(this.#say('no_microphone'), true);
    const tracks = [...result.captureStream().getVideoTracks(), ...(microphone?.getAudioTracks() ?? [])];
    const recorder = new MediaRecorder(new MediaStream(tracks), {
      mimeType: kind,
      videoBitsPerSecond: VIDEO_BITS,
      audioBitsPerSecond: SOUND_BITS,
    });
    recorder.ondataavailable = ({ data }) => this.#take(data);
    recorder.onerror = () => this.stop();
    recorder.onstop = () => this.#finish(tracks, kind);
    this.#recorder = recorder;
    this.#chunks = [];
    [this.#lengthMs, this.#sinceMs] = [0, performance.now()];
    recorder.start(CHUNK_MS);
    record.textContent = this.#say('record_stop');
    this.#showLength();
  }

  /** End it, if it runs; the clip is offered as soon as it is whole. */
  stop() {
    if (this.#recorder === null || this.#recorder.state === 'inactive') return;
    this.#count();
    this.#recorder.stop();
  }

  /** Pause while the page is hidden, and go on. @param {boolean} isHidden */
  rest(isHidden) {
    if (this.#recorder === null || this.#recorder.state === 'inactive') return;
    this.#count();
    if (isHidden) this.#recorder.pause();
    else this.#recorder.resume();
    this.#sinceMs = isHidden ? null : performance.now();
  }

  /** Add the time since it went on. */
  #count() {
    const now = performance.now();
    if (this.#sinceMs !== null) this.#lengthMs += now - this.#sinceMs;
    this.#sinceMs = this.#sinceMs === null ? null : now;
  }

  /** @param {Blob} data */
  #take(data) {
    if (data.size) this.#chunks.push(data);
    if (this.#recorder?.state !== 'recording') return;
    this.#count();
    this.#showLength();
    if (this.#lengthMs >= LONGEST_S * 1000) this.stop();
  }

  #showLength() {
    const { recorded } = this.#elements;
    recorded.textContent = this.#say('recorded', { seconds: this.#seconds().toFixed(0), most: LONGEST_S });
  }

  #seconds() {
    return this.#lengthMs / 1000;
  }

  /** Mark what was recorded and offer it. @param {MediaStreamTrack[]} tracks @param {string} kind */
  async #finish(tracks, kind) {
    const { clip, record, recorded } = this.#elements;
    for (const track of tracks) track.stop();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#recorder = null;
    record.textContent = this.#say('record');
    recorded.textContent = '';
    try {
      const text = await (await fetch('./data/mark.json')).json();
      const type = kind.split(';')[0];
      const marked = await markClip(new Blob(chunks, { type }), text.clip, this.#model(), this.#seconds());
      if (clip.href) URL.revokeObjectURL(clip.href);
      clip.href = URL.createObjectURL(marked);
      clip.download = `ai-face-swap.${type.split('/')[1]}`;
      const megabytes = (marked.size / 1e6).toFixed(1);
      clip.textContent = this.#say('save_clip', { seconds: this.#seconds().toFixed(0), megabytes });
      clip.hidden = false;
      this.#tell(this.#say('clip_ready'));
    } catch (error) {
      this.#tell(this.#say('failed', { message: error instanceof Error ? error.message : String(error) }), true);
    }
  }
}
