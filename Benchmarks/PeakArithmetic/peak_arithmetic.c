#include "peak_arithmetic.h"

// 12 chains hide the latency of the multiply-add of every CPU of today, and fit into 16 registers.
#define CHAINS 12
#define DEFINE_PEAK(name, bytes, attributes)                                                                           \
  typedef float name##_vector __attribute__((vector_size(bytes)));                                                     \
  attributes static double name(long rounds) {                                                                         \
    name##_vector sums[CHAINS], factor = (name##_vector){0} + 0.999f, more = (name##_vector){0} + 0.001f;              \
    _Pragma("clang loop unroll(full)") for (int c = 0; c < CHAINS; ++c) sums[c] = factor * (float)c;                   \
    for (long step = 0; step < rounds * 1000 / CHAINS; ++step) {                                                       \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < CHAINS; ++c) {                                            \
        sums[c] = sums[c] * factor + more;                                                                             \
        __asm__ volatile("" : "+" REGISTER(sums[c]));                                                                  \
      }                                                                                                                \
    }                                                                                                                  \
    float total = 0;                                                                                                   \
    for (int c = 0; c < CHAINS; ++c)                                                                                   \
      total += sums[c][0];                                                                                             \
    const double operations = 2.0 * (bytes / 4) * CHAINS * (double)(rounds * 1000 / CHAINS);                           \
    return total == 12345 ? 0 : operations;                                                                            \
  }

#if defined(__x86_64__)
#define REGISTER(value) "v"(value)
DEFINE_PEAK(peak_avx512, 64, __attribute__((target("avx512f,avx512vl,fma"))))
#undef REGISTER
#define REGISTER(value) "x"(value)
DEFINE_PEAK(peak_avx2, 32, __attribute__((target("avx2,fma"))))
DEFINE_PEAK(peak_sse, 16, )
double peak_arithmetic(long rounds) {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
    return peak_avx512(rounds);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return peak_avx2(rounds);
  return peak_sse(rounds);
}
#else
#define REGISTER(value) "w"(value)
DEFINE_PEAK(peak_vector, 16, )
double peak_arithmetic(long rounds) {
  return peak_vector(rounds);
}
#endif
