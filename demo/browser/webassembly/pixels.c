// Loops over pixels for the page, four numbers at a time: what `sampling.js`, `filters.js`, `picture.js` and
// `folds.js` say of them.
//
// A picture has four bytes a pixel (RGBA), a plane one float. Places are worked out in doubles, as the page's own are.
#include "numbers.h"

INLINE int clamped(int place, int length) { return place < 0 ? 0 : place >= length ? length - 1 : place; }

INLINE int floored(double x) {
  int i = x;
  return i > x ? i - 1 : i;
}

INLINE v4 wide(v4 bytes) { return wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes))); }
INLINE v4 colours(const uint8_t *pixel) { return wide(wasm_v128_load32_zero(pixel)); }

// Rounded, halves to the even level, as a clamped array of the page rounds.
INLINE void put(uint8_t *pixel, v4 levels) {
  v4 whole = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(levels));
  v4 words = wasm_i16x8_narrow_i32x4(whole, whole);
  wasm_v128_store32_lane(pixel, wasm_u8x16_narrow_i16x8(words, words), 0);
}

INLINE v4 opaque(v4 levels) { return wasm_f32x4_replace_lane(levels, 3, 255); }

// Weights of the four pixels about a place, for its fraction; OpenCV's.
#define CUBIC -0.75f
INLINE void cubic_weights(float s, float w[4]) {
  float t = 1 + s, r = 1 - s;
  w[0] = ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC;
  w[1] = ((CUBIC + 2) * s - (CUBIC + 3)) * s * s + 1;
  w[2] = ((CUBIC + 2) * r - (CUBIC + 3)) * r * r + 1;
  w[3] = 1 - w[0] - w[1] - w[2];
}

// One place, cubic, border repeated. `x` holds rows `top` to `bottom` of a picture `width` wide.
INLINE v4 cubic_at(const uint8_t *x, int width, int top, int bottom, double px, double py) {
  int i = floored(px), j = floored(py), is_inside = i > 0 && i < width - 2;
  float across[4], down[4];
  cubic_weights(px - i, across);
  cubic_weights(py - j, down);
  v4 sum = ALL(0), w0 = ALL(across[0]), w1 = ALL(across[1]), w2 = ALL(across[2]), w3 = ALL(across[3]);
  for (int m = 0; m < 4; m++) {
    const uint8_t *row = x + (clamped(j - 1 + m - top, bottom - top)) * width * 4;
    v4 line;
    if (is_inside) {
      v4 bytes = LOAD(row + 4 * (i - 1));
      v4 low = wasm_u16x8_extend_low_u8x16(bytes), high = wasm_u16x8_extend_high_u8x16(bytes);
      line = MUL(wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(low)), w0);
      line = ADD(line, MUL(wasm_f32x4_convert_u32x4(wasm_u32x4_extend_high_u16x8(low)), w1));
      line = ADD(line, MUL(wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(high)), w2));
      line = ADD(line, MUL(wasm_f32x4_convert_u32x4(wasm_u32x4_extend_high_u16x8(high)), w3));
    } else {
      line = ALL(0);
      for (int n = 0; n < 4; n++) line = ADD(line, MUL(colours(row + 4 * clamped(i - 1 + n, width)), ALL(across[n])));
    }
    sum = ADD(sum, MUL(line, ALL(down[m])));
  }
  return sum;
}

// Cubic, border repeated; y (high, wide, RGBA). x' = a u + b v + c, y' = d u + e v + f.
EXPORT(cubic)
void cubic(const uint8_t *x, int width, int top, int bottom, double a, double b, double c, double d, double e, double f,
           uint8_t *y, int wide_, int high) {
  for (int v = 0; v < high; v++)
    for (int u = 0; u < wide_; u++, y += 4)
      put(y, opaque(cubic_at(x, width, top, bottom, a * u + b * v + c, d * u + e * v + f)));
}

