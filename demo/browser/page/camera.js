/** Pictures from the visitor's camera and photos, as RGBA arrays. */

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 } };
/** @type {Which} */
const FRONT = { facingMode: 'user' };
const LONGEST_PX = 4096; // of a photo; larger ones are reduced, because some browsers have no larger canvas

/**
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {Pick<MediaTrackConstraints, 'facingMode' | 'deviceId'>} Which of several cameras
 */

export class Camera {
  #hasNew = false;
  /** Who waits for one. @type {(value?: unknown) => void} */
  #tell = () => {};

  /** @param {HTMLVideoElement} video @param {MediaStream} stream */
  constructor(video, stream) {
    this.video = video;
    this.stream = stream;
    this.canvas = new OffscreenCanvas(1, 1);
    this.context = drawingOn(this.canvas);
    if (this.#tells) this.#watch();
  }

  /** Whether this browser says when there is a new picture. */
  get #tells() {
    return 'requestVideoFrameCallback' in this.video;
  }

  /** Ask for a camera and start it. @param {Which} [which] */
  static async open(which = FRONT) {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which }, audio: false });
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    return new Camera(video, stream);
  }

  /** Whether it still gives pictures: it may have been unplugged, or its permission withdrawn. */
  get isRunning() {
    return this.stream.active;
  }

  /** What it is and which way it looks, as far as the browser says. */
  get settings() {
    return this.stream.getVideoTracks()[0].getSettings();
  }

  /** The one to change to, or null where there is no other. @returns {Promise<Which | null>} */
  async other() {
    return otherCamera(this.settings, await navigator.mediaDevices.enumerateDevices());
  }

  /** Give no pictures while nobody looks, and go on. @param {boolean} isHidden */
  async rest(isHidden) {
    for (const track of this.stream.getTracks()) track.enabled = !isHidden;
    if (isHidden) this.video.pause();
    else await this.video.play();
  }

  /** Wait for a picture that was not told of before; at once if one came meanwhile. Each is told of once, also where it is not read. */
  async next() {
    if (!this.#hasNew)
      await new Promise((resolve) => {
        this.#tell = resolve;
        if (!this.#tells) requestAnimationFrame(resolve);
        setTimeout(resolve, 1000); // a hidden page gets no pictures; look again later
      });
    this.#hasNew = false;
  }

  /** Hear of each picture, also while none is waited for: who waits for the next one only when there is time for it waits in vain. */
  #watch() {
    this.video.requestVideoFrameCallback(() => {
      this.#hasNew = true;
      this.#tell();
      this.#watch();
    });
  }

  /** The picture of this moment. @param {boolean} isMirrored as one sees oneself @returns {Picture} */
  read(isMirrored) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.imageSmoothingEnabled = false; // each pixel is one pixel: smoothing them took twice the time of all else here
    this.context.setTransform(isMirrored ? -1 : 1, 0, 0, 1, isMirrored ? width : 0, 0);
    this.context.drawImage(this.video, 0, 0);
    return asPicture(this.context.getImageData(0, 0, width, height));
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}

/**
 * The camera to change to: a phone's other side; elsewhere the next in the list.
 *
 * @param {Pick<MediaTrackSettings, 'facingMode' | 'deviceId'>} settings of the one in use
 * @param {Pick<MediaDeviceInfo, 'kind' | 'deviceId'>[]} devices
 * @returns {Which | null}
 */
export function otherCamera({ facingMode, deviceId }, devices) {
  const cameras = devices.filter(({ kind }) => kind === 'videoinput');
  if (cameras.length < 2) return null;
  if (facingMode) return { facingMode: facingMode === 'environment' ? 'user' : 'environment' };
  const at = cameras.findIndex((camera) => camera.deviceId === deviceId);
  return { deviceId: { exact: cameras[(at + 1) % cameras.length].deviceId } };
}

/** A photo as it is meant to be seen, turned as its camera says. @param {Blob} file @returns {Promise<Picture>} */
export async function readPhoto(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, LONGEST_PX / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [
    Math.max(1, Math.round(bitmap.width * scale)),
    Math.max(1, Math.round(bitmap.height * scale)),
  ];
  const context = drawingOn(new OffscreenCanvas(width, height));
  context.imageSmoothingQuality = 'high';
  context.fillStyle = 'white'; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return asPicture(context.getImageData(0, 0, width, height));
}

/** @param {OffscreenCanvas} canvas its pixels will be read often */
function drawingOn(canvas) {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('The browser gives no 2D canvas; close other pages or use another browser.');
  return context;
}

/** @param {ImageData} image @returns {Picture} */
function asPicture({ width, height, data }) {
  return { width, height, data };
}
