// What the hidden mark's pattern is worked out with, `marking/onnx_watermark.py`: values of a grid of GRID by GRID; the rest as
// in `layers.c`.
//
// The reader's bands end well below the grid's highest frequency, so a picture is taken apart into WAVES: as many cosines and
// sines along each side as the bands reach, half of each. A transform and its way back are two products each.
#include "numbers.h"

#define GRID 112
#define WAVES 88
#define AREA (GRID * GRID)

INLINE void turned(const float *x, int rows, int columns, float *y) {
  for (int column = 0; column < columns; column++)
    for (int row = 0; row < rows; row++) *y++ = x[row * columns + column];
}

INLINE int mirrored(int at) { return at < 0 ? -at : at < GRID ? at : 2 * GRID - 2 - at; }

// Means over squares of 2 reach + 1; the border is mirrored.
INLINE void means(const float *x, int reach, float *y, float *across) {
  v4 share = ALL(1.0f / ((2 * reach + 1) * (2 * reach + 1)));
  for (int row = 0; row < GRID; row++) {
    float line[GRID + 64], *to = across + row * GRID;
    for (int i = -reach; i < GRID + reach; i++) line[i + reach] = x[row * GRID + mirrored(i)];
    for (int i = 0; i < GRID; i += 4) {
      v4 sum = ALL(0);
      for (int k = 0; k <= 2 * reach; k++) sum = ADD(sum, LOAD(line + i + k));
      STORE(to + i, sum);
    }
  }
  for (int row = 0; row < GRID; row++)
    for (int i = 0; i < GRID; i += 4) {
      v4 sum = ALL(0);
      for (int k = -reach; k <= reach; k++) sum = ADD(sum, LOAD(across + mirrored(row + k) * GRID + i));
      STORE(y + row * GRID + i, MUL(sum, share));
    }
}

// Of x: the sum of its bands, each divided by its deviation about a pixel and `least` more and limited to `most`, and the variance
// of all. `waves` are packed (WAVES, GRID), `back` (GRID, WAVES), filters (bands, WAVES, WAVES). scratch: 50176.
EXPORT(residual)
void residual(const float *x, const float *waves, const float *back, const float *filters, int bands, int reach, float least,
              float most, float *total, float *variance, float *scratch) {
  float *a = scratch, *b = a + AREA, *band = b + AREA, *spectrum = band + AREA;
  pointwise(x, GRID, GRID, waves, 0, a, WAVES, WAVES, 1);
  turned(a, GRID, WAVES, b);
  pointwise(b, WAVES, GRID, waves, 0, spectrum, WAVES, WAVES, 1);
  zeros(total, AREA);
  zeros(variance, AREA);
  for (; bands > 0; bands--, filters += WAVES * WAVES) {
    for (int i = 0; i < WAVES * WAVES; i += 4) STORE(b + i, MUL(LOAD(spectrum + i), LOAD(filters + i)));
    pointwise(b, WAVES, WAVES, back, 0, a, GRID, GRID, 1);
    turned(a, WAVES, GRID, b);
    pointwise(b, GRID, WAVES, back, 0, band, GRID, GRID, 1);
    for (int i = 0; i < AREA; i += 4) STORE(a + i, MUL(LOAD(band + i), LOAD(band + i)));
    means(a, reach, a, b);
    for (int i = 0; i < AREA; i += 4) {
      v4 power = LOAD(a + i), part = wasm_f32x4_div(LOAD(band + i), ADD(wasm_f32x4_sqrt(power), ALL(least)));
      part = wasm_f32x4_pmin(wasm_f32x4_pmax(part, ALL(-most)), ALL(most));
      STORE(total + i, ADD(LOAD(total + i), part));
      STORE(variance + i, ADD(LOAD(variance + i), power));
    }
  }
}

INLINE v4 four(const int8_t *bytes) {
  return wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(bytes))));
}

// Takes off what x says on each carrier but the word's. Carriers (count, places) of bytes, in a multiple of 4, and what a byte
// of each is worth; word (count); x and what is drawn (places).
EXPORT(unwanted)
void unwanted(const int8_t *carriers, const float *worth, int count, int places, const float *word, const float *x, float *drawn,
              float *scratch) {
  float agreed = 0;
  for (int c = 0; c < count; c++) {
    v4 sum = ALL(0);
    for (int i = 0; i < places; i += 4) sum = ADD(sum, MUL(four(carriers + c * places + i), LOAD(x + i)));
    scratch[c] = worth[c] * (wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) +
                             wasm_f32x4_extract_lane(sum, 2) + wasm_f32x4_extract_lane(sum, 3));
    agreed += scratch[c] * word[c];
  }
  zeros(drawn, places);
  for (int c = 0; c < count; c++) {
    v4 other = ALL((scratch[c] - word[c] * agreed) * worth[c]);
    for (int i = 0; i < places; i += 4)
      STORE(drawn + i, ADD(LOAD(drawn + i), MUL(four(carriers + c * places + i), other)));
  }
}