// Bilinear, border repeated; the rest as for `cubic`.
EXPORT(linear)
void linear(const uint8_t *x, int width, int top, int bottom, double a, double b, double c, double d, double e, double f,
            uint8_t *y, int wide_, int high) {
  for (int v = 0; v < high; v++)
    for (int u = 0; u < wide_; u++, y += 4) {
      double px = a * u + b * v + c, py = d * u + e * v + f;
      int i = floored(px), j = floored(py);
      v4 s = ALL(px - i), t = ALL(py - j);
      int left = 4 * clamped(i, width), right = 4 * clamped(i + 1, width);
      const uint8_t *above = x + clamped(j - top, bottom - top) * width * 4;
      const uint8_t *below = x + clamped(j + 1 - top, bottom - top) * width * 4;
      v4 upper = between(colours(above + left), colours(above + right), s);
      put(y, opaque(between(upper, between(colours(below + left), colours(below + right), s), t)));
    }
}

// One place of a plane (height, width), bilinear; beyond its border lies its last value if `repeats`, else 0.
INLINE float plane_at(const float *x, int width, int height, double px, double py, int repeats) {
  int i = floored(px), j = floored(py);
  float s = px - i, t = py - j, at[4];
  if (i >= 0 && j >= 0 && i < width - 1 && j < height - 1) {
    const float *from = x + j * width + i;
    at[0] = from[0];
    at[1] = from[1];
    at[2] = from[width];
    at[3] = from[width + 1];
  } else if (!repeats && (i < -1 || j < -1 || i >= width || j >= height)) {
    return 0;
  } else
    for (int n = 0; n < 4; n++) {
      int column = i + (n & 1), row = j + (n >> 1);
      int is_inside = column >= 0 && column < width && row >= 0 && row < height;
      at[n] = is_inside || repeats ? x[clamped(row, height) * width + clamped(column, width)] : 0;
    }
  float upper = at[0] + s * (at[1] - at[0]), lower = at[2] + s * (at[3] - at[2]);
  return upper + t * (lower - upper);
}

EXPORT(plane)
void plane(const float *x, int width, int height, double a, double b, double c, double d, double e, double f, int repeats,
           float *y, int wide_, int high) {
  for (int v = 0; v < high; v++)
    for (int u = 0; u < wide_; u++, y++) *y = plane_at(x, width, height, a * u + b * v + c, d * u + e * v + f, repeats);
}

// A crop (side, side), cubic, blended into rows of a frame at its weight, bilinear; y is the first pixel of a rectangle.
EXPORT(paste)
void paste(const uint8_t *crop, const float *weight, int side, double a, double b, double c, double d, double e, double f,
           uint8_t *y, int frame_width, int wide_, int high) {
  for (int v = 0; v < high; v++, y += 4 * frame_width)
    for (int u = 0; u < wide_; u++) {
      double px = a * u + b * v + c, py = d * u + e * v + f;
      float share = plane_at(weight, side, side, px, py, 0);
      if (share <= 0) continue;
      v4 pixel = wasm_f32x4_nearest(cubic_at(crop, side, 0, side, px, py)), old = colours(y + 4 * u);
      pixel = wasm_f32x4_pmax(wasm_f32x4_pmin(pixel, ALL(255)), ALL(0));
      put(y + 4 * u, opaque(between(old, pixel, ALL(share))));
    }
}

// Weighted sums of rows, then of columns. x (height, width) of `channels` values: bytes of four, or floats of one or four. Of
// each row of the result `down_count` rows from `down_first` on with `down_weights`, `down_most` apart; likewise `across`.
// scratch: width channels + 4 floats.
INLINE void gather(const void *x, const int is_bytes, int length, int row, float weight, float *line) {
  int i = 0;
  v4 share = ALL(weight);
  if (is_bytes) {
    const uint8_t *from = (const uint8_t *)x + row * length;
    for (; i < length; i += 4) STORE(line + i, ADD(LOAD(line + i), MUL(colours(from + i), share)));
  } else {
    const float *from = (const float *)x + row * length;
    for (; i + 4 <= length; i += 4) STORE(line + i, ADD(LOAD(line + i), MUL(LOAD(from + i), share)));
    for (; i < length; i++) line[i] += weight * from[i];
  }
}

