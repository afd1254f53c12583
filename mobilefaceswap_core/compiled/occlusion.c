// The network that sees what hides a face (`blend/occlusion_network.py`) on one thread: crop in, probability out.
//
// Values lie in blocks of sixteen channels, (channels / 16, side, side, 16). The head is done in another order than there, which
// changes nothing but rounding: of its 3x3 layer behind an enlarged picture each place of the kernels runs as a pointwise layer
// before that is enlarged, a quarter of the multiplications. At full size a row of one channel lies as two, its phases: pixels of
// even numbers, and of odd ones.
#include "layers.h"

#define SLOPE 0.1f
#define COLOURS 3
#define STAGES 5
#define LAST 24      // channels before the head; as values they lie in two blocks, filled up with zeros
#define HEAD 12      // channels at full size
#define TAPS (9 * HEAD)
#define TAP_TILE 6   // of them, whose sums with two vectors of pixels each fit into registers
#define CHUNK 112    // pixels of a pointwise layer, whose values stay in a cache for all of its groups
#define EDGE 0.75f   // bilinear with pixel centres at halves: the share of the nearer pixel

static const int widths[STAGES] = {16, 32, 64, 96, 128}, blocks[STAGES] = {1, 3, 3, 3, 3};
static const int joined[STAGES - 1] = {96, 64, 32, 32};

INLINE int within(int row, int side) { return row < 0 ? 0 : row < side ? row : side - 1; }

// A pointwise layer of whole pictures.
static void mixed(const float *x, int pixels, int in, const float *w, const float *bias, float *y, int out, float slope) {
  for (int p = 0; p < pixels; p += CHUNK) {
    int count = pixels - p < CHUNK ? pixels - p : CHUNK;
    pointwise(x + p * BLOCK, pixels * BLOCK, count, in, w, bias, y + p * BLOCK, BLOCK, pixels * BLOCK, out, slope);
  }
}

// LANES channels of one pixel of a depthwise 3x3 layer, of the columns that lie inside.
INLINE vec filtered_pixel(const float *const rows[3], int from, int to, const vec k[9], vec bias) {
  vec sums[3] = {bias, all(0), all(0)};
  UNROLLED (int j = 0; j < 3; j++)
    for (int n = from; n < to; n++) sums[j] += load(rows[j] + n * BLOCK) * k[3 * j + n];
  return sums[0] + sums[1] + sums[2];
}

// x (side, side, c): depthwise 3x3 (9, c) of stride 1 or 2, pointwise, both with bias and leaky; where the size and the number of
// channels stay, x is added.
static void separable(const float *x, int side, int c, int stride, const float **weights, float *y, int out, float *scratch) {
  const float *depthwise = next(weights, 9 * c), *b1 = next(weights, c), *w = next(weights, c * out), *b2 = next(weights, out);
  int small = side / stride, area = side * side, at_once = rows_at_once(small), pixels = at_once * small;
  float *outside = borrow(&scratch, side * BLOCK), *lines = scratch;
  zeros(outside, side * BLOCK);
  for (int row = 0; row < small; row++) {
    for (int i = 0; i < c; i += LANES) {
      const float *rows[3], *plane = x + i / BLOCK * area * BLOCK + i % BLOCK;
      vec k[9], bias = load(b1 + i);
      for (int j = 0; j < 9; j++) k[j] = load(depthwise + j * c + i);
      for (int j = 0; j < 3; j++) {
        int from = stride * row - 1 + j;
        rows[j] = (from < 0 || from >= side ? outside : plane + from * side * BLOCK) - BLOCK;
      }
      float *to = lines + (i / BLOCK * pixels + row % at_once * small) * BLOCK + i % BLOCK;
      for (int p = 0; p < small; p++, to += BLOCK) {
        int is_end = stride == 1 && p == small - 1;
        vec sum = p > 0 && !is_end ? filtered_pixel(rows, 0, 3, k, bias) : filtered_pixel(rows, p == 0, is_end ? 2 : 3, k, bias);
        store(to, leaky(sum, SLOPE));
        for (int j = 0; j < 3; j++) rows[j] += stride * BLOCK;
      }
    }
    if ((row + 1) % at_once) continue;
    int at = ((row + 1) * small - pixels) * BLOCK, step = small * small * BLOCK;
    pointwise(lines, pixels * BLOCK, pixels, c, w, b2, y + at, BLOCK, step, out, SLOPE);
    for (int o = 0; stride == 1 && o < out / GROUP; o++)
      for (int p = 0; p < pixels * BLOCK; p += LANES) {
        float *own = y + o * step + at + p;
        store(own, load(own) + load(x + o * step + at + p));
      }
  }
}

