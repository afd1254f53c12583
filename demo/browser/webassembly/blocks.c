// The layers of the networks that see what hides a face and where its landmarks are, beside those of `layers.c`; values lie
// as there.
//
// Of the first, two things are done in another order than in `blend/occlusion_network.py`, which changes nothing but rounding: a pointwise
// layer behind an enlarged picture runs before it is enlarged, and the 3x3 layer at full size behind the last one runs as nine
// pointwise layers, one for each place of its kernels, whose results are enlarged and then moved. The first saves half of
// its multiplications, the second three quarters.
#include "numbers.h"

#define HEAD 12  // channels at full size
#define TAPS 9
#define TAPPED 112  // channels of all places: TAPS * HEAD, filled up to groups of eight
#define EDGE 0.75f  // bilinear with pixel centres at halves: the share of the nearer pixel

// One row between borders of one pixel; zeros where there is no such row.
INLINE void bordered(const float *x, int side, int c, int row, float *to) {
  int step = (side + 2) * c, is_outside = row < 0 || row >= side;
  zeros(to, is_outside ? step : c);
  if (is_outside) return;
  copy(to + c, x + row * side * c, side * c);
  zeros(to + step - c, c);
}

// 3x3 over three rows with borders at each `stride`-th pixel, bias, leaky.
INLINE void depthwise(const float *rows[3], int width, int stride, int c, const float *w, const float *bias, float *y,
                      v4 slope) {
  for (int i = 0; i < c; i += 4) {
    v4 k[9], own = LOAD(bias + i);
    for (int j = 0; j < 9; j++) k[j] = LOAD(w + j * c + i);
    const float *r0 = rows[0] + i, *r1 = rows[1] + i, *r2 = rows[2] + i;
    for (int x = 0; x < width; x++, r0 += stride * c, r1 += stride * c, r2 += stride * c) {
      v4 s = madd(LOAD(r0), k[0], own), t = MUL(LOAD(r1), k[3]), u = MUL(LOAD(r2), k[6]);
      s = madd(LOAD(r0 + c), k[1], s);
      t = madd(LOAD(r1 + c), k[4], t);
      u = madd(LOAD(r2 + c), k[7], u);
      s = madd(LOAD(r0 + 2 * c), k[2], s);
      t = madd(LOAD(r1 + 2 * c), k[5], t);
      u = madd(LOAD(r2 + 2 * c), k[8], u);
      STORE(y + x * c + i, leaky(ADD(ADD(s, t), u), slope));
    }
  }
}

// x (side, side, c): depthwise 3x3 (9, c) of stride 1 or 2, pointwise, both with bias and leaky. `added` is added to what
// comes out, if it is given. scratch: (4 side + 6) c.
EXPORT(separable)
void separable(const float *x, int side, int c, int stride, const float *w1, const float *b1, float slope1,
               const float *w2, const float *b2, float slope2, const float *added, float *y, int out, float *scratch) {
  int small = side / stride, step = (side + 2) * c;
  float *line = scratch + 3 * step;
  for (int row = 0, next = -1; row < small; row++) {
    for (; next <= row * stride + 1; next++) bordered(x, side, c, next, scratch + (next + 3) % 3 * step);
    const float *rows[3];
    for (int j = 0; j < 3; j++) rows[j] = scratch + (row * stride + j + 2) % 3 * step;
    depthwise(rows, small, stride, c, w1, b1, line, ALL(slope1));
    float *to = y + row * small * out;
    pointwise(line, small, c, w2, b2, to, out, out, slope2);
    const float *from = added + row * small * out;
    for (int i = 0; added && i < small * out; i += 4) STORE(to + i, ADD(LOAD(to + i), LOAD(from + i)));
  }
}

INLINE int within(int row, int side) { return row < 0 ? 0 : row < side ? row : side - 1; }

// The two rows (or columns) of a picture that one of the picture twice as large lies between: the nearer and the other.
INLINE void neighbours(int at, int side, int *near, int *far) {
  *near = at >> 1;
  *far = within(at & 1 ? *near + 1 : *near - 1, side);
}

// y (2 side, 2 side, c) becomes leaky(y + x twice as large), x (side, side, c). scratch: side c.
EXPORT(join)
void join(const float *x, int side, int c, float *y, float slope_, float *scratch) {
  v4 slope = ALL(slope_), edge = ALL(EDGE);
  for (int row = 0; row < 2 * side; row++, y += 2 * side * c) {
    int near, far;
    neighbours(row, side, &near, &far);
    const float *a = x + near * side * c, *b = x + far * side * c;
    for (int i = 0; i < side * c; i += 4) STORE(scratch + i, between(LOAD(b + i), LOAD(a + i), edge));
    for (int column = 0; column < 2 * side; column++) {
      neighbours(column, side, &near, &far);
      float *to = y + column * c;
      for (int i = 0; i < c; i += 4) {
        v4 up = between(LOAD(scratch + far * c + i), LOAD(scratch + near * c + i), edge);
        STORE(to + i, leaky(ADD(LOAD(to + i), up), slope));
      }
    }
  }
}