INLINE void resize_by(const void *x, const int is_bytes, const int channels, int width, const int32_t *down_first,
                      const int32_t *down_count, const float *down_weights, int down_most, const int32_t *across_first,
                      const int32_t *across_count, const float *across_weights, int across_most, void *y, int wide_,
                      int high, float *line) {
  int length = width * channels;
  for (int v = 0; v < high; v++) {
    zeros(line, length);
    for (int k = 0; k < down_count[v]; k++)
      gather(x, is_bytes, length, down_first[v] + k, down_weights[v * down_most + k], line);
    for (int u = 0; u < wide_; u++) {
      const float *from = line + across_first[u] * channels, *weights = across_weights + u * across_most;
      int at = (v * wide_ + u) * channels;
      if (channels == 4) {
        v4 sum = ALL(0);
        for (int k = 0; k < across_count[u]; k++) sum = ADD(sum, MUL(LOAD(from + 4 * k), SPREAD(weights + k)));
        if (is_bytes)
          put((uint8_t *)y + at, sum);
        else
          STORE((float *)y + at, sum);
      } else {
        float sum = 0;
        for (int k = 0; k < across_count[u]; k++) sum += weights[k] * from[k];
        ((float *)y)[at] = sum;
      }
    }
  }
}

EXPORT(resize)
void resize(const void *x, int is_bytes, int channels, int width, const int32_t *down_first, const int32_t *down_count,
            const float *down_weights, int down_most, const int32_t *across_first, const int32_t *across_count,
            const float *across_weights, int across_most, void *y, int wide_, int high, float *line) {
  if (is_bytes)
    resize_by(x, 1, 4, width, down_first, down_count, down_weights, down_most, across_first, across_count,
              across_weights, across_most, y, wide_, high, line);
  else if (channels == 4)
    resize_by(x, 0, 4, width, down_first, down_count, down_weights, down_most, across_first, across_count,
              across_weights, across_most, y, wide_, high, line);
  else
    resize_by(x, 0, 1, width, down_first, down_count, down_weights, down_most, across_first, across_count,
              across_weights, across_most, y, wide_, high, line);
}

// Luma in whole levels, as OpenCV rounds it; x of `count` pixels.
EXPORT(grey)
void grey(const uint8_t *x, int count, float *y) {
  int p = 0;
  for (; p + 4 <= count; p += 4, x += 16) {
    v4 pixels = LOAD(x), byte = wasm_i32x4_splat(255);
    v4 red = wasm_v128_and(pixels, byte), green = wasm_v128_and(wasm_u32x4_shr(pixels, 8), byte);
    v4 blue = wasm_v128_and(wasm_u32x4_shr(pixels, 16), byte);
    v4 sum = wasm_i32x4_add(wasm_i32x4_mul(red, wasm_i32x4_splat(9798)), wasm_i32x4_splat(16384));
    sum = wasm_i32x4_add(sum, wasm_i32x4_mul(green, wasm_i32x4_splat(19235)));
    sum = wasm_i32x4_add(sum, wasm_i32x4_mul(blue, wasm_i32x4_splat(3735)));
    STORE(y + p, wasm_f32x4_convert_i32x4(wasm_i32x4_shr(sum, 15)));
  }
  for (; p < count; p++, x += 4) y[p] = (9798 * x[0] + 19235 * x[1] + 3735 * x[2] + 16384) >> 15;
}

// In place: `factor` times a plane's values are added to all colours.
EXPORT(add)
void add(uint8_t *x, int count, const float *values, float factor) {
  v4 share = ALL(factor);
  for (int p = 0; p < count; p++, x += 4) put(x, opaque(ADD(colours(x), MUL(SPREAD(values + p), share))));
}

