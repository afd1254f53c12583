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

INLINE v4 leaky(v4 x, v4 slope) { return wasm_f32x4_pmax(MUL(x, slope), x); }
INLINE v4 between(v4 a, v4 b, v4 share) { return madd(SUB(b, a), share, a); }

INLINE void zeros(float *y, int count) {
  for (int i = 0; i < count; i += 4) STORE(y + i, ALL(0));
}

INLINE void copy(float *y, const float *x, int count) {
  for (int i = 0; i < count; i += 4) STORE(y + i, LOAD(x + i));
}

// 1 / (1 + exp(-x)); exp as in Cephes' expf, of which the constants are.
INLINE v4 sigmoid(v4 x) {
  x = wasm_f32x4_pmin(wasm_f32x4_pmax(x, ALL(-80)), ALL(80));
  v4 n = wasm_f32x4_nearest(MUL(x, ALL(-1.44269504f)));
  v4 r = SUB(SUB(wasm_f32x4_neg(x), MUL(n, ALL(0.693359375f))), MUL(n, ALL(-2.12194440e-4f)));
  v4 p = ALL(1.9875691500e-4f);
  p = madd(p, r, ALL(1.3981999507e-3f));
  p = madd(p, r, ALL(8.3334519073e-3f));
  p = madd(p, r, ALL(4.1665795894e-2f));
  p = madd(p, r, ALL(1.6666665459e-1f));
  p = madd(p, r, ALL(5.0000001201e-1f));
  p = ADD(madd(MUL(r, r), p, r), ALL(1));
  v4 power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
  return wasm_f32x4_div(ALL(1), madd(p, power, ALL(1)));
}

// Of `layers.c`, which says how its values lie.
void pointwise(const float *x, int pixels, int in, const float *w, const float *bias, float *y, int y_step, int out,
               float slope);
