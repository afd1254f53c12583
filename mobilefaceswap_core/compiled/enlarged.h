// Pictures that are enlarged on their way to a depthwise layer, of vectors of WIDTH channels, which gives on FILTERED numbers;
// `student_layers.h` includes it once for each width.
#define VECTOR JOINED(v, WIDTH)
#define OF(name) JOINED(name, WIDTH)

// One row between borders of one pixel, twice as wide; c channels of pixels that lie x_step apart.
INLINE void OF(wide_row)(const float *x, int x_step, int side, const int c, const Place *places, float *y) {
  int large = 2 * side, next = side > 1 ? x_step : 0;
  for (int i = 0; i < c; i += WIDTH) store(y + i, OF(all)(0)), store(y + (large + 1) * c + i, OF(all)(0));
  y += c;
  for (int column = 0; column < large; column++, y += c) {
    Place at = places[column];
    const float *a = x + at.first * x_step;
    for (int i = 0; i < c; i += WIDTH) store(y + i, between(OF(load)(a + i), OF(load)(a + next + i), at.share));
  }
}

// 3x3 over three rows with borders: WIDTH channels of pixels that lie c apart in them and y_step apart in y.
INLINE void OF(filtered)(const float *const rows[3], int width, int c, const VECTOR k[9], FILTERED *y, int y_step) {
  const float *a = rows[0], *b = rows[1], *d = rows[2];
  for (int x = 0; x < width; x++, a += c, b += c, d += c, y += y_step) {
    VECTOR s = OF(load)(a) * k[0], t = OF(load)(b) * k[3], u = OF(load)(d) * k[6];
    s += OF(load)(a + c) * k[1], t += OF(load)(b + c) * k[4], u += OF(load)(d + c) * k[7];
    s += OF(load)(a + 2 * c) * k[2], t += OF(load)(b + 2 * c) * k[5], u += OF(load)(d + 2 * c) * k[8];
    store(y, s + t + u);
  }
}

// Two rows of the picture twice as large through the depthwise 3x3 layer, `block` of its c channels: its kernels (9, c) are joined
// with what enlarging downwards does, so that `ring` holds rows which are enlarged to the right alone.
INLINE void OF(up_rows)(const float *x, int side, const int block, int c, int row, const float *w, const Place *places,
                        float *ring, int *ready, FILTERED *y) {
  int large = 2 * side, step = (large + 2) * block;
  for (int n = 0; n < AT_ONCE; n++) {
    float shares[3][3];
    int base = shares_of(row + n, side, shares);
    for (; *ready < base + 3 && *ready < side; ++*ready)
      OF(wide_row)(x + *ready * side * c, c, side, block, places, ring + *ready % RING * step);
    for (int i = 0; i < block; i += WIDTH) {
      const float *rows[3];
      VECTOR k[9];
      for (int m = 0; m < 3; m++) {
        rows[m] = ring + (base + m < side ? base + m : base) % RING * step + i;
        for (int column = 0; column < 3; column++) {
          VECTOR sum = OF(load)(w + column * c + i) * shares[m][0];
          for (int j = 1; j < 3; j++) sum += OF(load)(w + (3 * j + column) * c + i) * shares[m][j];
          k[3 * m + column] = sum;
        }
      }
      OF(filtered)(rows, large, block, k, y + n * large * block + i, block);
    }
  }
}

#undef VECTOR
#undef OF