// In place: each colour times its gain and the factor of its pixel's light, in levels; factors (256).
EXPORT(tint)
void tint(uint8_t *x, const float *light, int count, const float *factors, float red, float green, float blue) {
  v4 gains = wasm_f32x4_make(red, green, blue, 0);
  for (int p = 0; p < count; p++, x += 4) put(x, opaque(MUL(colours(x), MUL(gains, ALL(factors[(int)(light[p] + 0.5f)])))));
}

// In place: weights times (none - value) / (none - all), within [0, 1].
EXPORT(fade)
void fade(float *weight, int count, const float *values, float all, float none) {
  v4 scale = ALL(1 / (none - all));
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    v4 share = MUL(SUB(ALL(none), LOAD(values + i)), scale);
    share = wasm_f32x4_pmin(wasm_f32x4_pmax(share, ALL(0)), ALL(1));
    STORE(weight + i, MUL(LOAD(weight + i), share));
  }
  for (; i < count; i++) {
    float share = (none - values[i]) / (none - all);
    weight[i] *= share < 0 ? 0 : share > 1 ? 1 : share;
  }
}

INLINE int mirrored(int at, int length) {
  if (length == 1) return 0;
  int round = (at < 0 ? -at : at) % (2 * length - 2);
  return round < length ? round : 2 * length - 2 - round;
}

// One row of pixels with what lies beyond its ends, `reach` pixels on each side.
INLINE void mirrored_line(const float *row, int width, const int channels, int reach, float *line) {
  float *own = line + reach * channels, *end = own + width * channels;
  for (int i = 0; i < reach; i++)
    for (int c = 0; c < channels; c++) {
      line[i * channels + c] = row[mirrored(i - reach, width) * channels + c];
      end[i * channels + c] = row[mirrored(width + i, width) * channels + c];
    }
  for (int i = 0; i < width * channels; i++) own[i] = row[i];
}

// Gaussian means, kernel (2 reach + 1); the border is mirrored. scratch: (height + 1) width + 2 reach + 4.
EXPORT(gaussian)
void gaussian(const float *x, int width, int height, const float *kernel, int reach, float *y, float *scratch) {
  float *line = scratch + width * height;
  for (int v = 0; v < height; v++) {
    mirrored_line(x + v * width, width, 1, reach, line);
    float *to = scratch + v * width;
    int u = 0;
    for (; u + 4 <= width; u += 4) {
      v4 sum = MUL(LOAD(line + u + reach), SPREAD(kernel + reach));
      for (int k = 0; k < reach; k++)  // both halves of the kernel are the same
        sum = ADD(sum, MUL(ADD(LOAD(line + u + k), LOAD(line + u + 2 * reach - k)), SPREAD(kernel + k)));
      STORE(to + u, sum);
    }
    for (; u < width; u++) {
      float sum = line[u + reach] * kernel[reach];
      for (int k = 0; k < reach; k++) sum += kernel[k] * (line[u + k] + line[u + 2 * reach - k]);
      to[u] = sum;
    }
  }
  for (int v = 0; v < height; v++) {
    int u = 0;
    const float *middle = scratch + v * width;
    for (; u + 4 <= width; u += 4) STORE(y + u, MUL(LOAD(middle + u), SPREAD(kernel + reach)));
    for (; u < width; u++) y[u] = middle[u] * kernel[reach];
    for (int k = 0; k < reach; k++) {
      const float *above = scratch + mirrored(v - reach + k, height) * width;
      const float *below = scratch + mirrored(v + reach - k, height) * width;
      for (u = 0; u + 4 <= width; u += 4)
        STORE(y + u, ADD(LOAD(y + u), MUL(ADD(LOAD(above + u), LOAD(below + u)), SPREAD(kernel + k))));
      for (; u < width; u++) y[u] += kernel[k] * (above[u] + below[u]);
    }
    y += width;
  }
}

// Four numbers in doubles: running sums would drift in floats.
typedef struct {
  v4 low, high;
} d4;