// y (2 side, 2 side, c) becomes leaky(y + x twice as large), x (side, side, c).
static void join(const float *x, int side, int c, float *y, float *scratch) {
  for (int block = 0; block < c / BLOCK; block++, x += side * side * BLOCK)
    for (int row = 0; row < 2 * side; row++, y += 2 * side * BLOCK) {
      int near = row >> 1, far = within(row & 1 ? near + 1 : near - 1, side);
      const float *a = x + near * side * BLOCK, *b = x + far * side * BLOCK;
      for (int i = 0; i < side * BLOCK; i += LANES) store(scratch + i, between(load(b + i), load(a + i), EDGE));
      for (int column = 0; column < 2 * side; column++)
        for (int i = 0; i < BLOCK; i += LANES) {
          near = column >> 1, far = within(column & 1 ? near + 1 : near - 1, side);
          vec up = between(load(scratch + far * BLOCK + i), load(scratch + near * BLOCK + i), EDGE);
          float *to = y + column * BLOCK + i;
          store(to, leaky(load(to) + up, SLOPE));
        }
    }
}

// crop (3, side, side) in [0, 1]: 3x3 of stride 2 in [-1, 1] to sixteen channels, kernels (3, 9, 16), bias, leaky.
static void stem(const float *crop, int side, const float **weights, float *y, float *scratch) {
  const float *w = next(weights, COLOURS * 9 * GROUP), *bias = next(weights, GROUP);
  int small = side / 2, step = side + 2 * BORDER;
  zeros(scratch, COLOURS * 3 * step);
  for (int row = 0, ready = -1; row < small; row++) {
    for (; ready <= 2 * row + 1; ready++)
      for (int c = 0; c < COLOURS; c++) {
        float *to = scratch + (3 * c + (ready + 3) % 3) * step + BORDER;
        for (int p = 0; p < side; p += LANES)
          store(to + p, ready < 0 ? all(0) : load(crop + (c * side + ready) * side + p) * 2 - 1);
      }
    for (int p = 0; p < small; p += 4, y += 4 * BLOCK) {
      vec sums[4][GROUP / LANES];
      UNROLLED (int i = 0; i < 4; i++) UNROLLED (int n = 0; n < GROUP / LANES; n++) sums[i][n] = load(bias + n * LANES);
      const float *own = w;
      for (int c = 0; c < COLOURS; c++)
        for (int j = 0; j < 3; j++) {
          const float *x = scratch + (3 * c + (2 * row + j + 2) % 3) * step + BORDER + 2 * p - 1;
          UNROLLED (int column = 0; column < 3; column++, own += GROUP) {
            UNROLLED (int n = 0; n < GROUP / LANES; n++) {
              vec k = load(own + n * LANES);
              UNROLLED (int i = 0; i < 4; i++) sums[i][n] += x[2 * i + column] * k;
            }
          }
        }
      UNROLLED (int i = 0; i < 4; i++)
        UNROLLED (int n = 0; n < GROUP / LANES; n++) store(y + i * BLOCK + n * LANES, leaky(sums[i][n], SLOPE));
    }
  }
}

// So many vectors of one row of six channels: scratch (LAST, side), kernels (LAST, 6), taps `step` apart.
INLINE void tapped_part(const int vectors, const float *x, int side, const float *w, float *taps, int step) {
  vec sums[TAP_TILE][2];
  UNROLLED (int n = 0; n < TAP_TILE; n++) UNROLLED (int i = 0; i < vectors; i++) sums[n][i] = all(0);
  for (int k = 0; k < LAST; k++, x += side, w += TAP_TILE) {
    vec values[2];
    UNROLLED (int i = 0; i < vectors; i++) values[i] = load(x + i * LANES);
    UNROLLED (int n = 0; n < TAP_TILE; n++) {
      vec own = all(w[n]);
      UNROLLED (int i = 0; i < vectors; i++) {
        sums[n][i] += values[i] * own;
        PIN(sums[n][i]);
      }
    }
  }
  UNROLLED (int n = 0; n < TAP_TILE; n++)
    UNROLLED (int i = 0; i < vectors; i++) store(taps + n * step + i * LANES, sums[n][i]);
}

