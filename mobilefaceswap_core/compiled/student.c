// The per-frame network (`student/idn.py`) of one source on one thread: crop in, face and mask out.
//
// It is written for processors that multiply and add eight float32 numbers at a time and have sixteen registers for them, or sixteen and
// thirty-two; pointwise layers also for bfloat16, whose products are added in float32. What ONNX Runtime does in a pass of its own each -
// enlarging, depthwise layer, pointwise layer, activation - is done here row by row, while the values are still in a cache.
// `python -m mobilefaceswap_core.compiled` compiles it.
#include "student_layers.h"

#define SLOPE 0.1f     // of every leaky ReLU
#define COLOURS 3
#define ENCODER 5      // stages
#define DECODER 4
#define MASK 5
#define LAST 32       // channels of the decoder's last stage
#define DRAWN 8       // channels before the layers that draw the face, and before the last of the mask
#define AT_A_TIME 4   // vectors of pixels of one channel whose sums, with three of them each, fit into registers

// `layout.py`
static const int encoder_out[ENCODER] = {32, 64, 128, 256, 512};
static const int decoder_in[DECODER] = {512, 512, 256, 128}, decoder_out[DECODER] = {256, 128, 64, 32};
static const int mask_in[MASK] = {512, 128, 64, 32, 8}, mask_out[MASK] = {128, 64, 32, 8, 2};

// Rows of one channel each, between borders: 3x3 over three times `ins` rows of `step` floats to `outs` rows, y_step apart; of them
// so many vectors of pixels. kernels (ins, 3 rows, 3 columns, outs).
INLINE void thin_part(const int vectors, const int ins, const int outs, float *const rows[3], int step, const float *w,
                      const float *bias, float *y, int y_step, float slope) {
  vec sums[3][AT_A_TIME];
  UNROLLED (int o = 0; o < outs; o++) UNROLLED (int i = 0; i < vectors; i++) sums[o][i] = all(bias[o]);
  for (int c = 0; c < ins; c++)
    for (int j = 0; j < 3; j++) {
      const float *x = rows[j] + c * step - 1;
      UNROLLED (int n = 0; n < 3; n++, w += outs) {
        vec own[3];
        UNROLLED (int o = 0; o < outs; o++) own[o] = all(w[o]);
        UNROLLED (int i = 0; i < vectors; i++) {
          vec value = load(x + n + i * LANES);
          UNROLLED (int o = 0; o < outs; o++) {
            sums[o][i] += value * own[o];
            PIN(sums[o][i]);
          }
        }
      }
    }
  UNROLLED (int o = 0; o < outs; o++)
    UNROLLED (int i = 0; i < vectors; i++) store(y + o * y_step + i * LANES, leaky(sums[o][i], slope));
}

// All of them, side a multiple of 32.
INLINE void thin(const int ins, const int outs, float *const rows[3], int side, int step, const float *w, const float *bias,
                 float *y, int y_step, float slope) {
  for (int p = 0; p < side;) {
    float *const from[3] = {rows[0] + BORDER + p, rows[1] + BORDER + p, rows[2] + BORDER + p};
    int is_whole = side - p >= AT_A_TIME * LANES;
    if (is_whole) thin_part(AT_A_TIME, ins, outs, from, step, w, bias, y + p, y_step, slope);
    else thin_part(2, ins, outs, from, step, w, bias, y + p, y_step, slope);
    p += (is_whole ? AT_A_TIME : 2) * LANES;
  }
}

// Eight channels of each pixel to eight rows of one channel.
INLINE void apart(const float *x, int side, float *y, int step) {
  for (int p = 0; p < side; p += 8) {
    v8 values[8];
    UNROLLED (int i = 0; i < 8; i++) values[i] = load8(x + (p + i) * 8);
    transpose(values);
    UNROLLED (int i = 0; i < 8; i++) store(y + i * step + BORDER + p, values[i]);
  }
}

