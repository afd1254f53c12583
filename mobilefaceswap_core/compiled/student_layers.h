// Layers of the per-frame network: pictures that are enlarged or halved on their way to a pointwise layer.
#pragma once
#include "layers.h"

#define RING 4        // rows that two rows of a picture twice as large need of each other
#define AT_ONCE 2     // rows of an enlarged picture that are filtered one after the other

// The same to eight channels, pixels a multiple of eight.
static __attribute__((noinline)) void pointwise_eight(const float *x, int pixels, int in, const float *w, const float *bias,
                                                      float *y, float slope) {
  for (int p = 0; p < pixels; p += 8, x += 8 * BLOCK, y += 8 * LANES)
    tile(8, 1, BLOCK, x, pixels * BLOCK, in, w, bias, y, LANES, slope);
}

// Where the pixels of a row or column twice as long lie, corners aligned: the first of two neighbours, and the share of the second.
typedef struct {
  int first;
  float share;
} Place;

static Place place(int at, int side) {
  float exact = at * ((float)(side - 1) / (2 * side - 1));
  int first = exact;
  if (first > side - 2) first = side > 1 ? side - 2 : 0;
  return (Place){first, exact - first};
}

// All places of a row, at the beginning of what is left.
INLINE const Place *all_places(int side, float **scratch) {
  Place *places = (Place *)*scratch;
  for (int i = 0; i < 2 * side; i++) places[i] = place(i, side);
  *scratch += ALIGNED(4 * side);
  return places;
}

// One row between borders of one pixel, twice as wide; c channels of pixels that lie x_step apart.
INLINE void wide_row(const float *x, int x_step, int side, const int c, const Place *places, float *y) {
  int large = 2 * side, next = side > 1 ? x_step : 0;
  for (int i = 0; i < c; i += LANES) store(y + i, all(0)), store(y + (large + 1) * c + i, all(0));
  y += c;
  for (int column = 0; column < large; column++, y += c) {
    Place at = places[column];
    const float *a = x + at.first * x_step;
    for (int i = 0; i < c; i += LANES) store(y + i, between(load(a + i), load(a + next + i), at.share));
  }
}

// What each of three rows of x counts for in each of three neighbouring rows of the picture twice as high, the one in the
// middle being `row`; none for rows outside. Says which row of x is the first.
INLINE int shares_of(int row, int side, float shares[3][3]) {
  int base = row < 1 ? 0 : place(row - 1, side).first;
  if (base > side - 3) base = side > 3 ? side - 3 : 0;
  for (int j = 0; j < 3; j++) {
    for (int m = 0; m < 3; m++) shares[m][j] = 0;
    int at = row - 1 + j;
    if (at < 0 || at >= 2 * side) continue;
    Place own = place(at, side);
    shares[own.first - base][j] = 1 - own.share;
    if (own.share > 0) shares[own.first - base + 1][j] = own.share;
  }
  return base;
}

// 3x3 over three rows with borders: eight channels of pixels that lie c apart in them and y_step apart in y.
INLINE void filtered(const float *const rows[3], int width, int c, const v8 k[9], float *y, int y_step) {
  const float *a = rows[0], *b = rows[1], *d = rows[2];
  for (int x = 0; x < width; x++, a += c, b += c, d += c, y += y_step) {
    v8 s = load(a) * k[0], t = load(b) * k[3], u = load(d) * k[6];
    s += load(a + c) * k[1], t += load(b + c) * k[4], u += load(d + c) * k[7];
    s += load(a + 2 * c) * k[2], t += load(b + 2 * c) * k[5], u += load(d + 2 * c) * k[8];
    store(y, s + t + u);
  }
}