// RGBA bytes as [-1, 1], one row between borders of one pixel.
INLINE void normalised(const uint8_t *rgba, int side, int row, float *to) {
  int is_outside = row < 0 || row >= side;
  zeros(to, is_outside ? 4 * (side + 2) : 4);
  if (is_outside) return;
  for (int p = 0; p < side; p++) {
    v4 bytes = wasm_v128_load32_zero(rgba + 4 * (row * side + p));
    v4 levels = wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes)));
    STORE(to + 4 * p + 4, SUB(MUL(levels, ALL(2.0f / 255)), ALL(1)));
  }
  zeros(to + 4 * (side + 1), 4);
}

// What the crop adds to one row of the head: 3x3 over three rows with borders; kernels (9, 3, HEAD).
INLINE void from_crop(const float *rows[3], int side, const float *w, const float *bias, float *y) {
  for (int p = 0; p < side; p += 4) {
    v4 a[4], b[4], c[4];
    for (int i = 0; i < 4; i++) {
      a[i] = LOAD(bias);
      b[i] = LOAD(bias + 4);
      c[i] = LOAD(bias + 8);
    }
    const float *kernel = w;
    for (int j = 0; j < 3; j++)
      for (int n = 0; n < 3; n++)
        for (int k = 0; k < 3; k++, kernel += HEAD) {
          v4 w0 = LOAD(kernel), w1 = LOAD(kernel + 4), w2 = LOAD(kernel + 8);
          for (int i = 0; i < 4; i++) {
            v4 value = SPREAD(rows[j] + 4 * (p + i + n) + k);
            a[i] = madd(value, w0, a[i]);
            b[i] = madd(value, w1, b[i]);
            c[i] = madd(value, w2, c[i]);
          }
        }
    for (int i = 0; i < 4; i++) {
      float *to = y + (p + i) * HEAD;
      STORE(to, a[i]);
      STORE(to + 4, b[i]);
      STORE(to + 8, c[i]);
    }
  }
}

// Of every pixel of a row, for each of three columns of the kernels: the sum over their rows, each enlarged downwards.
// `taps` holds rows of pixels of TAPPED: of each column of the kernels its three rows, HEAD channels each.
INLINE void down_taps(float *const taps[3], int row, int small, float *v) {
  int side = 2 * small;
  const float *nears[3], *fars[3];
  v4 share[3], rest[3];
  for (int j = 0; j < 3; j++) {
    int at = row + j - 1, near, far;
    neighbours(within(at, side), small, &near, &far);
    nears[j] = taps[near % 3] + j * HEAD;
    fars[j] = taps[far % 3] + j * HEAD;
    int is_inside = at >= 0 && at < side;
    share[j] = ALL(is_inside ? EDGE : 0);
    rest[j] = ALL(is_inside ? 1 - EDGE : 0);
  }
  for (int p = 0; p < small; p++)
    for (int n = 0; n < 3; n++)
      for (int i = 0; i < HEAD; i += 4) {
        int at = p * TAPPED + n * 3 * HEAD + i;
        v4 sum = ALL(0);
        for (int j = 0; j < 3; j++) sum = madd(LOAD(fars[j] + at), rest[j], madd(LOAD(nears[j] + at), share[j], sum));
        STORE(v + (p * 3 + n) * HEAD + i, sum);
      }
}

// The sums of `down_taps` enlarged to the right and moved to where they belong, added to what the crop gave; leaky.
INLINE void across_taps(const float *v, int small, float *y, v4 slope) {
  v4 edge = ALL(EDGE);
  for (int column = 0; column < 2 * small; column++, y += HEAD)
    for (int i = 0; i < HEAD; i += 4) {
      v4 sum = LOAD(y + i);
      for (int n = 0; n < 3; n++) {
        int at = column + n - 1, near, far;
        if (at < 0 || at >= 2 * small) continue;
        neighbours(at, small, &near, &far);
        const float *a = v + (3 * near + n) * HEAD + i, *b = v + (3 * far + n) * HEAD + i;
        sum = ADD(sum, between(LOAD(b), LOAD(a), edge));
      }
      STORE(y + i, leaky(sum, slope));
    }
}