// crop (3, side, side) in [0, 1]: depthwise 4x4 of stride 2 in [-1, 1], kernels (3, 16); pointwise (3, 32).
static void first(const float *crop, int side, const float *depthwise, const float *w, float *y, float *scratch) {
  const int outs = 32;
  int small = side / 2, step = side + 2 * BORDER;
  float *thins = scratch, *sums = scratch + COLOURS * 4 * step;
  zeros(thins, COLOURS * 4 * step);
  for (int row = 0, ready = -1; row < small; row++) {
    for (; ready <= 2 * row + 2; ready++)
      for (int c = 0; c < COLOURS; c++) {
        float *to = thins + (4 * c + (ready + 4) % 4) * step + BORDER;
        const float *from = crop + (c * side + ready) * side;
        int is_inside = ready >= 0 && ready < side;
        for (int p = 0; p < side; p += LANES) store(to + p, is_inside ? load(from + p) * 2 - 1 : all(0));
      }
    for (int c = 0; c < COLOURS; c++)
      for (int p = 0; p < small; p += 8) {
        v8 sum = all8(0), other = all8(0);
        for (int j = 0; j < 4; j++) {
          const float *x = thins + (4 * c + (2 * row + j + 3) % 4) * step + BORDER + 2 * p, *own = depthwise + 16 * c + 4 * j;
          v8 a = load8(x - 1), b = load8(x + 7), d = load8(x + 1), e = load8(x + 9);
          sum += __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) * own[0];
          other += __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15) * own[1];
          sum += __builtin_shufflevector(d, e, 0, 2, 4, 6, 8, 10, 12, 14) * own[2];
          other += __builtin_shufflevector(d, e, 1, 3, 5, 7, 9, 11, 13, 15) * own[3];
        }
        store(sums + c * small + p, sum + other);
      }
    for (int p = 0; p < small; p++, y += outs)
      UNROLLED (int o = 0; o < outs; o += LANES) {
        vec sum = all(0);
        for (int c = 0; c < COLOURS; c++) sum += load(w + c * outs + o) * sums[c * small + p];
        store(y + o, leaky(sum, SLOPE));
      }
  }
}

// One row of the picture of eight channels twice as large, as rows of one channel each.
INLINE void enlarged(const float *x, int side, int row, const Place *places, float *small, float *wide, float slope) {
  Place at = places[row];
  const float *a = x + at.first * side * DRAWN, *b = side > 1 ? a + side * DRAWN : a;
  for (int p = 0; p < side * DRAWN; p += LANES) store(small + p, between(load(a + p), load(b + p), at.share));
  for (int column = 0; column < 2 * side; column++) {
    at = places[column];
    a = small + at.first * DRAWN;
    b = side > 1 ? a + DRAWN : a;
    store(wide + column * DRAWN, leaky(between(load8(a), load8(b), at.share), slope));
  }
}

