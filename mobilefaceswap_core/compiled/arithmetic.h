// Of vectors of WIDTH numbers; `vectors.h` includes it once for each width.
#define VECTOR JOINED(v, WIDTH)
#define WHOLES JOINED(whole, WIDTH)

typedef int32_t WHOLES __attribute__((vector_size(4 * WIDTH)));

INLINE VECTOR JOINED(load, WIDTH)(const float *from) { return *(const VECTOR *)from; }
INLINE VECTOR JOINED(all, WIDTH)(float x) { return x - (VECTOR){}; }
OVERLOADED void store(float *to, VECTOR x) { *(VECTOR *)to = x; }
OVERLOADED VECTOR larger(VECTOR a, VECTOR b) { return __builtin_elementwise_max(a, b); }
OVERLOADED VECTOR smaller(VECTOR a, VECTOR b) { return __builtin_elementwise_min(a, b); }
OVERLOADED VECTOR leaky(VECTOR x, float slope) { return larger(x, x * slope); }  // slope 1 is none
OVERLOADED VECTOR between(VECTOR a, VECTOR b, float share) { return a + (b - a) * share; }

// e to the power of x, which lies within 80 of 0; as Cephes' expf, of which the constants are: right to one in ten millions.
OVERLOADED VECTOR exponential(VECTOR x) {
  VECTOR n = __builtin_elementwise_roundeven(x * 1.44269504f);
  VECTOR r = x - n * 0.693359375f + n * 2.12194440e-4f;
  VECTOR p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = r * r * p + r + 1;
  WHOLES power = (__builtin_convertvector(n, WHOLES) + 127) << 23;
  return p * (VECTOR)power;
}

// 1 / (1 + exp(-x))
OVERLOADED VECTOR sigmoid(VECTOR x) {
  VECTOR most = JOINED(all, WIDTH)(80);
  return 1 / (1 + exponential(-smaller(larger(x, -most), most)));
}

#undef VECTOR
#undef WHOLES