// One row of the picture before the head, each place of its kernels as a pointwise layer: rows of one channel, whose outermost
// pixels are repeated beside them. kernels (TAPS / 6, LAST, 6). scratch: (LAST + 8) side.
static void tapped(const float *x, int side, int row, const float *w, float *taps, int step, float *scratch) {
  for (int i = 0; i < LAST; i += 8)
    for (int p = 0; p < side; p += 8) {
      const float *from = x + ((i / BLOCK * side + row) * side + p) * BLOCK + i % BLOCK;
      v8 values[8];
      UNROLLED (int n = 0; n < 8; n++) values[n] = load8(from + n * BLOCK);
      transpose(values);
      UNROLLED (int n = 0; n < 8; n++) store(scratch + (i + n) * side + p, values[n]);
    }
  for (int o = 0; o < TAPS; o += TAP_TILE, w += LAST * TAP_TILE) {
    float *to = taps + o * step + BORDER;
    int p = 0;
    for (; p + 2 * LANES <= side; p += 2 * LANES) tapped_part(2, scratch + p, side, w, to + p, step);
    if (p < side) tapped_part(1, scratch + p, side, w, to + p, step);
  }
  for (int o = 0; o < TAPS; o++) {
    float *own = taps + o * step + BORDER;
    own[-1] = own[0], own[side] = own[side - 1];
  }
}

// One row of the crop in [-1, 1] as two of half its pixels.
INLINE void in_phases(const float *crop, int small, float *even, float *odd) {
  for (int p = 0; p < small; p += 8) {
    v8 a = load8(crop + 2 * p) * 2 - 1, b = load8(crop + 2 * p + 8) * 2 - 1;
    store(even + p, __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14));
    store(odd + p, __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15));
  }
}

// What the crop adds to so many vectors of one row of the head, three channels at a time.
INLINE void of_crop_part(const int vectors, float *const rows[3], int step, const float *w, const float *bias, float *y) {
  for (int o = 0; o < HEAD; o += 3) {
    vec sums[3][2][2];  // channel, phase, vector
    UNROLLED (int n = 0; n < 3; n++)
      UNROLLED (int i = 0; i < vectors; i++) sums[n][0][i] = sums[n][1][i] = all(bias[o + n]);
    for (int c = 0; c < COLOURS; c++)
      for (int j = 0; j < 3; j++) {
        const float *even = rows[j] + 2 * c * step, *odd = even + step;
        const float *four[4] = {odd - 1, even, odd, even + 1};
        UNROLLED (int column = 0; column < 3; column++, w += 3)
          UNROLLED (int n = 0; n < 3; n++) {
            vec k = all(w[n]);
            UNROLLED (int phase = 0; phase < 2; phase++)
              UNROLLED (int i = 0; i < vectors; i++) {
                sums[n][phase][i] += load(four[column + phase] + i * LANES) * k;
                PIN(sums[n][phase][i]);
              }
          }
      }
    UNROLLED (int n = 0; n < 3; n++)
      UNROLLED (int phase = 0; phase < 2; phase++)
        UNROLLED (int i = 0; i < vectors; i++) store(y + (2 * (o + n) + phase) * step + i * LANES, sums[n][phase][i]);
  }
}

// What it adds to all of the row. rows: of each colour both phases, `step` apart; kernels (HEAD / 3, 3 colours, 3 rows, 3 columns, 3).
static void of_crop(float *const rows[3], int small, int step, const float *w, const float *bias, float *y) {
  for (int p = 0; p < small; p += 2 * LANES) {
    float *const from[3] = {rows[0] + BORDER + p, rows[1] + BORDER + p, rows[2] + BORDER + p};
    if (small - p >= 2 * LANES) of_crop_part(2, from, step, w, bias, y + BORDER + p);
    else of_crop_part(1, from, step, w, bias, y + BORDER + p);
  }
}