// x (side / 2, side / 2, 8): twice as large, leaky, 3x3 to three channels, leaky, 3x3 to three, (tanh + 1) / 2: (3, side, side).
// kernels (8, 9, 3) and (3, 9, 3).
static void draw(const float *x, int side, const float *w1, const float *b1, const float *w2, const float *b2, float *face,
                 float *scratch) {
  const Place *places = all_places(side / 2, &scratch);
  int step = side + 2 * BORDER, area = side * side;
  float *small = borrow(&scratch, side / 2 * DRAWN), *wide = borrow(&scratch, side * DRAWN);
  float *eights = borrow(&scratch, 3 * DRAWN * step), *threes = borrow(&scratch, 3 * COLOURS * step);
  zeros(eights, 3 * DRAWN * step);
  zeros(threes, 3 * COLOURS * step);
  for (int row = -1; row <= side; row++) {  // of the first convolution; the second is one behind
    if (row + 1 < side) {
      enlarged(x, side / 2, row + 1, places, small, wide, SLOPE);
      apart(wide, side, eights + (row + 4) % 3 * DRAWN * step, step);
    } else
      zeros(eights + (row + 4) % 3 * DRAWN * step, DRAWN * step);
    if (row < 0) continue;
    float *to = threes + row % 3 * COLOURS * step;
    if (row == side) zeros(to, COLOURS * step);
    float *const from[3] = {eights + (row + 2) % 3 * DRAWN * step, eights + row % 3 * DRAWN * step,
                            eights + (row + 1) % 3 * DRAWN * step};
    if (row < side) thin(DRAWN, COLOURS, from, side, step, w1, b1, to + BORDER, step, SLOPE);
    if (row < 1) continue;
    float *const drawn[3] = {threes + (row + 1) % 3 * COLOURS * step, threes + (row + 2) % 3 * COLOURS * step, to};
    float *line = face + (row - 1) * side;
    thin(COLOURS, COLOURS, drawn, side, step, w2, b2, line, area, 1);
    for (int o = 0; o < COLOURS; o++)
      for (int p = 0; p < side; p += LANES) {
        vec value = load(line + o * area + p);
        store(line + o * area + p, sigmoid(value + value));
      }
  }
}

// x (side / 2, side / 2, 8): twice as large, depthwise 3x3 (9, 8), pointwise (8, 2) and bias, leaky, 3x3 to one channel (2, 9),
// sigmoid: (side, side).
static void draw_mask(const float *x, int side, const float *depthwise, const float *w, const float *bias, const float *w_last,
                     const float *b_last, float *mask, float *scratch) {
  const int outs = 2;
  const Place *places = all_places(side / 2, &scratch);
  int step = side + 2 * BORDER;
  float *ring = borrow(&scratch, RING * (side + 2) * DRAWN), *lines = borrow(&scratch, AT_ONCE * side * DRAWN);
  float *eights = borrow(&scratch, DRAWN * step), *twos = borrow(&scratch, 3 * outs * step);
  zeros(twos, 3 * outs * step);
  for (int row = 0, ready = 0; row <= side; row++) {  // of the pointwise layer; the last is one behind
    float *to = twos + row % 3 * outs * step;
    if (row == side) zeros(to, outs * step);
    else {
      if (row % AT_ONCE == 0) up_rows8(x, side / 2, DRAWN, DRAWN, row, depthwise, places, ring, &ready, lines);
      apart(lines + row % AT_ONCE * side * DRAWN, side, eights, step);
      for (int p = BORDER; p < side + BORDER; p += LANES)
        for (int o = 0; o < outs; o++) {
          vec sum = all(bias[o]);
          for (int c = 0; c < DRAWN; c++) sum += load(eights + c * step + p) * w[c * outs + o];
          store(to + o * step + p, leaky(sum, SLOPE));
        }
    }
    if (row < 1) continue;
    float *const rows[3] = {twos + (row + 1) % 3 * outs * step, twos + (row + 2) % 3 * outs * step, to};
    float *line = mask + (row - 1) * side;
    thin(outs, 1, rows, side, step, w_last, b_last, line, 0, 1);
    for (int p = 0; p < side; p += LANES) store(line + p, sigmoid(load(line + p)));
  }
}

// Where the values of a frame lie, in floats from the beginning of its room. What is joined lies together: a decoder's stage, then
// the encoder's of its size.
typedef struct {
  int encoded, deepest, decoded[DECODER], masks[MASK - 1], drawn, rest;
  int joined[DECODER];  // channels of a stage with those that lie beside it
} Rooms;