// 3x3 of HEAD channels to one over three rows with borders, sigmoid; kernels (9, HEAD).
INLINE void to_probability(const float *rows[3], int side, const float *w, float bias, float *y) {
  for (int p = 0; p < side; p += 4) {
    v4 sums[4];
    for (int i = 0; i < 4; i++) sums[i] = ALL(0);
    const float *kernel = w;
    for (int j = 0; j < 3; j++)
      for (int n = 0; n < 3 * HEAD; n += 4, kernel += 4) {
        v4 k = LOAD(kernel);
        for (int i = 0; i < 4; i++) sums[i] = madd(LOAD(rows[j] + (p + i) * HEAD + n), k, sums[i]);
      }
    v4 ab = ADD(wasm_i32x4_shuffle(sums[0], sums[1], 0, 4, 1, 5), wasm_i32x4_shuffle(sums[0], sums[1], 2, 6, 3, 7));
    v4 cd = ADD(wasm_i32x4_shuffle(sums[2], sums[3], 0, 4, 1, 5), wasm_i32x4_shuffle(sums[2], sums[3], 2, 6, 3, 7));
    v4 logits = ADD(wasm_i32x4_shuffle(ab, cd, 0, 1, 4, 5), wasm_i32x4_shuffle(ab, cd, 2, 3, 6, 7));
    STORE(y + p, sigmoid(ADD(logits, ALL(bias))));
  }
}

// The last two layers. x (side / 2, side / 2, c) and the crop, RGBA bytes (side, side): 3x3 of both to HEAD channels at full
// size, leaky, 3x3 to one, sigmoid. Kernels: packed (TAPPED, c) of x, (9, 3, HEAD) of the crop, (9, HEAD).
// scratch: (1.5 TAPPED + 4.5 HEAD + 12) side + 6 HEAD + 24.
EXPORT(see)
void see(const float *x, const uint8_t *rgba, int side, int c, const float *w_taps, const float *w_crop, const float *bias,
         const float *w_last, const float *b_last, float *y, float slope_, float *scratch) {
  int small = side / 2, crop_step = 4 * (side + 2), step = (side + 2) * HEAD;
  float *taps[3], *crops = scratch, *lines = crops + 3 * crop_step, *v = lines + 3 * step;
  for (int j = 0; j < 3; j++) taps[j] = v + small * 3 * HEAD + j * small * TAPPED;
  v4 slope = ALL(slope_);
  pointwise(x, small, c, w_taps, 0, taps[0], TAPPED, TAPPED, 1);
  for (int j = -1; j < 1; j++) normalised(rgba, side, j, crops + (j + 3) % 3 * crop_step);
  zeros(lines + 2 * step, step);
  for (int row = 0; row <= side; row++) {  // of the first layer; the second one is one behind
    float *line = lines + row % 3 * step;
    zeros(line, row < side ? HEAD : step);
    if (row < side) {
      int below = row / 2 + 1;
      if (row % 2 == 0 && below < small)
        pointwise(x + below * small * c, small, c, w_taps, 0, taps[below % 3], TAPPED, TAPPED, 1);
      normalised(rgba, side, row + 1, crops + (row + 1) % 3 * crop_step);
      const float *rows[3] = {crops + (row + 2) % 3 * crop_step, crops + row % 3 * crop_step,
                              crops + (row + 1) % 3 * crop_step};
      from_crop(rows, side, w_crop, bias, line + HEAD);
      down_taps(taps, row, small, v);
      across_taps(v, small, line + HEAD, slope);
      zeros(line + step - HEAD, HEAD);
    }
    if (row < 1) continue;
    const float *rows[3] = {lines + (row + 1) % 3 * step, lines + (row + 2) % 3 * step, line};
    to_probability(rows, side, w_last, b_last[0], y + (row - 1) * side);
  }
}

// x (side, side) of one channel: 3x3 of stride 2 to out channels, kernels (9, out), bias, leaky.
EXPORT(stem)
void stem(const float *x, int side, const float *w, const float *bias, float *y, int out, float slope) {
  int small = side / 2;
  for (int row = 0; row < small; row++)
    for (int column = 0; column < small; column++, y += out) {
      copy(y, bias, out);
      for (int k = 0; k < 9; k++) {
        int from = 2 * row - 1 + k / 3, at = 2 * column - 1 + k % 3;
        if (from < 0 || from >= side || at < 0 || at >= side) continue;
        v4 value = SPREAD(x + from * side + at);
        for (int i = 0; i < out; i += 4) STORE(y + i, madd(value, LOAD(w + k * out + i), LOAD(y + i)));
      }
      for (int i = 0; i < out; i += 4) STORE(y + i, leaky(LOAD(y + i), ALL(slope)));
    }
}

// x (pixels, c) to one pixel (c): of each channel the sum of all, weighted by (pixels, c), and its bias.
EXPORT(whole)
void whole(const float *x, int pixels, int c, const float *w, const float *bias, float *y) {
  copy(y, bias, c);
  for (int p = 0; p < pixels * c; p += c)
    for (int i = 0; i < c; i += 4) STORE(y + i, madd(LOAD(x + p + i), LOAD(w + p + i), LOAD(y + i)));
}
