/**
 * Faces that the picture's border cuts, of which networks see the border's pixels repeated: those fade to grey. As in
 * `detect/landmarks.py`, which says why.
 *
 * @typedef {import('./align.js').Point} Point
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 */
import { bounds, invert } from './align.js';
import { LANDMARK_NETWORK } from './constants.js';
import { clamp } from './picture.js';

const { CUT, FADE, GREY } = LANDMARK_NETWORK;

/** Whether the border of a picture of this size cuts a face. @param {Point[]} landmarks @param {{width: number, height: number}} size */
export function isCut(landmarks, { width, height }) {
  const [left, top, right, bottom] = bounds(landmarks);
  const [across, down] = [CUT * (right - left), CUT * (bottom - top)];
  return -left > across || right - (width - 1) > across || -top > down || bottom - (height - 1) > down;
}

/**
 * How far each place of a view shows grey in place of the repeated border, in [0, 1]; null where nothing cuts the face.
 *
 * @param {Point[]} landmarks of the face, in the frame
 * @param {{width: number, height: number}} frame
 * @param {Matrix} viewFromFrame
 * @returns {((x: number, y: number) => number) | null}
 */
export function cutFade(landmarks, frame, viewFromFrame) {
  if (!isCut(landmarks, frame)) return null;
  const [a, b, c, d, e, f] = invert(viewFromFrame);
  const [left, top, right, bottom] = bounds(landmarks);
  const width = FADE * Math.max(right - left, bottom - top, 1);
  return (x, y) => {
    const [across, down] = [a * x + b * y + c, d * x + e * y + f];
    const outside = Math.max(-across, across - (frame.width - 1), -down, down - (frame.height - 1));
    return clamp(outside / width, 0, 1);
  };
}

/**
 * A view whose repeated border becomes grey.
 *
 * @template {Picture | Plane} Kind
 * @param {Kind} view
 * @param {ReturnType<typeof cutFade>} share null leaves it as it is
 * @returns {Kind}
 */
export function faded(view, share) {
  if (share === null) return view;
  const data = view.data.slice();
  const channels = data.length / (view.width * view.height);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    const own = share(pixel % view.width, Math.floor(pixel / view.width));
    if (own > 0) data[i] = Math.round(data[i] + own * (GREY - data[i])); // opacity is never looked at
  }
  return { ...view, data };
}