static Rooms rooms_of(int side) {
  Rooms rooms;
  int end = 0, half = side / 2, deepest = side >> ENCODER;
  rooms.encoded = taken(&end, half * half * encoder_out[0]);
  rooms.deepest = taken(&end, deepest * deepest * encoder_out[ENCODER - 1]);
  for (int i = 0; i < DECODER; i++) {
    int own = deepest << (i + 1);
    rooms.joined[i] = i + 1 < DECODER ? decoder_in[i + 1] : decoder_out[i];
    rooms.decoded[i] = taken(&end, own * own * rooms.joined[i]);
  }
  for (int i = 0; i < MASK - 1; i++) {
    int own = deepest << (i + 1);
    rooms.masks[i] = taken(&end, own * own * mask_out[i]);
  }
  rooms.drawn = taken(&end, half * half * DRAWN);
  rooms.rest = end;
  return rooms;
}

// Floats of room that `student` needs: those above and what its layers work with. Of these the decoder's first stage needs most where
// pictures are small, its last one where they are large. A test looks whether this is enough.
EXPORT int student_floats(int side) { return rooms_of(side).rest + 1024 * side + 128 * 1024; }

// One frame. crop (3, side, side) in [0, 1], side a multiple of 32; source and heads as `student/native_kernels.py` packs them; face
// (3, side, side) and mask (side, side) in [0, 1]; `room` lies at a multiple of 64 bytes, and nobody else uses it meanwhile.
EXPORT void student(const float *crop, int side, const float *source, const float *heads, float *face, float *mask,
                 float *room) {
  Rooms rooms = rooms_of(side);
  int half = side / 2, deepest_side = side >> ENCODER, step = encoder_out[0];
  float *rest = room + rooms.rest, *drawn = room + rooms.drawn;
  const float *deepest = room + rooms.deepest, *x = room + rooms.encoded, *kernel = next(&source, COLOURS * 16);
  first(crop, side, kernel, next(&source, COLOURS * encoder_out[0]), room + rooms.encoded, rest);
  for (int i = 1; i < ENCODER; i++) {
    int in = encoder_out[i - 1], out = encoder_out[i], stage = ENCODER - 2 - i, is_last = stage < 0;
    float *y = room + (is_last ? rooms.deepest : rooms.decoded[stage] + decoder_out[stage]);
    int y_step = is_last ? out : rooms.joined[stage];
    kernel = next(&source, 16 * in);
    down(x, step, side >> i, in, kernel, next_kernels(&source, in * out), y, y_step, out, SLOPE, rest);
    x = y, step = y_step;
  }

  x = deepest;
  for (int i = 0; i < DECODER; i++) {
    int in = decoder_in[i], out = decoder_out[i];
    float *y = room + rooms.decoded[i];
    kernel = next(&source, 9 * in);
    up(x, deepest_side << i, in, kernel, next_kernels(&source, in * out), 0, y, rooms.joined[i], out, SLOPE, rest);
    x = y;
  }
  const input *w = next_kernels(&heads, LAST * DRAWN);
  const float *b1 = next(&heads, DRAWN), *w1, *w2;
  for (int p = 0; p < half * half; p += half)
    pointwise_eight(inputs_of(x + p * LAST, half * LAST, (input *)rest), LAST, BLOCK, half, LAST, w, b1, drawn + p * DRAWN, 1);
  w1 = next(&heads, DRAWN * 9 * COLOURS), b1 = next(&heads, COLOURS), w2 = next(&heads, COLOURS * 9 * COLOURS);
  draw(drawn, side, w1, b1, w2, next(&heads, COLOURS), face, rest);

  x = deepest;
  for (int i = 0; i < MASK - 1; i++) {
    int in = mask_in[i], out = mask_out[i];
    float *y = room + rooms.masks[i];
    kernel = next(&heads, 9 * in), w = next_kernels(&heads, in * out);
    up(x, deepest_side << i, in, kernel, w, next(&heads, out), y, out, out, SLOPE, rest);
    x = y;
  }
  int out = mask_out[MASK - 1];
  kernel = next(&heads, 9 * DRAWN), w1 = next(&heads, DRAWN * out), b1 = next(&heads, out), w2 = next(&heads, 9 * out);
  draw_mask(x, side, kernel, w1, b1, w2, next(&heads, 1), mask, rest);
}
