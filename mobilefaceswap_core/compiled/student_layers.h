// Layers of the per-frame network: pictures that are enlarged or halved on their way to a pointwise layer.
#pragma once
#include "layers.h"

#define RING 4        // rows that two rows of a picture twice as large need of each other
#define AT_ONCE 2     // rows of an enlarged picture that are filtered one after the other

// Values as a pointwise layer reads them; `own` is room for a copy.
INLINE const input *inputs_of(const float *x, int count, input *own) {
#if PAIRED == 1
  return x;
#else
  for (int i = 0; i < count; i += LANES) store(own + i, load(x + i));
  return own;
#endif
}

// A pointwise layer to eight channels, in a multiple of 16: pixels, a multiple of eight, x_step apart, blocks of channels x_block.
INLINE void pointwise_eight(const input *x, const int x_step, int x_block, int pixels, int in, const input *w, const float *bias,
                            float *y, float slope) {
  for (int p = 0; p < pixels; p += 8, x += 8 * x_step, y += 64) {
    const input *from = x, *own = w;
    v8 sums[8];
    UNROLLED (int i = 0; i < 8; i++) sums[i] = load8(bias);
    for (int block = 0; block < in; block += BLOCK, from += x_block)
      for (int k = 0; k < BLOCK; k += PAIRED, own += 8 * PAIRED) {
        factor8 kernel = kernels8(own);
        UNROLLED (int i = 0; i < 8; i++) sums[i] = added8(sums[i], spread8(from + i * x_step + k), kernel);
      }
    UNROLLED (int i = 0; i < 8; i++) store(y + i * 8, leaky(sums[i], slope));
  }
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

#define WIDTH 8
#define FILTERED float
#include "enlarged.h"
#undef WIDTH
#undef FILTERED
#if LANES == 16
#define WIDTH 16
#define FILTERED input
#include "enlarged.h"
#undef WIDTH
#undef FILTERED
#endif

// x (side, side, c), c a multiple of 16: twice as large, depthwise 3x3 (9, c), pointwise.
static void up(const float *x, int side, int c, const float *depthwise, const input *w, const float *bias, float *y,
               int y_step, int out, float slope, float *scratch) {
  int large = 2 * side, step = RING * (large + 2) * BLOCK, at_once = AT_ONCE;
  while (at_once * large < ENOUGH && large % (2 * at_once) == 0) at_once *= 2;
  int pixels = at_once * large;
  const Place *places = all_places(side, &scratch);
  input *lines = (input *)(scratch + RING * (large + 2) * c);
  for (int row = 0, ready = 0; row < large; row += at_once) {
    int after = ready;
    for (int i = 0; i < c; i += BLOCK) {
      after = ready;
      for (int n = 0; n < at_once; n += AT_ONCE)
        JOINED(up_rows, LANES)(x + i, side, BLOCK, c, row + n, depthwise + i, places, scratch + i / BLOCK * step, &after,
                lines + (i * at_once + n * BLOCK) * large);
    }
    ready = after;
    if (out == 8) pointwise_eight(lines, BLOCK, pixels * BLOCK, pixels, c, w, bias, y + row * large * y_step, slope);
    else pointwise(lines, pixels * BLOCK, pixels, c, w, bias, y + row * large * y_step, y_step, GROUP, out, slope);
  }
}

// One pixel of a depthwise 4x4 layer of stride 2: LANES channels, of the columns that lie inside.
INLINE vec halved(const float *const rows[4], int x_step, int from, int to, const float *w, int c) {
  vec sums[4];
  UNROLLED (int j = 0; j < 4; j++) {
    sums[j] = all(0);
    for (int n = from; n < to; n++) sums[j] += load(rows[j] + n * x_step) * load(w + (4 * j + n) * c);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// x (side, side, c) with pixels x_step apart, c a multiple of 16: depthwise 4x4 (16, c) of stride 2, pointwise.
static void down(const float *x, int x_step, int side, int c, const float *depthwise, const input *w, float *y, int y_step,
                 int out, float slope, float *scratch) {
  int small = side / 2, at_once = rows_at_once(small), pixels = at_once * small;
  float *outside = scratch;
  input *lines = (input *)(scratch + ALIGNED(side * x_step));
  zeros(outside, side * x_step);
  for (int row = 0; row < small; row++) {
    for (int i = 0; i < c; i += LANES) {
      const float *rows[4], *own = depthwise + i;
      for (int j = 0; j < 4; j++) {
        int from = 2 * row - 1 + j;
        rows[j] = (from < 0 || from >= side ? outside : x + from * side * x_step) + i - x_step;
      }
      input *to = lines + (i / BLOCK * pixels + row % at_once * small) * BLOCK + i % BLOCK;
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
