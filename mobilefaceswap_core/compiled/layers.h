// Layers of the networks. Values lie row by row, pixel by pixel, their channels together; what a pointwise layer reads
// lies in blocks of sixteen channels, (channels / 16, pixels, 16). `slope` is that of the leaky ReLU behind a layer; 1 is none.
#pragma once
#include "vectors.h"

#define GROUP 16      // output channels whose kernels are packed together: for each input channel their weights
#define TILE 6        // pixels whose sums, with a group each, fit into sixteen registers
#define BLOCK 16      // channels that are enlarged and filtered together, so that their rows stay in a first cache of 32 kB
#define ENOUGH 56     // pixels that a pointwise layer should get at once, that its kernels are not read too often
#define ALIGNED(count) (((count) + 15) & ~15)  // floats, up to a multiple of 64 bytes

#define EXPORT __attribute__((visibility("default")))
#define BORDER LANES  // floats beside a row of one channel

// The next of some arrays that follow each other.
INLINE const float *next(const float **at, int count) {
  const float *own = *at;
  *at += count;
  return own;
}

// Room at the beginning of what is left.
INLINE float *borrow(float **scratch, int count) {
  float *own = *scratch;
  *scratch += ALIGNED(count);
  return own;
}

// The same in floats from the beginning.
INLINE int taken(int *end, int count) {
  int own = *end;
  *end += ALIGNED(count);
  return own;
}

// A few pixels, `step` apart, by one or two vectors of output channels.
INLINE void tile(const int pixels, const int vectors, const int step, const float *x, int x_block, int in, const float *w,
                 const float *bias, float *y, int y_step, float slope) {
  v8 sums[TILE + 2][2];
  UNROLLED (int i = 0; i < pixels; i++)
    UNROLLED (int n = 0; n < vectors; n++) sums[i][n] = bias ? load(bias + n * LANES) : all(0);
  for (int block = 0; block < in; block += BLOCK, x += x_block)
    for (int k = 0; k < BLOCK; k += 4, w += 4 * vectors * LANES)
      UNROLLED (int j = 0; j < 4; j++) {
        v8 own[2];
        UNROLLED (int n = 0; n < vectors; n++) own[n] = load(w + (j * vectors + n) * LANES);
        UNROLLED (int i = 0; i < pixels; i++) {
          v8 value = all(x[i * step + k + j]);
          UNROLLED (int n = 0; n < vectors; n++) sums[i][n] += value * own[n];
        }
      }
  UNROLLED (int i = 0; i < pixels; i++)
    UNROLLED (int n = 0; n < vectors; n++) store(y + i * y_step + n * LANES, leaky(sums[i][n], slope));
}

// x (in / 16, pixels, 16), its blocks x_block apart; w packed in groups; bias (out) or none; y: pixels y_step apart, groups of sixteen
// channels y_group; in and out multiples of 16.
static __attribute__((noinline)) void pointwise(const float *x, int x_block, int pixels, int in, const float *w,
                                                const float *bias, float *y, int y_step, int y_group, int out, float slope) {
  int fours = pixels % TILE == 4 ? 1 : pixels % TILE == 2 && pixels > TILE ? 2 : 0, sixes = (pixels - 4 * fours) / TILE;
  for (int o = 0; o < out; o += GROUP, w += GROUP * in, y += y_group) {
    const float *from = x, *own = bias ? bias + o : 0;
    float *to = y;
    for (int i = 0; i < sixes; i++, from += TILE * BLOCK, to += TILE * y_step)
      tile(TILE, 2, BLOCK, from, x_block, in, w, own, to, y_step, slope);
    for (int i = 0; i < fours; i++, from += 4 * BLOCK, to += 4 * y_step)
      tile(4, 2, BLOCK, from, x_block, in, w, own, to, y_step, slope);
    for (int i = TILE * sixes + 4 * fours; i < pixels; i++, from += BLOCK, to += y_step)
      tile(1, 2, BLOCK, from, x_block, in, w, own, to, y_step, slope);
  }
}

// Rows of a picture that its pointwise layer should get at once: a divisor of its side.
INLINE int rows_at_once(int side) {
  if (side * side < 2 * ENOUGH) return side;
  int rows = 1;
  while (rows * side < ENOUGH && side % (2 * rows) == 0) rows *= 2;
  return rows;
}
