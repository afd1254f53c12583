// Eight float32 numbers at a time, in the vector types that GCC and Clang share.
#pragma once
#include <stdint.h>

#define LANES 8
#define INLINE static inline __attribute__((always_inline))
#define PIN(value) __asm__ volatile("" : "+x"(value))  // stays where it is written
#define HIDE(pointer) __asm__("" : "+r"(pointer))  // counts from here on as a place of its own
#define UNROLLED _Pragma("clang loop unroll(full)") for

typedef float v8 __attribute__((vector_size(32), aligned(4)));  // lies at any address
typedef int32_t whole8 __attribute__((vector_size(32)));

INLINE v8 load(const float *from) { return *(const v8 *)from; }
INLINE void store(float *to, v8 x) { *(v8 *)to = x; }
INLINE v8 all(float x) { return (v8){x, x, x, x, x, x, x, x}; }
INLINE v8 larger(v8 a, v8 b) { return __builtin_elementwise_max(a, b); }
INLINE v8 smaller(v8 a, v8 b) { return __builtin_elementwise_min(a, b); }
INLINE v8 leaky(v8 x, float slope) { return larger(x, x * slope); }  // slope 1 is none
INLINE v8 between(v8 a, v8 b, float share) { return a + (b - a) * share; }

INLINE void zeros(float *y, int count) {
  for (int i = 0; i < count; i += LANES) store(y + i, all(0));
}

// e to the power of x, which lies within 80 of 0; as Cephes' expf, of which the constants are: right to one in ten millions.
INLINE v8 exponential(v8 x) {
  v8 n = __builtin_elementwise_roundeven(x * 1.44269504f);
  v8 r = x - n * 0.693359375f + n * 2.12194440e-4f;
  v8 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = r * r * p + r + 1;
  whole8 power = (__builtin_convertvector(n, whole8) + 127) << 23;
  return p * (v8)power;
}

// 1 / (1 + exp(-x))
INLINE v8 sigmoid(v8 x) { return 1 / (1 + exponential(-smaller(larger(x, all(-80)), all(80)))); }

// Rows to columns: eight vectors of eight.
INLINE void transpose(v8 x[8]) {
  v8 t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    t[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; j++) {
      u[i + j] = __builtin_shufflevector(t[i + j], t[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      u[i + j + 2] = __builtin_shufflevector(t[i + j], t[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; i++) {
    x[i] = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    x[i + 4] = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}
