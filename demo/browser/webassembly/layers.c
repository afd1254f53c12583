// The layers of the per-frame network for the page, on one thread, four numbers at a time.
//
// Values lie row by row, pixel by pixel, their channels together. Kernels of `pointwise` are packed: of every eight output
// channels, for each input channel, the eight weights. `slope` is that of the leaky ReLU behind a layer; 1 is none. Every
// function writes all of its output, and `scratch` needs no more than its comment says, in floats.
// `python -m demo.browser.webassembly` compiles this file.
#include "numbers.h"

// Four pixels by eight channels: enough sums to hide how long one takes, and few rests, for most sides are multiples of four.
#define PIXELS 4
// Channels that are enlarged and filtered together, so that four rows of them stay in a first cache of 32 kB.
#define BLOCK 16
// Rows of an enlarged picture that its pointwise layer gets at once, and rows before it is enlarged that they need.
#define AT_ONCE 2
#define RING 4
// Pixels of a halved picture that are summed at once: its sides are multiples of seven.
#define SEVEN 7
// Pixels that a pointwise layer should get at once, that its kernels are not read too often.
#define ENOUGH 28
// Pixels of a halved picture that are summed at once: its sides are multiples of seven.
#define SEVEN 7
// Pixels that a pointwise layer should get at once, that its kernels are not read too often.
#define ENOUGH 28

