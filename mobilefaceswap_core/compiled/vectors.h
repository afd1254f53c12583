// Float32 numbers, eight at a time and as many as the processor computes at once, in the vector types of Clang.
#pragma once
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define OVERLOADED INLINE __attribute__((overloadable))
#define JOINED_(a, b) a##b
#define JOINED(a, b) JOINED_(a, b)
#define PIN(value) __asm__ volatile("" : "+v"(value))  // stays where it is written
#define UNROLLED _Pragma("clang loop unroll(full)") for

typedef float v8 __attribute__((vector_size(32), aligned(4)));  // lies at any address
typedef float v16 __attribute__((vector_size(64), aligned(4)));

#define WIDTH 8
#include "arithmetic.h"
#undef WIDTH
#ifdef __AVX512F__
#define LANES 16  // of the widest vector
#define WIDTH 16
#include "arithmetic.h"
#undef WIDTH
#else
#define LANES 8
#endif

typedef JOINED(v, LANES) vec;
#define load(from) JOINED(load, LANES)(from)
#define all(x) JOINED(all, LANES)(x)

// What pointwise layers multiply: float32, or bfloat16 where it was asked for and the processor adds to each of sixteen sums two
// products at once. Then two inputs that follow each other, and a kernel's two weights for them, lie together.
#ifdef __AVX512BF16__
#define PAIRED 2
typedef __bf16 input;
typedef float pair __attribute__((may_alias));  // two inputs
typedef input factor8 __attribute__((vector_size(32), aligned(2)));
typedef input factor __attribute__((vector_size(64), aligned(2)));
OVERLOADED void store(input *to, v16 x) { *(factor8 *)to = __builtin_convertvector(x, factor8); }
INLINE factor8 kernels8(const input *w) { return *(const factor8 *)w; }
INLINE factor kernels(const input *w) { return *(const factor *)w; }
INLINE factor8 spread8(const input *x) { return (factor8)all8(*(const pair *)x); }
INLINE factor spread(const input *x) { return (factor)all(*(const pair *)x); }
INLINE v8 added8(v8 sum, factor8 a, factor8 b) { return __builtin_ia32_dpbf16ps_256(sum, a, b); }
INLINE vec added(vec sum, factor a, factor b) { return __builtin_ia32_dpbf16ps_512(sum, a, b); }
#else
#define PAIRED 1
typedef float input;
typedef v8 factor8;
typedef vec factor;
INLINE factor8 kernels8(const input *w) { return load8(w); }
INLINE factor kernels(const input *w) { return load(w); }
INLINE factor8 spread8(const input *x) { return all8(*x); }
INLINE factor spread(const input *x) { return all(*x); }
INLINE v8 added8(v8 sum, factor8 a, factor8 b) { return sum + a * b; }
INLINE vec added(vec sum, factor a, factor b) { return sum + a * b; }
#endif

INLINE void zeros(float *y, int count) {
  for (int i = 0; i < count; i += 8) store(y + i, all8(0));
}

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