// What the enlarged picture adds to one row of the head, then leaky. `taps` holds rows of TAPS channels: (HEAD, 3 columns, 3 rows).
static void of_taps(float *const taps[3], int row, int small, int step, float *y, float *scratch) {
  int side = 2 * small;
  const float *nears[3], *fars[3];
  float share[3], rest[3];
  for (int j = 0; j < 3; j++) {
    int at = row + j - 1, is_inside = at >= 0 && at < side, own = within(at, side), near = own >> 1;
    int far = within(own & 1 ? near + 1 : near - 1, small);
    nears[j] = taps[near % 3] + j * step;
    fars[j] = taps[far % 3] + j * step;
    share[j] = is_inside ? EDGE : 0, rest[j] = is_inside ? 1 - EDGE : 0;
  }
  for (int o = 0; o < HEAD; o++, y += 2 * step) {
    for (int column = 0; column < 3; column++)
      for (int p = 0; p < step; p += LANES) {
        int at = 3 * (3 * o + column) * step + p;
        vec sum = load(nears[0] + at) * share[0] + load(fars[0] + at) * rest[0];
        for (int j = 1; j < 3; j++) sum += load(nears[j] + at) * share[j] + load(fars[j] + at) * rest[j];
        store(scratch + column * step + p, sum);
      }
    float *even = y + BORDER, *odd = even + step;
    const float *left = scratch + BORDER, *middle = left + step, *right = middle + step;
    even[0] -= left[0], odd[small - 1] -= right[small - 1];  // there is nothing beyond the picture, and it is added below
    for (int p = 0; p < small; p += LANES) {
      vec before = load(left + p - 1), own = load(left + p), a = load(middle + p), last = load(right + p), after = load(right + p + 1);
      vec evens = load(even + p) + between(own, before, EDGE) + between(load(middle + p - 1), a, EDGE) + between(after, last, EDGE);
      vec odds = load(odd + p) + between(before, own, EDGE) + between(load(middle + p + 1), a, EDGE) + between(last, after, EDGE);
      store(even + p, leaky(evens, SLOPE));
      store(odd + p, leaky(odds, SLOPE));
    }
  }
}