// A few pixels, eight output channels.
INLINE void tile(const int pixels, const float *x, int in, const float *w, v4 bias0, v4 bias1, float *y, int y_step,
                 v4 slope) {
  v4 a[PIXELS], b[PIXELS];
  const float *from[PIXELS];
  for (int i = 0; i < pixels; i++) {
    a[i] = bias0;
    b[i] = bias1;
    from[i] = x + i * in;
  }
  for (int k = 0; k < in; k += 4, w += 32) {
    HIDE(w);
    UNROLLED (int i = 0; i < pixels; i++) HIDE(from[i]);
    UNROLLED (int j = 0; j < 4; j++) {
      v4 w0 = LOAD(w + 8 * j), w1 = LOAD(w + 8 * j + 4);
      UNROLLED (int i = 0; i < pixels; i++) {
        v4 value = SPREAD(from[i] + j);
        a[i] = madd(value, w0, a[i]);
        PIN(a[i]);
        b[i] = madd(value, w1, b[i]);
        PIN(b[i]);
      }
    }
    UNROLLED (int i = 0; i < pixels; i++) from[i] += 4;
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

// One row of a picture between borders of one pixel, twice as wide.
INLINE void wide_row(const float *x, int x_step, int side, const int c, float *y) {
  int large = 2 * side, column = 0;
  float scale = (float)(side - 1) / (large - 1);
  zeros(y, c);
  y += c;
  for (int p = 0; p < side; p++, x += x_step) {
    const float *next = p + 1 < side ? x + x_step : x;
    v4 a[BLOCK / 4], step[BLOCK / 4];
    for (int i = 0; i < c / 4; i++) {
      a[i] = LOAD(x + 4 * i);
      step[i] = SUB(LOAD(next + 4 * i), a[i]);
    }
    for (float share; column < large && (share = column * scale - p) < 1; column++, y += c) {
      v4 shares = ALL(share);
      for (int i = 0; i < c / 4; i++) STORE(y + 4 * i, madd(step[i], shares, a[i]));
    }
  }
  zeros(y, c);
}

// What each of three rows of x counts for in each of three neighbouring rows of the picture twice as high, the one in the
// middle being `row`; none for rows outside. Says which row of x is the first.
INLINE int shares_of(int row, int side, float shares[3][3]) {
  float scale = (float)(side - 1) / (2 * side - 1);
  int base = row < 1 ? 0 : (int)((row - 1) * scale);
  if (base > side - 3) base = side - 3 < 0 ? 0 : side - 3;
  for (int j = 0; j < 3; j++) {
    for (int m = 0; m < 3; m++) shares[m][j] = 0;
    int at = row - 1 + j;
    if (at < 0 || at >= 2 * side) continue;
    float exact = at * scale - base;
    int first = exact;
    shares[first][j] = 1 - (exact - first);
    if (first < 2) shares[first + 1][j] = exact - first;
  }
  return base;
}

// Two rows of the picture twice as large through the 3x3 layer, of c channels: its kernels (9, all) are joined with what
// enlarging downwards does, so that `ring` holds rows which are enlarged to the right alone.
INLINE void up_rows(const float *x, int side, const int c, int all, int row, const float *w, float *ring, int *ready,
                    float *y) {
  int large = 2 * side, step = (large + 2) * c;
  for (int n = 0; n < AT_ONCE; n++) {
    float shares[3][3];
    int base = shares_of(row + n, side, shares);
    for (; *ready < base + 3 && *ready < side; ++*ready)
      wide_row(x + *ready * side * all, all, side, c, ring + *ready % RING * step);
    const float *rows[3];
    for (int m = 0; m < 3; m++) rows[m] = ring + (base + m < side ? base + m : base) % RING * step;
    for (int i = 0; i < c; i += 4) {
      v4 k[9];
      for (int m = 0; m < 3; m++)
        for (int column = 0; column < 3; column++) {
          v4 sum = MUL(ALL(shares[m][0]), LOAD(w + column * all + i));
          for (int j = 1; j < 3; j++) sum = madd(ALL(shares[m][j]), LOAD(w + (3 * j + column) * all + i), sum);
          k[3 * m + column] = sum;
        }
      filtered(rows, i, large, 1, c, k, ALL(0), ALL(1), y + n * large * all + i, all);
    }
  }
}

INLINE void up_by(const int block, const float *x, int side, int c, const float *depthwise, const float *w,
                  const float *bias, float *y, int y_step, int out, float slope, float *scratch) {
  int large = 2 * side, step = RING * (large + 2) * block;
  float *lines = scratch + RING * (large + 2) * c;
  for (int row = 0, ready = 0; row < large; row += AT_ONCE) {
    int after = ready;
    for (int i = 0; i < c; i += block) {
      after = ready;
      up_rows(x + i, side, block, c, row, depthwise + i, scratch + i / block * step, &after, lines + i);
    }
    ready = after;
    pointwise(lines, AT_ONCE * large, c, w, bias, y + row * large * y_step, y_step, out, slope);
  }
}

// x (side, side, c), c a multiple of 8: twice as large, depthwise 3x3 (9, c), pointwise. scratch: (12 side + 8) c.
EXPORT(up)
void up(const float *x, int side, int c, const float *depthwise, const float *w, const float *bias, float *y, int y_step,
        int out, float slope, float *scratch) {
  if (c % BLOCK == 0)
    up_by(BLOCK, x, side, c, depthwise, w, bias, y, y_step, out, slope, scratch);
  else
    up_by(8, x, side, c, depthwise, w, bias, y, y_step, out, slope, scratch);
}

// Some pixels of 4x4 of stride 2 over four rows with borders: four of c channels.
INLINE void halved(const int count, const float *const rows[4], int at, int c, const float *w, float *y) {
  v4 sums[SEVEN];
  UNROLLED (int p = 0; p < count; p++) sums[p] = ALL(0);
  for (int j = 0; j < 4; j++) {
    const float *x = rows[j] + at, *kernels = w + 4 * j * c;
    v4 k[4];
    UNROLLED (int n = 0; n < 4; n++) k[n] = LOAD(kernels + n * c);
    UNROLLED (int column = 0; column < 2 * count + 2; column++, x += c) {
      v4 value = LOAD(x);
      UNROLLED (int p = 0; p < count; p++) {
        if (column < 2 * p || column > 2 * p + 3) continue;
        sums[p] = madd(value, k[column - 2 * p], sums[p]);
        PIN(sums[p]);
      }
    }
  }
  UNROLLED (int p = 0; p < count; p++) STORE(y + p * c, sums[p]);
}

// x (side, side, c) with pixels x_step apart: depthwise 4x4 of stride 2 (16, c), pointwise. scratch: (4.5 side + 36) c.
EXPORT(down)
void down(const float *x, int x_step, int side, int c, const float *depthwise, const float *w, float *y, int y_step,
          int out, float slope, float *scratch) {
  int small = side / 2, step = (side + 2) * c, count = 0;
  float *lines = scratch + 4 * step;
  for (int row = 0, next = -1; row < small; row++) {
    for (; next <= 2 * row + 2; next++) {
      float *to = scratch + (next + 4) % 4 * step;
      int is_outside = next < 0 || next >= side;
      zeros(to, is_outside ? step : c);
      if (is_outside) continue;
      zeros(to + step - c, c);
      for (int p = 0; p < side; p++) copy(to + (p + 1) * c, x + (next * side + p) * x_step, c);
    }
    const float *rows[4];
    for (int j = 0; j < 4; j++) rows[j] = scratch + (2 * row + j + 3) % 4 * step;
    float *line = lines + count * c;
    for (int i = 0; i < c; i += 4) {
      int p = 0;
      for (; p + SEVEN <= small; p += SEVEN) halved(SEVEN, rows, 2 * p * c + i, c, depthwise + i, line + p * c + i);
      for (; p < small; p++) halved(1, rows, 2 * p * c + i, c, depthwise + i, line + p * c + i);
    }
    count += small;
    if (count + small <= ENOUGH && row + 1 < small) continue;
    pointwise(lines, count, c, w, 0, y + ((row + 1) * small - count) * y_step, y_step, out, slope);
    count = 0;
  }
}

// RGBA bytes as numbers in [-1, 1].
EXPORT(levels)
void levels(const uint8_t *rgba, int pixels, float *y) {
  for (int p = 0; p < 4 * pixels; p += 4) STORE(y + p, level(rgba + p));
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
      for (int p = 0; p < side; p++)
        STORE(to + 3 * p + 3, is_outside ? ALL(0) : level(rgba + 4 * (from * side + p)));  // the next takes the fourth's place
      for (int i = 0; i < 3; i++) to[i] = to[step - 3 + i] = 0;
    }
    for (int p = 0; p < small; p++)
      for (int j = 0; j < 4; j++) copy(scratch + p * 48 + j * 12, rows + j * step + 6 * p, 12);
    pointwise(scratch, small, 48, w, bias, y + row * small * out, out, out, slope);
  }
}

