// The layers of the per-frame network for the page, on one thread, four numbers at a time.
//
// Values lie row by row, pixel by pixel, their channels together. Kernels of `pointwise` are packed: of every eight output
// channels, for each input channel, the eight weights. `slope` is that of the leaky ReLU behind a layer; 1 is none. Every
// function writes all of its output, and `scratch` needs no more than its comment says, in floats.
// `python -m demo.browser.webassembly` compiles this file.
#include "numbers.h"

// Measured: four pixels by eight channels stay in the sixteen registers; with six pixels some were spilled, 1.5 times the time.
#define PIXELS 4
// Channels that are enlarged and filtered together, so that three rows of them stay in a first cache of 32 kB.
#define BLOCK 16

// One input channel of four. Four are loaded at once: measured, loading each into all lanes took 1.1 times the time.
#define STEP(j)                                                                    \
  {                                                                                \
    v4 w0 = LOAD(w + 8 * j), w1 = LOAD(w + 8 * j + 4);                             \
    for (int i = 0; i < pixels; i++) {                                             \
      v4 value = wasm_i32x4_shuffle(values[i], values[i], j, j, j, j);             \
      a[i] = madd(value, w0, a[i]);                                                \
      b[i] = madd(value, w1, b[i]);                                                \
    }                                                                              \
  }

// A few pixels, eight output channels.
INLINE void tile(const int pixels, const float *x, int in, const float *w, v4 bias0, v4 bias1, float *y, int y_step,
                 v4 slope) {
  v4 a[PIXELS], b[PIXELS];
  for (int i = 0; i < pixels; i++) {
    a[i] = bias0;
    b[i] = bias1;
  }
  for (int k = 0; k < in; k += 4, w += 32, x += 4) {
    v4 values[PIXELS];
    for (int i = 0; i < pixels; i++) values[i] = LOAD(x + i * in);
    STEP(0) STEP(1) STEP(2) STEP(3)
  }
  for (int i = 0; i < pixels; i++) {
    STORE(y + i * y_step, leaky(a[i], slope));
    STORE(y + i * y_step + 4, leaky(b[i], slope));
  }
}

// x (pixels, in), in a multiple of 4; bias (out) or none; y (pixels, out) with pixels y_step apart, out a multiple of 8.
EXPORT(pointwise)
void pointwise(const float *x, int pixels, int in, const float *w, const float *bias, float *y, int y_step, int out,
               float slope_) {
  v4 slope = ALL(slope_);
  for (int o = 0; o < out; o += 8, w += 8 * in) {
    v4 bias0 = bias ? LOAD(bias + o) : ALL(0), bias1 = bias ? LOAD(bias + o + 4) : ALL(0);
    int p = 0;
    for (; p + PIXELS <= pixels; p += PIXELS)
      tile(PIXELS, x + p * in, in, w, bias0, bias1, y + p * y_step + o, y_step, slope);
    const float *rest = x + p * in;
    float *to = y + p * y_step + o;
    if (pixels - p == 1) tile(1, rest, in, w, bias0, bias1, to, y_step, slope);
    if (pixels - p == 2) tile(2, rest, in, w, bias0, bias1, to, y_step, slope);
    if (pixels - p == 3) tile(3, rest, in, w, bias0, bias1, to, y_step, slope);
  }
}

// One row of a picture twice as large, bilinear with aligned corners, between borders of one pixel. `small` holds a row of x.
INLINE void up_row(const float *x, int x_step, int side, const int c, int row, float *small, float *y, v4 slope) {
  int large = 2 * side;
  zeros(y, c);
  zeros(y + (large + 1) * c, c);
  y += c;
  if (row < 0 || row >= large) {
    zeros(y, large * c);
    return;
  }
  float scale = (float)(side - 1) / (large - 1), at = row * scale;
  int first = at;
  v4 share = ALL(at - first);
  const float *a = x + first * side * x_step, *b = first + 1 < side ? a + side * x_step : a;
  for (int p = 0; p < side; p++, a += x_step, b += x_step)
    for (int i = 0; i < c; i += 4) STORE(small + p * c + i, between(LOAD(a + i), LOAD(b + i), share));
  for (int column = 0; column < large; column++, y += c) {
    at = column * scale;
    first = at;
    share = ALL(at - first);
    a = small + first * c;
    b = first + 1 < side ? a + c : a;
    for (int i = 0; i < c; i += 4) STORE(y + i, leaky(between(LOAD(a + i), LOAD(b + i), share), slope));
  }
}