INLINE d4 doubles(v4 x) {
  return (d4){wasm_f64x2_promote_low_f32x4(x), wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(x, x, 1, 1))};
}

INLINE v4 floats(d4 x) {
  return wasm_i64x2_shuffle(wasm_f32x4_demote_f64x2_zero(x.low), wasm_f32x4_demote_f64x2_zero(x.high), 0, 2);
}

INLINE d4 plus(d4 a, d4 b) { return (d4){wasm_f64x2_add(a.low, b.low), wasm_f64x2_add(a.high, b.high)}; }
INLINE d4 minus(d4 a, d4 b) { return (d4){wasm_f64x2_sub(a.low, b.low), wasm_f64x2_sub(a.high, b.high)}; }

// Sums of `side` neighbours in a line of pixels; those about `width` of them.
INLINE void sums_along(const float *line, int width, int side, float *to) {
  double sum = 0;
  for (int k = 0; k < side - 1; k++) sum += line[k];
  for (int u = 0; u < width; u++) {
    sum += line[u + side - 1];
    to[u] = sum;
    sum -= line[u];
  }
}

// The same of four channels.
INLINE void sums_along_four(const float *line, int width, int side, float *to) {
  d4 sum = doubles(ALL(0));
  for (int k = 0; k < side - 1; k++) sum = plus(sum, doubles(LOAD(line + 4 * k)));
  for (int u = 0; u < width; u++, line += 4, to += 4) {
    sum = plus(sum, doubles(LOAD(line + 4 * (side - 1))));
    STORE(to, floats(sum));
    sum = minus(sum, doubles(LOAD(line)));
  }
}

// The running sums of rows, one row further.
INLINE void step_down(double *sums, const float *in, const float *out, int length, float least, float *to) {
  int i = 0;
  for (; i + 4 <= length; i += 4) {
    d4 sum = plus((d4){LOAD(sums + i), LOAD(sums + i + 2)}, minus(doubles(LOAD(in + i)), doubles(LOAD(out + i))));
    STORE(sums + i, sum.low);
    STORE(sums + i + 2, sum.high);
    v4 done = floats(sum);
    STORE(to + i, least > 0 ? wasm_v128_and(wasm_f32x4_ge(done, ALL(least)), ALL(1)) : done);
  }
  for (; i < length; i++) {
    float done = sums[i] += (double)in[i] - out[i];
    to[i] = least > 0 ? done >= least : done;
  }
}

// Sums over a square of `side`, odd, around each pixel; beyond the border lies its mirror image, or `beyond` if `is_flat`. With
// a `least` above 0, ones where a sum is as large, and zeros. The result may take the place of x.
// scratch: ((height + 4) width + side) channels + 8.
INLINE void box_of(const float *x, int width, int height, const int channels, int side, int is_flat, float beyond,
                   float least, float *y, float *scratch) {
  int reach = side / 2, length = width * channels;
  double *sums = (double *)scratch;
  float *rows = scratch + 2 * length + 4, *line = rows + length * height;
  for (int v = 0; v < height; v++) {
    mirrored_line(x + v * length, width, channels, reach, line);
    for (int i = 0; is_flat && i < reach * channels; i++) line[i] = line[reach * channels + length + i] = beyond;
    if (channels == 4)
      sums_along_four(line, width, side, rows + v * length);
    else
      sums_along(line, width, side, rows + v * length);
  }
  float *flat = line, *none = line + length;  // the line has served
  for (int i = 0; i < length; i++) sums[i] = none[i] = 0, flat[i] = beyond * side;
  for (int v = -reach; v < height + reach; v++) {  // the row that comes in; the one that is left behind goes
    int gone = v - side, is_flat_in = is_flat && (v < 0 || v >= height), is_flat_out = is_flat && gone < 0;
    const float *in = is_flat_in ? flat : rows + mirrored(v, height) * length;
    const float *out = gone < -reach ? none : is_flat_out ? flat : rows + mirrored(gone, height) * length;
    step_down(sums, in, out, length, least, y + (v < reach ? 0 : v - reach) * length);  // of the first nothing stays
  }
}