// 3x3 over three rows with borders, eight pixels of `in` channels at once: up to four outputs in a vector; kernels (9, in, 4).
INLINE void dense_row(const float *rows[3], int at, const int in, const float *w, v4 bias, v4 *y) {
  v4 sums[8];
  UNROLLED (int p = 0; p < 8; p++) sums[p] = bias;
  for (int j = 0; j < 3; j++) {
    const float *x = rows[j] + at * in;
    for (int i = 0; i < 3 * in; i += 4, x += 4, w += 16) {  // a row's pixels and their channels follow each other
      HIDE(x);
      HIDE(w);
      UNROLLED (int n = 0; n < 4; n++) {
        v4 kernel = LOAD(w + 4 * n);
        UNROLLED (int p = 0; p < 8; p++) {
          sums[p] = madd(SPREAD(x + p * in + n), kernel, sums[p]);
          PIN(sums[p]);
        }
      }
    }
  }
  UNROLLED (int p = 0; p < 8; p++) y[p] = sums[p];
}

// x (side, side, 8): twice as large, leaky, 3x3 to three channels, leaky, 3x3 to three, (tanh + 1) / 2: RGBA bytes.
// Kernels (9, 8, 4) and (9, 4, 4). scratch: 80 side + 72.
EXPORT(draw)
void draw(const float *x, int side, const float *w1, const float *b1, const float *w2, const float *b2, uint8_t *rgba,
          float slope_, float *scratch) {
  int large = 2 * side, step = (large + 2) * 8, thin = (large + 2) * 4;
  float *wide = scratch, *narrow = scratch + 3 * step, *small = narrow + 3 * thin;
  v4 slope = ALL(slope_), sums[8];
  zeros(narrow, 3 * thin);
  for (int row = -2; row <= large; row++) {  // of the first convolution; the second is one behind
    up_row(x, 8, side, 8, row + 1, small, wide + (row + 4) % 3 * step, slope);
    float *to = narrow + (row + 3) % 3 * thin;
    if (row == large) zeros(to, thin);
    const float *eights[3] = {wide + (row + 2) % 3 * step, wide + (row + 3) % 3 * step, wide + (row + 4) % 3 * step};
    for (int p = 0; p < large && row >= 0 && row < large; p += 8) {
      dense_row(eights, p, 8, w1, LOAD(b1), sums);
      for (int i = 0; i < 8; i++) STORE(to + 4 * (p + i + 1), leaky(sums[i], slope));
    }
    if (row < 1) continue;
    const float *threes[3] = {narrow + (row + 1) % 3 * thin, narrow + (row + 2) % 3 * thin, to};
    for (int p = 0; p < large; p += 8) {
      dense_row(threes, p, 4, w2, LOAD(b2), sums);
      for (int i = 0; i < 8; i++) {
        v4 levels = wasm_f32x4_nearest(MUL(sigmoid(ADD(sums[i], sums[i])), ALL(255)));
        sums[i] = wasm_i32x4_replace_lane(wasm_i32x4_trunc_sat_f32x4(levels), 3, 255);
      }
      uint8_t *to = rgba + 4 * ((row - 1) * large + p);
      for (int i = 0; i < 8; i += 4, to += 16) {
        v4 left = wasm_i16x8_narrow_i32x4(sums[i], sums[i + 1]), right = wasm_i16x8_narrow_i32x4(sums[i + 2], sums[i + 3]);
        STORE(to, wasm_u8x16_narrow_i16x8(left, right));
      }
    }
  }
}

