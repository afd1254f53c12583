/**
 * Pixels of a result read from a picture through a matrix; each fills a result that is given. The inside of the picture, where
 * nothing is to be repeated, is read without asking for the border.
 *
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Matrix} Matrix
 */

/** Bilinear, border repeated. @param {Picture} picture @param {Matrix} inFromOut @param {Picture} result filled */
export function sampleLinear({ width, height, data }, [a, b, c, d, e, f], result) {
  const out = result.data;
  let to = 0;
  for (let v = 0; v < result.height; v++) {
    for (let u = 0; u < result.width; u++, to += 4) {
      const x = a * u + b * v + c;
      const y = d * u + e * v + f;
      const i = Math.floor(x);
      const j = Math.floor(y);
      const s = x - i;
      const t = y - j;
      let p = (j * width + i) * 4;
      let q = p + 4;
      let r = p + width * 4;
      let w = r + 4;
      if (i < 0 || j < 0 || i >= width - 1 || j >= height - 1) {
        const left = i < 0 ? 0 : i >= width ? width - 1 : i;
        const right = i < -1 ? 0 : i >= width - 1 ? width - 1 : i + 1;
        const above = (j < 0 ? 0 : j >= height ? height - 1 : j) * width;
        const below = (j < -1 ? 0 : j >= height - 1 ? height - 1 : j + 1) * width;
        p = (above + left) * 4;
        q = (above + right) * 4;
        r = (below + left) * 4;
        w = (below + right) * 4;
      }
      const wp = (1 - s) * (1 - t);
      const wq = s * (1 - t);
      const wr = (1 - s) * t;
      const ww = s * t;
      out[to] = wp * data[p] + wq * data[q] + wr * data[r] + ww * data[w];
      out[to + 1] = wp * data[p + 1] + wq * data[q + 1] + wr * data[r + 1] + ww * data[w + 1];
      out[to + 2] = wp * data[p + 2] + wq * data[q + 2] + wr * data[r + 2] + ww * data[w + 2];
      out[to + 3] = 255;
    }
  }
}

/** Bilinear, outside is zero. @param {Plane} plane @param {Matrix} inFromOut @param {Plane} result zeros, filled */
export function samplePlane({ width, height, data }, [a, b, c, d, e, f], result) {
  /** Within a pixel of the border. @param {number} i @param {number} j */
  const at = (i, j) => (i < 0 || j < 0 || i >= width || j >= height ? 0 : data[j * width + i]);
  const out = result.data;
  let to = 0;
  for (let v = 0; v < result.height; v++) {
    for (let u = 0; u < result.width; u++, to++) {
      const x = a * u + b * v + c;
      const y = d * u + e * v + f;
      const i = Math.floor(x);
      const j = Math.floor(y);
      if (i < -1 || j < -1 || i >= width || j >= height) continue;
      const s = x - i;
      const t = y - j;
      if (i >= 0 && j >= 0 && i < width - 1 && j < height - 1) {
        const p = j * width + i;
        const upper = (1 - s) * data[p] + s * data[p + 1];
        out[to] = (1 - t) * upper + t * ((1 - s) * data[p + width] + s * data[p + width + 1]);
        continue;
      }
      out[to] = (1 - t) * ((1 - s) * at(i, j) + s * at(i + 1, j)) + t * ((1 - s) * at(i, j + 1) + s * at(i + 1, j + 1));
    }
  }
}

/** Bilinear, border repeated. @param {Plane} plane @param {Matrix} inFromOut @param {Plane} result filled */
export function sampleRepeated({ width, height, data }, [a, b, c, d, e, f], result) {
  const out = result.data;
  let to = 0;
  for (let v = 0; v < result.height; v++) {
    for (let u = 0; u < result.width; u++, to++) {
      const x = Math.min(Math.max(a * u + b * v + c, 0), width - 1);
      const y = Math.min(Math.max(d * u + e * v + f, 0), height - 1);
      const i = Math.min(Math.floor(x), Math.max(width - 2, 0));
      const j = Math.min(Math.floor(y), Math.max(height - 2, 0));
      const right = i + 1 < width ? 1 : 0;
      const below = j + 1 < height ? width : 0;
      const at = j * width + i;
      const s = x - i;
      const t = y - j;
      const upper = data[at] + s * (data[at + right] - data[at]);
      const lower = data[at + below] + s * (data[at + below + right] - data[at + below]);
      out[to] = upper + t * (lower - upper);
    }
  }
}