EXPORT(box)
void box(const float *x, int width, int height, int side, int is_flat, float beyond, float least, float *y,
         float *scratch) {
  box_of(x, width, height, 1, side, is_flat, beyond, least, y, scratch);
}

// Of a part (high, wide) of a picture what a table of 256 has for each colour, and 1 as a fourth: y (high, wide, 4) floats.
EXPORT(tabled)
void tabled(const uint8_t *x, int width, const float *table, float *y, int wide_, int high) {
  for (int v = 0; v < high; v++, x += 4 * width)
    for (int u = 0; u < wide_; u++, y += 4) {
      const uint8_t *pixel = x + 4 * u;
      STORE(y, wasm_f32x4_make(table[pixel[0]], table[pixel[1]], table[pixel[2]], 1));
    }
}

// Weighed means over a square of `side` around each pixel of x (height, width, 4), whose fourth value is 1: so its sum is that of
// the weights. The result may take the place of x; scratch as for `box_of`.
static void means(const float *x, const float *weight, int width, int height, int side, float *y, float *scratch) {
  for (int p = 0; p < width * height; p++) STORE(y + 4 * p, MUL(LOAD(x + 4 * p), SPREAD(weight + p)));
  box_of(y, width, height, 4, side, 0, 0, 0, y, scratch);
  for (int p = 0; p < width * height; p++) STORE(y + 4 * p, wasm_f32x4_div(LOAD(y + 4 * p), SPREAD(y + 4 * p + 3)));
}

// What lies above means over squares of side `below` is a scale of light and shade. `change` becomes what has to be added to ours,
// so that it is no stronger than theirs is there, or around there (root mean square over squares of side `around`) times `share`,
// and by `margin` more. Faces (height, width, 4), the fourth value 1; the means are of use to the caller; scratch as for `box_of`.
EXPORT(weaken)
void weaken(const float *ours, const float *theirs, const float *weight, int width, int height, int below, int around,
            float share, float margin, float *our_means, float *their_means, float *change, float *scratch) {
  int length = 4 * width * height;
  means(ours, weight, width, height, below, our_means, scratch);
  means(theirs, weight, width, height, below, their_means, scratch);
  for (int i = 0; i < length; i += 4) {
    v4 level = SUB(LOAD(theirs + i), LOAD(their_means + i));
    STORE(change + i, wasm_f32x4_replace_lane(MUL(level, level), 3, 1));
  }
  means(change, weight, width, height, around, change, scratch);
  for (int i = 0; i < length; i += 4) {
    v4 square = wasm_f32x4_pmax(LOAD(change + i), ALL(0));  // running sums may end a little below 0
    v4 usual = MUL(wasm_f32x4_sqrt(square), ALL(share));
    v4 own = wasm_f32x4_abs(SUB(LOAD(theirs + i), LOAD(their_means + i)));
    v4 most = ADD(wasm_f32x4_pmax(usual, own), ALL(margin));
    v4 level = SUB(LOAD(ours + i), LOAD(our_means + i));
    STORE(change + i, SUB(wasm_f32x4_pmax(wasm_f32x4_pmin(level, most), wasm_f32x4_neg(most)), level));
  }
}

// In place, a part of a picture: each colour times e to the power of both changes (high, wide, 4) as far as its pixel weighs.
EXPORT(brighten)
void brighten(uint8_t *x, int width, const float *change, const float *more, const float *weight, int wide_, int high) {
  for (int v = 0; v < high; v++, x += 4 * width)
    for (int u = 0; u < wide_; u++, change += 4, more += 4, weight++) {
      if (*weight <= 0) continue;
      v4 power = MUL(ADD(LOAD(change), LOAD(more)), SPREAD(weight));
      put(x + 4 * u, opaque(MUL(colours(x + 4 * u), exponential(power))));
    }
}
