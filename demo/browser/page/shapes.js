/**
 * Drawing ones into a plane of zeros, pixel for pixel as OpenCV draws without smooth edges.
 *
 * @typedef {import('./picture.js').Plane} Plane
 * @typedef {import('./align.js').Point} Point
 */
import { roundedEven } from './picture.js';

/** Points on whole pixels; halves go to the even one, as numpy rounds. @param {readonly Point[]} points @returns {Point[]} */
export function onPixels(points) {
  return points.map(([x, y]) => [roundedEven(x), roundedEven(y)]);
}

/** The convex outline of points, in order. @param {readonly Point[]} points @returns {Point[]} */
export function hull(points) {
  const sorted = [...points].sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  /** @param {Point[]} along */
  const half = (along) => {
    /** @type {Point[]} */
    const kept = [];
    for (const p of along) {
      while (kept.length > 1 && turn(kept[kept.length - 2], kept[kept.length - 1], p) <= 0) kept.pop();
      kept.push(p);
    }
    return kept.slice(0, -1);
  };
  const outline = [...half(sorted), ...half(sorted.reverse())];
  return outline.length ? outline : sorted.slice(0, 1);
}

/** Above 0 where the way from a over b to c turns to one side. @param {Point} a @param {Point} b @param {Point} c */
function turn(a, b, c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/**
 * A filled outline with its border.
 *
 * @param {Plane} plane changed
 * @param {readonly Point[]} outline on whole pixels, closed by itself
 */
export function fill(plane, outline) {
  const { width, height, data } = plane;
  for (let y = 0; y < height; y++) {
    /** @type {number[]} */
    const crossings = [];
    outline.forEach(([ax, ay], i) => {
      const [bx, by] = outline[(i + 1) % outline.length];
      if (ay <= y !== by <= y) crossings.push(ax + ((y - ay) * (bx - ax)) / (by - ay));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const [left, right] = [Math.max(Math.ceil(crossings[i]), 0), Math.min(Math.floor(crossings[i + 1]), width - 1)];
      if (left <= right) data.fill(1, y * width + left, y * width + right + 1);
    }
  }
  outline.forEach((from, i) => line(plane, from, outline[(i + 1) % outline.length]));
}

/** A line one pixel wide, as OpenCV steps along it: from left to right. @param {Plane} plane changed @param {Point} from @param {Point} to on whole pixels */
function line({ width, height, data }, from, to) {
  const [[ax, ay], [bx, by]] = from[0] <= to[0] ? [from, to] : [to, from];
  const [across, down] = [bx - ax, by - ay];
  const isSteep = Math.abs(down) > across;
  const [long, short] = isSteep ? [Math.abs(down), across] : [across, Math.abs(down)];
  let [x, y, error] = [ax, ay, long - 2 * short];
  for (let k = 0; k <= long; k++) {
    if (x >= 0 && y >= 0 && x < width && y < height) data[y * width + x] = 1;
    const isAside = error < 0;
    error += (isAside ? 2 * long : 0) - 2 * short;
    if (isSteep || isAside) y += Math.sign(down);
    if (!isSteep || isAside) x += 1;
  }
}

/** A line through points with round ends. @param {Plane} plane changed @param {readonly Point[]} points @param {number} thickness in pixels */
export function stroke({ width, height, data }, points, thickness) {
  const reach = Math.ceil(thickness / 2); // an odd line is drawn half a pixel wider on each side
  for (let i = 0; i + 1 < points.length; i++) {
    const [[ax, ay], [bx, by]] = [points[i], points[i + 1]];
    const long = Math.max((bx - ax) ** 2 + (by - ay) ** 2, 1e-9);
    const [low, high] = [Math.min(ay, by) - reach, Math.max(ay, by) + reach];
    for (let y = Math.max(Math.ceil(low), 0); y <= Math.min(high, height - 1); y++) {
      for (
        let x = Math.max(Math.ceil(Math.min(ax, bx) - reach), 0);
        x <= Math.min(Math.max(ax, bx) + reach, width - 1);
        x++
      ) {
        const share = Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / long, 0), 1);
        if (Math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay)) <= reach) data[y * width + x] = 1;
      }
    }
  }
}
