/**
 * Putting a swapped crop back into its frame, touching nothing else; a port of `blend/paste.py`.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./align.js').Matrix} Matrix
 * @typedef {import('./align.js').Box} Box
 */
import { bounds, compose, invert, transformPoints } from './align.js';
import { clamp, enlarges, warp } from './picture.js';
import { withLoops } from './pixels.js';

/**
 * Blend a swapped crop into a frame, in place. A pixel where the warped weight is 0 keeps its value.
 *
 * @param {Picture} frame RGBA, changed
 * @param {Picture} crop RGBA, square
 * @param {Float32Array<ArrayBuffer>} weight one value a crop pixel in [0, 1]; 0 at the crop's border
 * @param {Matrix} cropFromFrame the matrix the crop was cut out with
 */
export function pasteBack(frame, crop, weight, cropFromFrame) {
  const rectangle = touchedRectangle(weight, crop.width, cropFromFrame, frame);
  if (rectangle === null) return;
  const [left, top, right, bottom] = rectangle;
  const regionFromCrop = compose([1, 0, -left, 0, 1, -top], invert(cropFromFrame));
  const [width, height] = [right - left, bottom - top];
  if (enlarges(regionFromCrop)) {
    // Cubic keeps a face that is larger than its crop from looking washed out.
    withLoops((loops) => {
      const rows = frame.data.subarray(top * frame.width * 4, bottom * frame.width * 4);
      const [x, shown, y] = [loops.keepBytes(crop.data), loops.keep(weight), loops.keepBytes(rows)];
      const given = [x, shown, crop.width, ...invert(regionFromCrop)];
      loops.calls.paste(...given, y + 4 * left, frame.width, width, height);
      rows.set(loops.bytes(y, rows.length));
    });
    return;
  }
  const plane = { width: crop.width, height: crop.height, data: weight };
  const alpha = warp(plane, regionFromCrop, width, height).data;
  const pixels = warp(crop, regionFromCrop, width, height).data;
  const into = frame.data;
  for (let y = 0; y < height; y++) {
    let to = ((top + y) * frame.width + left) * 4;
    for (let i = y * width; i < (y + 1) * width; i++, to += 4) {
      const share = alpha[i];
      if (share <= 0) continue;
      const from = 4 * i;
      into[to] += share * (pixels[from] - into[to]);
      into[to + 1] += share * (pixels[from + 1] - into[to + 1]);
      into[to + 2] += share * (pixels[from + 2] - into[to + 2]);
    }
  }
}

/**
 * Left, top, right, bottom (exclusive) of the frame pixels a weight can reach; null if there are none.
 *
 * @param {Float32Array} weight
 * @param {number} side of the crop
 * @param {Matrix} cropFromFrame
 * @param {{width: number, height: number}} frame
 * @returns {Box | null}
 */
function touchedRectangle(weight, side, cropFromFrame, frame) {
  let [x0, y0, x1, y1] = [side, side, -1, -1];
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      if (weight[i] === 0) continue;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y0 === side) y0 = y;
      y1 = y;
    }
  }
  if (x1 < 0) return null;
  [x0, y0, x1, y1] = [x0 - 1, y0 - 1, x1 + 1, y1 + 1]; // bilinear reach
  const around = bounds(
    transformPoints(invert(cropFromFrame), [
      [x0, y0],
      [x1, y0],
      [x1, y1],
      [x0, y1],
    ]),
  );
  const left = clamp(Math.floor(around[0]), 0, frame.width);
  const top = clamp(Math.floor(around[1]), 0, frame.height);
  const right = clamp(Math.ceil(around[2]) + 1, 0, frame.width);
  const bottom = clamp(Math.ceil(around[3]) + 1, 0, frame.height);
  return right > left && bottom > top ? [left, top, right, bottom] : null;
}