// x (side, side, 8), of which the first two channels count: 3x3 to one, sigmoid. Kernels (9, 4), the last two of each zero.
// scratch: 12 side + 24.
EXPORT(mask)
void mask(const float *x, int side, const float *w, const float *bias, float *y, float *scratch) {
  int step = 4 * (side + 2);
  v4 k[9];
  for (int j = 0; j < 9; j++) k[j] = LOAD(w + 4 * j);
  for (int row = 0, next = -1; row < side; row++) {
    for (; next <= row + 1; next++) {
      float *to = scratch + (next + 3) % 3 * step;
      if (next < 0 || next >= side) zeros(to, step);
      else
        for (int p = 0; p < side; p++) copy(to + 4 * (p + 1), x + 8 * (next * side + p), 4);
      zeros(to, 4);
      zeros(to + step - 4, 4);
    }
    const float *rows[3];
    for (int j = 0; j < 3; j++) rows[j] = scratch + (row + j + 2) % 3 * step;
    for (int p = 0; p < side; p += 4) {
      float sums[16];
      filtered(rows, 4 * p, 4, 1, 4, k, ALL(0), ALL(1), sums, 4);
      v4 left = wasm_i32x4_shuffle(LOAD(sums), LOAD(sums + 4), 0, 1, 4, 5);
      v4 right = wasm_i32x4_shuffle(LOAD(sums + 8), LOAD(sums + 12), 0, 1, 4, 5);
      v4 sum = ADD(wasm_i32x4_shuffle(left, right, 0, 2, 4, 6), wasm_i32x4_shuffle(left, right, 1, 3, 5, 7));
      STORE(y + row * side + p, sigmoid(ADD(sum, ALL(bias[0]))));
    }
  }
}