// 3x3 over three rows with borders, of c channels; kernels (9, all channels).
INLINE void depthwise_row(const float *rows[3], int width, const int c, const float *w, int all, float *y) {
  for (int i = 0; i < c; i += 4) {
    v4 k[9];
    for (int j = 0; j < 9; j++) k[j] = LOAD(w + j * all + i);
    const float *r0 = rows[0] + i, *r1 = rows[1] + i, *r2 = rows[2] + i;
    for (int x = 0; x < width; x++, r0 += c, r1 += c, r2 += c) {
      v4 s = MUL(LOAD(r0), k[0]), t = MUL(LOAD(r1), k[3]), u = MUL(LOAD(r2), k[6]);
      s = madd(LOAD(r0 + c), k[1], s);
      t = madd(LOAD(r1 + c), k[4], t);
      u = madd(LOAD(r2 + c), k[7], u);
      s = madd(LOAD(r0 + 2 * c), k[2], s);
      t = madd(LOAD(r1 + 2 * c), k[5], t);
      u = madd(LOAD(r2 + 2 * c), k[8], u);
      STORE(y + x * all + i, ADD(ADD(s, t), u));
    }
  }
}

INLINE void up_by(const int block, const float *x, int side, int c, const float *depthwise, const float *w,
                  const float *bias, float *y, int y_step, int out, float slope, float *scratch) {
  int large = 2 * side, step = (large + 2) * block;
  float *line = scratch + 3 * (large + 2) * c, *small = line + large * c;
  for (int row = -2; row < large; row++) {
    for (int i = 0; i < c; i += block) {
      float *ring = scratch + 3 * (large + 2) * i;
      up_row(x + i, c, side, block, row + 1, small, ring + (row + 2) % 3 * step, ALL(1));
      if (row < 0) continue;
      const float *rows[3] = {ring + row % 3 * step, ring + (row + 1) % 3 * step, ring + (row + 2) % 3 * step};
      depthwise_row(rows, large, block, depthwise + i, c, line + i);
    }
    if (row >= 0) pointwise(line, large, c, w, bias, y + row * large * y_step, y_step, out, slope);
  }
}

// x (side, side, c), c a multiple of 8: twice as large, depthwise 3x3 (9, c), pointwise. scratch: (8 side + 6) c + 16 side.
EXPORT(up)
void up(const float *x, int side, int c, const float *depthwise, const float *w, const float *bias, float *y, int y_step,
        int out, float slope, float *scratch) {
  if (c % BLOCK == 0)
    up_by(BLOCK, x, side, c, depthwise, w, bias, y, y_step, out, slope, scratch);
  else
    up_by(8, x, side, c, depthwise, w, bias, y, y_step, out, slope, scratch);
}

// x (side, side, c) with pixels x_step apart: depthwise 4x4 of stride 2 (16, c), pointwise. scratch: (4.5 side + 8) c.
EXPORT(down)
void down(const float *x, int x_step, int side, int c, const float *depthwise, const float *w, float *y, int y_step,
          int out, float slope, float *scratch) {
  int small = side / 2, step = (side + 2) * c;
  float *line = scratch + 4 * step;
  for (int row = 0; row < small; row++) {
    for (int j = 0; j < 4; j++) {
      float *to = scratch + j * step;
      int from = 2 * row - 1 + j;
      zeros(to, from < 0 || from >= side ? step : c);
      if (from < 0 || from >= side) continue;
      zeros(to + step - c, c);
      for (int p = 0; p < side; p++) copy(to + (p + 1) * c, x + (from * side + p) * x_step, c);
    }
    for (int i = 0; i < c; i += 4)
      for (int p = 0; p < small; p++) {
        v4 sums[4];
        for (int j = 0; j < 4; j++) {
          const float *a = scratch + j * step + 2 * p * c + i, *k = depthwise + 4 * j * c + i;
          sums[j] = MUL(LOAD(a), LOAD(k));
          for (int n = 1; n < 4; n++) sums[j] = madd(LOAD(a + n * c), LOAD(k + n * c), sums[j]);
        }
        STORE(line + p * c + i, ADD(ADD(sums[0], sums[1]), ADD(sums[2], sums[3])));
      }
    pointwise(line, small, c, w, 0, y + row * small * y_step, y_step, out, slope);
  }
}

