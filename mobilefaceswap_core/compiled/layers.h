// Layers of the networks. Values lie row by row, pixel by pixel, their channels together; what a pointwise layer reads
// lies in blocks of sixteen channels, (channels / 16, pixels, 16). `slope` is that of the leaky ReLU behind a layer; 1 is none.
#pragma once
#include "vectors.h"

#define GROUP 16      // output channels whose kernels are packed together: for each input channel their weights
#if LANES == 16       // and 32 registers, or eight and sixteen
#define TILE 14       // pixels whose sums, two vectors each, fit into them
#define REST 7        // of those that are left over
#else
#define TILE 6
#define REST 4
#endif
#define BLOCK 16      // channels that are enlarged and filtered together, so that their rows stay in a first cache of 32 kB
#define ENOUGH 56     // pixels that a pointwise layer should get at once, that its kernels are not read too often
#define ALIGNED(count) (((count) + 15) & ~15)  // floats, up to a multiple of 64 bytes

#define EXPORT __attribute__((visibility("default")))
#define BORDER 16     // floats beside a row of one channel

// The next of some arrays that follow each other.
INLINE const float *next(const float **at, int count) {
  const float *own = *at;
  *at += count;
  return own;
}

// The next that are kernels of a pointwise layer.
INLINE const input *next_kernels(const float **at, int count) { return (const input *)next(at, count / PAIRED); }

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

// A few pixels by one or two vectors of output channels, which in w and y lie so far apart.
INLINE void tile(const int pixels, const int vectors, const input *x, int x_block, int in, const input *w, int w_apart,
                 const float *bias, float *y, int y_step, int y_apart, float slope) {
  vec sums[TILE][2];
  UNROLLED (int i = 0; i < pixels; i++)
    UNROLLED (int n = 0; n < vectors; n++) sums[i][n] = bias ? load(bias + n * LANES) : all(0);
  for (int block = 0; block < in; block += BLOCK, x += x_block)
    for (int k = 0; k < BLOCK; k += 4 * PAIRED, w += 4 * PAIRED * GROUP)
      UNROLLED (int j = 0; j < 4 * PAIRED; j += PAIRED) {
        factor own[2];
        UNROLLED (int n = 0; n < vectors; n++) own[n] = kernels(w + j * GROUP + n * w_apart);
        UNROLLED (int i = 0; i < pixels; i++) {
          factor value = spread(x + i * BLOCK + k + j);
          UNROLLED (int n = 0; n < vectors; n++) sums[i][n] = added(sums[i][n], value, own[n]);
        }
      }
  UNROLLED (int i = 0; i < pixels; i++)
    UNROLLED (int n = 0; n < vectors; n++) store(y + i * y_step + n * y_apart, leaky(sums[i][n], slope));
}

// All pixels by one or two vectors of output channels.
INLINE void strip(const int vectors, const input *x, int x_block, int pixels, int in, const input *w, int w_apart,
                  const float *bias, float *y, int y_step, int y_apart, float slope) {
  int rests = LANES == 16 ? pixels % TILE >= REST : pixels % TILE == REST ? 1 : pixels % TILE == 2 && pixels > TILE ? 2 : 0;
  int tiles = (pixels - rests * REST) / TILE, ones = pixels - rests * REST - tiles * TILE;
  for (; tiles > 0; tiles--, x += TILE * BLOCK, y += TILE * y_step)
    tile(TILE, vectors, x, x_block, in, w, w_apart, bias, y, y_step, y_apart, slope);
  for (; rests > 0; rests--, x += REST * BLOCK, y += REST * y_step)
    tile(REST, vectors, x, x_block, in, w, w_apart, bias, y, y_step, y_apart, slope);
  for (; ones > 0; ones--, x += BLOCK, y += y_step)
    tile(1, vectors, x, x_block, in, w, w_apart, bias, y, y_step, y_apart, slope);
}

// x (in / 16, pixels, 16), its blocks x_block apart; w packed in groups; bias (out) or none; y: pixels y_step apart, groups of sixteen
// channels y_group; in and out multiples of 16.
static __attribute__((noinline)) void pointwise(const input *x, int x_block, int pixels, int in, const input *w,
                                                const float *bias, float *y, int y_step, int y_group, int out, float slope) {
#if LANES == GROUP  // two groups at a time
  for (; out >= 2 * GROUP; out -= 2 * GROUP, w += 2 * GROUP * in, y += 2 * y_group, bias += bias ? 2 * GROUP : 0)
    strip(2, x, x_block, pixels, in, w, GROUP * in, bias, y, y_step, y_group, slope);
  if (out) strip(1, x, x_block, pixels, in, w, 0, bias, y, y_step, 0, slope);
#else
  for (; out > 0; out -= GROUP, w += GROUP * in, y += y_group, bias += bias ? GROUP : 0)
    strip(2, x, x_block, pixels, in, w, LANES, bias, y, y_step, LANES, slope);
#endif
}

// Rows of a picture that its pointwise layer should get at once: a divisor of its side.
INLINE int rows_at_once(int side) {
  if (side * side < 2 * ENOUGH) return side;
  int rows = 1;
  while (rows * side < ENOUGH && side % (2 * rows) == 0) rows *= 2;
  return rows;
}
