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
    for (int i = 0; i < c; i += 4) {
      v4 k[9];
      for (int j = 0; j < 9; j++) k[j] = LOAD(w1 + j * c + i);
      filtered(rows, i, small, stride, c, k, LOAD(b1 + i), ALL(slope1), line + i, c);
    }
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

// RGBA bytes as numbers in [-1, 1], one row between borders of one pixel.
INLINE void normalised(const uint8_t *rgba, int side, int row, float *to) {
  int is_outside = row < 0 || row >= side;
  zeros(to, is_outside ? 4 * (side + 2) : 4);
  if (is_outside) return;
  for (int p = 0; p < side; p++) STORE(to + 4 * p + 4, level(rgba + 4 * (row * side + p)));
  zeros(to + 4 * (side + 1), 4);
}

// What the crop adds to one row of the head: 3x3 over three rows with borders; kernels (9, 3, HEAD).
INLINE void from_crop(const float *rows[3], int side, const float *w, const float *bias, float *y) {
  for (int p = 0; p < side; p += 4) {
    v4 sums[3][4];
    UNROLLED (int o = 0; o < 3; o++) UNROLLED (int i = 0; i < 4; i++) sums[o][i] = LOAD(bias + 4 * o);
    const float *kernel = w;
    for (int j = 0; j < 3; j++) {
      const float *x = rows[j] + 4 * p;
      for (int n = 0; n < 3; n++, x += 4, kernel += 3 * HEAD) {
        HIDE(x);
        HIDE(kernel);
        UNROLLED (int k = 0; k < 3; k++)
          UNROLLED (int o = 0; o < 3; o++) {  // one kernel at a time: with three there are no registers for the sums
            v4 own = LOAD(kernel + k * HEAD + 4 * o);
            UNROLLED (int i = 0; i < 4; i++) {
              sums[o][i] = madd(SPREAD(x + 4 * i + k), own, sums[o][i]);
              PIN(sums[o][i]);
            }
          }
      }
    }
    UNROLLED (int o = 0; o < 3; o++) UNROLLED (int i = 0; i < 4; i++) STORE(y + (p + i) * HEAD + 4 * o, sums[o][i]);
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

// The sums of `down_taps` enlarged to the right and moved to where they belong, added to what the crop gave; leaky. Of two
// pixels that come of one, the left one has the first column's sum from the pixel before, the right one the last column's from
// the next; outside there is none.
INLINE void across_taps(const float *v, int small, float *y, v4 slope) {
  const int step = 3 * HEAD;
  v4 near = ALL(EDGE), far = ALL(1 - EDGE);
  for (int p = 0; p < small; p++, v += step, y += 2 * HEAD) {
    int is_first = p == 0, is_last = p == small - 1;
    const float *before = is_first ? v : v - step, *next = is_last ? v : v + step;
    v4 left = ALL(is_first ? 0 : EDGE), left_far = ALL(is_first ? 0 : 1 - EDGE);
    v4 right = ALL(is_last ? 0 : EDGE), right_far = ALL(is_last ? 0 : 1 - EDGE);
    for (int i = 0; i < HEAD; i += 4) {
      const float *own = v + i, *a = before + i, *b = next + i;
      v4 even = madd(LOAD(a), left, LOAD(y + i)), odd = madd(LOAD(own), near, LOAD(y + HEAD + i));
      even = madd(LOAD(own), left_far, even);
      odd = madd(LOAD(a), far, odd);
      even = madd(LOAD(own + HEAD), near, even);
      odd = madd(LOAD(own + HEAD), near, odd);
      even = madd(LOAD(a + HEAD), far, even);
      odd = madd(LOAD(b + HEAD), far, odd);
      even = madd(LOAD(own + 2 * HEAD), near, even);
      odd = madd(LOAD(b + 2 * HEAD), right, odd);
      even = madd(LOAD(b + 2 * HEAD), far, even);
      odd = madd(LOAD(own + 2 * HEAD), right_far, odd);
      STORE(y + i, leaky(even, slope));
      STORE(y + HEAD + i, leaky(odd, slope));
    }
  }
}

// Sums of four vectors each.
INLINE v4 totals(const v4 x[4]) {
  v4 ab = ADD(wasm_i32x4_shuffle(x[0], x[1], 0, 4, 1, 5), wasm_i32x4_shuffle(x[0], x[1], 2, 6, 3, 7));
  v4 cd = ADD(wasm_i32x4_shuffle(x[2], x[3], 0, 4, 1, 5), wasm_i32x4_shuffle(x[2], x[3], 2, 6, 3, 7));
  return ADD(wasm_i32x4_shuffle(ab, cd, 0, 1, 4, 5), wasm_i32x4_shuffle(ab, cd, 2, 3, 6, 7));
}

// 3x3 of HEAD channels to one over three rows with borders, sigmoid; kernels (9, HEAD); some pixels at once.
INLINE void to_probability(const int count, const float *rows[3], int at, const float *w, float bias, float *y) {
  v4 sums[8];
  UNROLLED (int i = 0; i < count; i++) sums[i] = ALL(0);
  for (int j = 0; j < 3; j++) {
    const float *x = rows[j] + at * HEAD;
    for (int n = 0; n < 3 * HEAD; n += 4, x += 4, w += 4) {
      HIDE(x);
      v4 k = LOAD(w);
      UNROLLED (int i = 0; i < count; i++) {
        sums[i] = madd(LOAD(x + i * HEAD), k, sums[i]);
        PIN(sums[i]);
      }
    }
  }
  UNROLLED (int i = 0; i < count; i += 4) STORE(y + i, sigmoid(ADD(totals(sums + i), ALL(bias))));
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
    float *to = y + (row - 1) * side;
    int p = 0;
    for (; p + 8 <= side; p += 8) to_probability(8, rows, p, w_last, b_last[0], to + p);
    for (; p < side; p += 4) to_probability(4, rows, p, w_last, b_last[0], to + p);
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
