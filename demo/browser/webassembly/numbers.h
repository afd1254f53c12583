// What the page's WebAssembly computes with: four numbers at a time.
#pragma once
#include <stdint.h>
#include <wasm_simd128.h>

typedef v128_t v4;
#define INLINE static inline __attribute__((always_inline))
#define EXPORT(name) __attribute__((export_name(#name)))
#define LOAD(from) wasm_v128_load(from)
#define STORE(to, v) wasm_v128_store(to, v)
#define SPREAD(from) wasm_v128_load32_splat(from)
#define ALL wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul

#ifdef __wasm_relaxed_simd__
INLINE v4 madd(v4 a, v4 b, v4 c) { return wasm_f32x4_relaxed_madd(a, b, c); }
#else
INLINE v4 madd(v4 a, v4 b, v4 c) { return ADD(MUL(a, b), c); }
#endif

// Clang joins the multiply-adds of one sum, however they are written, and counts pointers from a base of its own; then more values
// live than there are registers. What is pinned stays where it is written, a hidden pointer keeps its constant distances. Measured:
// a pointwise layer of 512 channels made 25 instead of 14 thousand million multiply-adds a second, of 26 that the processor can.
#define PIN(value) __asm__ volatile("" : "+r"(value))
#define HIDE(pointer) __asm__("" : "+r"(pointer))
#define UNROLLED _Pragma("clang loop unroll(full)") for

INLINE v4 leaky(v4 x, v4 slope) { return wasm_f32x4_pmax(MUL(x, slope), x); }
INLINE v4 between(v4 a, v4 b, v4 share) { return madd(SUB(b, a), share, a); }

INLINE void zeros(float *y, int count) {
  for (int i = 0; i < count; i += 4) STORE(y + i, ALL(0));
}

INLINE void copy(float *y, const float *x, int count) {
  for (int i = 0; i < count; i += 4) STORE(y + i, LOAD(x + i));
}

// e to the power of x, which lies within 80 of 0; as Cephes' expf, of which the constants are: right to one in ten millions.
INLINE v4 exponential(v4 x) {
  v4 n = wasm_f32x4_nearest(MUL(x, ALL(1.44269504f)));
  v4 r = SUB(SUB(x, MUL(n, ALL(0.693359375f))), MUL(n, ALL(-2.12194440e-4f)));
  v4 p = ALL(1.9875691500e-4f);
  p = madd(p, r, ALL(1.3981999507e-3f));
  p = madd(p, r, ALL(8.3334519073e-3f));
  p = madd(p, r, ALL(4.1665795894e-2f));
  p = madd(p, r, ALL(1.6666665459e-1f));
  p = madd(p, r, ALL(5.0000001201e-1f));
  p = ADD(madd(MUL(r, r), p, r), ALL(1));
  v4 power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
  return MUL(p, power);
}

// 1 / (1 + exp(-x))
INLINE v4 sigmoid(v4 x) {
  v4 power = exponential(wasm_f32x4_neg(wasm_f32x4_pmin(wasm_f32x4_pmax(x, ALL(-80)), ALL(80))));
  return wasm_f32x4_div(ALL(1), ADD(power, ALL(1)));
}

// The four bytes of a pixel as numbers in [-1, 1].
INLINE v4 level(const uint8_t *rgba) {
  v4 bytes = wasm_v128_load32_zero(rgba);
  v4 levels = wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes)));
  return SUB(MUL(levels, ALL(2.0f / 255)), ALL(1));
}

// 3x3 over three rows, at each `stride`-th pixel: four channels of pixels that lie c apart in x and y_step apart in y.
INLINE void filtered(const float *const rows[3], int at, int width, int stride, int c, const v4 k[9], v4 bias, v4 slope,
                     float *y, int y_step) {
  const float *r0 = rows[0] + at, *r1 = rows[1] + at, *r2 = rows[2] + at;
  for (int x = 0; x < width; x++, r0 += stride * c, r1 += stride * c, r2 += stride * c, y += y_step) {
    v4 s = madd(LOAD(r0), k[0], bias), t = MUL(LOAD(r1), k[3]), u = MUL(LOAD(r2), k[6]);
    s = madd(LOAD(r0 + c), k[1], s);
    t = madd(LOAD(r1 + c), k[4], t);
    u = madd(LOAD(r2 + c), k[7], u);
    s = madd(LOAD(r0 + 2 * c), k[2], s);
    t = madd(LOAD(r1 + 2 * c), k[5], t);
    u = madd(LOAD(r2 + 2 * c), k[8], u);
    STORE(y, leaky(ADD(ADD(s, t), u), slope));
  }
}

// Of `layers.c`, which says how its values lie.
void pointwise(const float *x, int pixels, int in, const float *w, const float *bias, float *y, int y_step, int out,
               float slope);