// Two rows of the picture twice as large through the depthwise 3x3 layer, `block` of its c channels: its kernels (9, c) are joined
// with what enlarging downwards does, so that `ring` holds rows which are enlarged to the right alone.
INLINE void up_rows(const float *x, int side, const int block, int c, int row, const float *w, const Place *places,
                    float *ring, int *ready, float *y) {
  int large = 2 * side, step = (large + 2) * block;
  for (int n = 0; n < AT_ONCE; n++) {
    float shares[3][3];
    int base = shares_of(row + n, side, shares);
    for (; *ready < base + 3 && *ready < side; ++*ready)
      wide_row(x + *ready * side * c, c, side, block, places, ring + *ready % RING * step);
    for (int i = 0; i < block; i += LANES) {
      const float *rows[3];
      v8 k[9];
      for (int m = 0; m < 3; m++) {
        rows[m] = ring + (base + m < side ? base + m : base) % RING * step + i;
        for (int column = 0; column < 3; column++) {
          v8 sum = load(w + column * c + i) * shares[m][0];
          for (int j = 1; j < 3; j++) sum += load(w + (3 * j + column) * c + i) * shares[m][j];
          k[3 * m + column] = sum;
        }
      }
      filtered(rows, large, block, k, y + n * large * block + i, block);
    }
  }
}

// x (side, side, c), c a multiple of 16: twice as large, depthwise 3x3 (9, c), pointwise.
static void up(const float *x, int side, int c, const float *depthwise, const float *w, const float *bias, float *y,
               int y_step, int out, float slope, float *scratch) {
  int large = 2 * side, step = RING * (large + 2) * BLOCK, at_once = AT_ONCE;
  while (at_once * large < ENOUGH && large % (2 * at_once) == 0) at_once *= 2;
  int pixels = at_once * large;
  const Place *places = all_places(side, &scratch);
  float *lines = scratch + RING * (large + 2) * c;
  for (int row = 0, ready = 0; row < large; row += at_once) {
    int after = ready;
    for (int i = 0; i < c; i += BLOCK) {
      after = ready;
      for (int n = 0; n < at_once; n += AT_ONCE)
        up_rows(x + i, side, BLOCK, c, row + n, depthwise + i, places, scratch + i / BLOCK * step, &after,
                lines + (i * at_once + n * BLOCK) * large);
    }
    ready = after;
    if (out == LANES) pointwise_eight(lines, pixels, c, w, bias, y + row * large * y_step, slope);
    else pointwise(lines, pixels * BLOCK, pixels, c, w, bias, y + row * large * y_step, y_step, GROUP, out, slope);
  }
}

// One pixel of a depthwise 4x4 layer of stride 2: eight channels, of the columns that lie inside.
INLINE v8 halved(const float *const rows[4], int x_step, int from, int to, const float *w, int c) {
  v8 sums[4];
  UNROLLED (int j = 0; j < 4; j++) {
    sums[j] = all(0);
    for (int n = from; n < to; n++) sums[j] += load(rows[j] + n * x_step) * load(w + (4 * j + n) * c);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// x (side, side, c) with pixels x_step apart, c a multiple of 16: depthwise 4x4 (16, c) of stride 2, pointwise.
static void down(const float *x, int x_step, int side, int c, const float *depthwise, const float *w, float *y, int y_step,
                 int out, float slope, float *scratch) {
  int small = side / 2, at_once = rows_at_once(small), pixels = at_once * small;
  float *outside = scratch, *lines = scratch + ALIGNED(side * x_step);
  zeros(outside, side * x_step);
  for (int row = 0; row < small; row++) {
    for (int i = 0; i < c; i += LANES) {
      const float *rows[4], *own = depthwise + i;
      for (int j = 0; j < 4; j++) {
        int from = 2 * row - 1 + j;
        rows[j] = (from < 0 || from >= side ? outside : x + from * side * x_step) + i - x_step;
      }
      float *to = lines + (i / BLOCK * pixels + row % at_once * small) * BLOCK + i % BLOCK;
      for (int p = 0; p < small; p++, to += BLOCK) {
        int is_last = p == small - 1, is_inside = p > 0 && !is_last;
        store(to, is_inside ? halved(rows, x_step, 0, 4, own, c) : halved(rows, x_step, p == 0, is_last ? 3 : 4, own, c));
        for (int j = 0; j < 4; j++) rows[j] += 2 * x_step;
      }
    }
    if ((row + 1) % at_once == 0)
      pointwise(lines, pixels * BLOCK, pixels, c, w, 0, y + ((row + 1) * small - pixels) * y_step, y_step, GROUP, out, slope);
  }
}