// RGBA bytes (side, side) as [-1, 1]: a dense 4x4 of stride 2 as products with patches, each (4 rows, 4 columns, 3); bias
// (out) or none. scratch: 36 side + 24.
EXPORT(first)
void first(const uint8_t *rgba, int side, const float *w, const float *bias, float *y, int out, float slope,
           float *scratch) {
  int small = side / 2, step = (side + 2) * 3;
  float *rows = scratch + small * 48;
  for (int row = 0; row < small; row++) {
    for (int j = 0; j < 4; j++) {
      float *to = rows + j * step;
      int from = 2 * row - 1 + j, is_outside = from < 0 || from >= side;
      for (int i = 0; i < 3; i++) to[i] = to[step - 3 + i] = 0;
      for (int p = 0; p < side; p++)
        for (int i = 0; i < 3; i++)
          to[3 * p + 3 + i] = is_outside ? 0 : rgba[4 * (from * side + p) + i] * (2.0f / 255) - 1;
    }
    for (int p = 0; p < small; p++)
      for (int j = 0; j < 4; j++) copy(scratch + p * 48 + j * 12, rows + j * step + 6 * p, 12);
    pointwise(scratch, small, 48, w, bias, y + row * small * out, out, out, slope);
  }
}

// 3x3 over three rows with borders, four pixels at once: up to four outputs in a vector; kernels (9, in, 4).
INLINE void dense_row(const float *rows[3], int at, const int in, const int step, const float *w, v4 bias, v4 sums[4]) {
  for (int p = 0; p < 4; p++) sums[p] = bias;
  for (int j = 0; j < 3; j++)
    for (int n = 0; n < 3; n++)
      for (int i = 0; i < in; i++, w += 4) {
        v4 kernel = LOAD(w);
        for (int p = 0; p < 4; p++) sums[p] = madd(SPREAD(rows[j] + (at + p + n) * step + i), kernel, sums[p]);
      }
}

// x (side, side, 8): twice as large, leaky, 3x3 to three channels, leaky, 3x3 to three, (tanh + 1) / 2: RGBA bytes.
// Kernels (9, 8, 4) and (9, 3, 4). scratch: 80 side + 72.
EXPORT(draw)
void draw(const float *x, int side, const float *w1, const float *b1, const float *w2, const float *b2, uint8_t *rgba,
          float slope_, float *scratch) {
  int large = 2 * side, step = (large + 2) * 8, thin = (large + 2) * 4;
  float *wide = scratch, *narrow = scratch + 3 * step, *small = narrow + 3 * thin;
  v4 slope = ALL(slope_), sums[4];
  zeros(narrow, 3 * thin);
  for (int row = -2; row <= large; row++) {  // of the first convolution; the second is one behind
    up_row(x, 8, side, 8, row + 1, small, wide + (row + 4) % 3 * step, slope);
    float *to = narrow + (row + 3) % 3 * thin;
    if (row == large) zeros(to, thin);
    const float *eights[3] = {wide + (row + 2) % 3 * step, wide + (row + 3) % 3 * step, wide + (row + 4) % 3 * step};
    for (int p = 0; p < large && row >= 0 && row < large; p += 4) {
      dense_row(eights, p, 8, 8, w1, LOAD(b1), sums);
      for (int i = 0; i < 4; i++) STORE(to + 4 * (p + i + 1), leaky(sums[i], slope));
    }
    if (row < 1) continue;
    const float *threes[3] = {narrow + (row + 1) % 3 * thin, narrow + (row + 2) % 3 * thin, to};
    for (int p = 0; p < large; p += 4) {
      dense_row(threes, p, 3, 4, w2, LOAD(b2), sums);
      for (int i = 0; i < 4; i++) {
        v4 levels = wasm_f32x4_nearest(MUL(sigmoid(ADD(sums[i], sums[i])), ALL(255)));
        sums[i] = wasm_i32x4_replace_lane(wasm_i32x4_trunc_sat_f32x4(levels), 3, 255);
      }
      v4 left = wasm_i16x8_narrow_i32x4(sums[0], sums[1]), right = wasm_i16x8_narrow_i32x4(sums[2], sums[3]);
      STORE(rgba + 4 * ((row - 1) * large + p), wasm_u8x16_narrow_i16x8(left, right));
    }
  }
}

// x (side, side, 8), of which the first two channels count: 3x3 to one, sigmoid. Kernels (9, 4), the last two of each zero.
EXPORT(mask)
void mask(const float *x, int side, const float *w, const float *bias, float *y) {
  for (int row = 0; row < side; row++)
    for (int column = 0; column < side; column += 4) {
      float logits[4];
      for (int p = 0; p < 4; p++) {
        v4 sum = ALL(0);
        for (int j = -1; j < 2; j++)
          for (int n = -1; n < 2; n++) {
            int at_row = row + j, at = column + p + n;
            if (at_row < 0 || at_row >= side || at < 0 || at >= side) continue;
            sum = madd(LOAD(x + (at_row * side + at) * 8), LOAD(w + 4 * (3 * (j + 1) + n + 1)), sum);
          }
        logits[p] = wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) + bias[0];
      }
      STORE(y + row * side + column, sigmoid(LOAD(logits)));
    }
}