const CUBIC = -0.75; // OpenCV's

/**
 * Cubic, border repeated; pixels are left empty where `where` is 0.
 *
 * @param {Picture} picture
 * @param {Matrix} inFromOut
 * @param {Picture} result filled
 * @param {Float32Array | null} where
 */
export function sampleCubic({ width, height, data }, [a, b, c, d, e, f], result, where) {
  const out = result.data;
  const down = new Float64Array(4);
  let to = 0;
  for (let v = 0; v < result.height; v++) {
    for (let u = 0; u < result.width; u++, to += 4) {
      if (where !== null && where[to >> 2] <= 0) continue;
      const x = a * u + b * v + c;
      const y = d * u + e * v + f;
      const i = Math.floor(x);
      const j = Math.floor(y);
      const s = x - i;
      const t = y - j;
      const w0 = outer(1 + s);
      const w1 = inner(s);
      const w2 = inner(1 - s);
      const w3 = 1 - w0 - w1 - w2;
      down[0] = outer(1 + t);
      down[1] = inner(t);
      down[2] = inner(1 - t);
      down[3] = 1 - down[0] - down[1] - down[2];
      const isInside = i > 0 && j > 0 && i < width - 2 && j < height - 2;
      const p = 4 * (isInside ? i - 1 : clamped(i - 1, width));
      const q = 4 * (isInside ? i : clamped(i, width));
      const r = 4 * (isInside ? i + 1 : clamped(i + 1, width));
      const w = 4 * (isInside ? i + 2 : clamped(i + 2, width));
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let m = 0; m < 4; m++) {
        const row = (isInside ? j - 1 + m : clamped(j - 1 + m, height)) * width * 4;
        const k0 = row + p;
        const k1 = row + q;
        const k2 = row + r;
        const k3 = row + w;
        const share = down[m];
        red += share * (w0 * data[k0] + w1 * data[k1] + w2 * data[k2] + w3 * data[k3]);
        green += share * (w0 * data[k0 + 1] + w1 * data[k1 + 1] + w2 * data[k2 + 1] + w3 * data[k3 + 1]);
        blue += share * (w0 * data[k0 + 2] + w1 * data[k1 + 2] + w2 * data[k2 + 2] + w3 * data[k3 + 2]);
      }
      out[to] = red;
      out[to + 1] = green;
      out[to + 2] = blue;
      out[to + 3] = 255;
    }
  }
}

/** One place of a plane, bilinear, border repeated. @param {Plane} plane @param {number} x @param {number} y */
export function linearAt({ width, height, data }, x, y) {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const [s, t] = [x - i, y - j];
  const [left, right] = [clamped(i, width), clamped(i + 1, width)];
  const [above, below] = [clamped(j, height) * width, clamped(j + 1, height) * width];
  const upper = (1 - s) * data[above + left] + s * data[above + right];
  return (1 - t) * upper + t * ((1 - s) * data[below + left] + s * data[below + right]);
}

/**
 * One place of a picture whose column is a whole number, cubic, border repeated.
 *
 * @param {Picture} picture
 * @param {number} x
 * @param {number} y
 * @param {Uint8ClampedArray} out
 * @param {number} to where its red goes
 */
export function cubicAt({ width, height, data }, x, y, out, to) {
  const j = Math.floor(y);
  const t = y - j;
  const down = [outer(1 + t), inner(t), inner(1 - t), 0];
  down[3] = 1 - down[0] - down[1] - down[2];
  for (let channel = 0; channel < 3; channel++) {
    let level = 0;
    for (let m = 0; m < 4; m++) level += down[m] * data[4 * (clamped(j - 1 + m, height) * width + x) + channel];
    out[to + channel] = level;
  }
}

/** Weight of a pixel less than one away. @param {number} t */
function inner(t) {
  return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1;
}

/** Weight of a pixel one to two away. @param {number} t */
function outer(t) {
  return ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC;
}

/** @param {number} place @param {number} length */
function clamped(place, length) {
  return place < 0 ? 0 : place >= length ? length - 1 : place;
}