// Two phases, one behind the other: their numbers in turns.
#if LANES == 8
INLINE void in_turns(float *y, v8 a, v8 b) {
  store(y, __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
  store(y + 8, __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
}
#else
INLINE void in_turns(float *y, v16 a, v16 b) {
  store(y, __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  store(y + 16, __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
#endif

// So many vectors of a row of the result, of both phases.
INLINE void of_head_part(const int vectors, float *const rows[3], int step, const float *w, float bias, float *y) {
  vec sums[3][2][2];  // column, phase, vector
  UNROLLED (int column = 0; column < 3; column++)
    UNROLLED (int i = 0; i < vectors; i++) sums[column][0][i] = sums[column][1][i] = all(column ? 0 : bias);
  for (int o = 0; o < HEAD; o++)
    for (int j = 0; j < 3; j++) {
      const float *even = rows[j] + 2 * o * step, *odd = even + step;
      const float *four[4] = {odd - 1, even, odd, even + 1};
      UNROLLED (int column = 0; column < 3; column++) {
        vec k = all(w[3 * (3 * o + j) + column]);
        UNROLLED (int phase = 0; phase < 2; phase++)
          UNROLLED (int i = 0; i < vectors; i++) {
            sums[column][phase][i] += load(four[column + phase] + i * LANES) * k;
            PIN(sums[column][phase][i]);
          }
      }
    }
  UNROLLED (int i = 0; i < vectors; i++)
    in_turns(y + 2 * i * LANES, sigmoid(sums[0][0][i] + sums[1][0][i] + sums[2][0][i]),
             sigmoid(sums[0][1][i] + sums[1][1][i] + sums[2][1][i]));
}

// 3x3 of the head's rows to one channel, sigmoid: a row of the result. kernels (HEAD, 3 rows, 3 columns).
static void of_head(float *const rows[3], int small, int step, const float *w, float bias, float *y) {
  for (int p = 0; p < small; p += 2 * LANES) {
    float *const from[3] = {rows[0] + BORDER + p, rows[1] + BORDER + p, rows[2] + BORDER + p};
    if (small - p >= 2 * LANES) of_head_part(2, from, step, w, bias, y + 2 * p);
    else of_head_part(1, from, step, w, bias, y + 2 * p);
  }
}

// The last two layers: x (side / 2, side / 2, LAST) and the crop to (side, side).
static void head(const float *x, const float *crop, int side, const float **weights, float *y, float *scratch) {
  const float *w_taps = next(weights, TAPS * LAST), *w_crop = next(weights, COLOURS * 9 * HEAD), *bias = next(weights, HEAD);
  const float *w_last = next(weights, 9 * HEAD), *b_last = next(weights, 1);
  int small = side / 2, step = small + 2 * BORDER, crop_rows = 2 * COLOURS * step, head_rows = 2 * HEAD * step;
  float *crops = borrow(&scratch, 3 * crop_rows), *lines = borrow(&scratch, 3 * head_rows), *taps[3];
  for (int j = 0; j < 3; j++) taps[j] = borrow(&scratch, TAPS * step);
  zeros(crops, 3 * crop_rows);
  zeros(lines, 3 * head_rows);
  for (int row = 0, ready = 0, ready_taps = 0; row <= side; row++) {  // of the first layer; the second one is one behind
    float *line = lines + row % 3 * head_rows;
    if (row == side) zeros(line, head_rows);
    else {
      for (; ready <= row + 1; ready++) {
        float *to = crops + ready % 3 * crop_rows;
        if (ready == side) zeros(to, crop_rows);
        for (int c = 0; c < COLOURS && ready < side; c++, to += 2 * step)
          in_phases(crop + (c * side + ready) * side, small, to + BORDER, to + step + BORDER);
      }
      for (; ready_taps <= row / 2 + 1 && ready_taps < small; ready_taps++)
        tapped(x, small, ready_taps, w_taps, taps[ready_taps % 3], step, scratch);
      float *const rows[3] = {crops + (row + 2) % 3 * crop_rows, crops + row % 3 * crop_rows, crops + (row + 1) % 3 * crop_rows};
      of_crop(rows, small, step, w_crop, bias, line);
      of_taps(taps, row, small, step, line, scratch);
    }
    if (row < 1) continue;
    float *const rows[3] = {lines + (row + 1) % 3 * head_rows, lines + (row + 2) % 3 * head_rows, line};
    of_head(rows, small, step, w_last, b_last[0], y + (row - 1) * side);
  }
}

// Where the values of a crop lie, in floats from the beginning of its room: what each stage of the encoder gives on, two places
// that its other blocks and the decoder take in turns, and what is enlarged.
typedef struct {
  int stem, skips[STAGES], turns[2], small, rest;
} Rooms;

static Rooms rooms_of(int side) {
  Rooms rooms;
  int end = 0, half = side / 2, most = half * half * 2 * BLOCK;
  rooms.stem = taken(&end, half * half * widths[0]);
  for (int i = 0; i < STAGES; i++) rooms.skips[i] = taken(&end, (half >> i) * (half >> i) * widths[i]);
  for (int i = 0; i < 2; i++) rooms.turns[i] = taken(&end, most);
  rooms.small = taken(&end, most / 4 + 4 * 128);
  rooms.rest = end;
  return rooms;
}

// Floats of room that `occlusion` needs: those above and what its layers work with, most of it the head's rows of each place of
// its kernels. A test looks whether this is enough.
EXPORT int occlusion_floats(int side) { return rooms_of(side).rest + 256 * side + 16 * 1024; }

// crop (3, side, side) in [0, 1], side a multiple of 32; weights as `blend/occlusion_kernels.py` packs them; hidden (side, side) in
// [0, 1]; `room` lies at a multiple of 64 bytes, and nobody else uses it meanwhile.
EXPORT void occlusion(const float *crop, int side, const float *weights, float *hidden, float *room) {
  Rooms rooms = rooms_of(side);
  float *rest = room + rooms.rest, *turns[2] = {room + rooms.turns[0], room + rooms.turns[1]}, *small = room + rooms.small;
  int own = side / 2;
  stem(crop, side, &weights, room + rooms.stem, rest);
  const float *x = room + rooms.stem;
  for (int i = 0, c = widths[0]; i < STAGES; i++)
    for (int n = 0; n < blocks[i]; n++, c = widths[i]) {
      int stride = i > 0 && n == 0 ? 2 : 1;
      float *y = n + 1 == blocks[i] ? room + rooms.skips[i] : turns[n];
      separable(x, own, c, stride, &weights, y, widths[i], rest);
      own /= stride;
      x = y;
    }
  for (int i = 0, c = widths[STAGES - 1]; i < STAGES - 1; i++, own *= 2) {
    int skipped = widths[STAGES - 2 - i], out = joined[i], area = own * own;
    const float *skip = room + rooms.skips[STAGES - 2 - i], *w = next(&weights, c * out), *of_skip = next(&weights, skipped * out);
    mixed(x, area, c, w, 0, small, out, 1);
    mixed(skip, 4 * area, skipped, of_skip, next(&weights, out), turns[0], out, 1);
    join(small, own, out, turns[0], rest);
    separable(turns[0], 2 * own, out, 1, &weights, turns[1], out, rest);
    x = turns[1], c = out;
  }
  head(x, crop, side, &weights, hidden, rest);
}
