// Which kernels this CPU can run. Every table begins as the plain loops and is overlaid by what its set has.
#include "internal.h"

#include <pthread.h>

#if defined(__x86_64__)
#define ATH_HAS_X86 1
#else
#define ATH_HAS_X86 0
#endif
#if defined(__aarch64__)
#define ATH_HAS_NEON 1
#else
#define ATH_HAS_NEON 0
#endif

static ath_kernel_table tables[4]; // by ath_instructions
static ath_kernel_table table_f64;
static bool available[4];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_tables(void) {
  available[ATH_INSTRUCTIONS_REFERENCE] = true;
  tables[ATH_INSTRUCTIONS_REFERENCE].name = "reference";
  ath_fill_f32__reference(&tables[ATH_INSTRUCTIONS_REFERENCE]);
  table_f64.name = "reference";
  ath_fill_f64__reference(&table_f64);
#if ATH_HAS_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    available[ATH_INSTRUCTIONS_AVX2] = true;
    tables[ATH_INSTRUCTIONS_AVX2].name = "avx2";
    ath_fill_f32__avx2(&tables[ATH_INSTRUCTIONS_AVX2]);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq")) {
      available[ATH_INSTRUCTIONS_AVX512] = true;
      tables[ATH_INSTRUCTIONS_AVX512].name = "avx512";
      ath_fill_f32__avx512(&tables[ATH_INSTRUCTIONS_AVX512]);
    }
  }
#endif
#if ATH_HAS_NEON
  available[ATH_INSTRUCTIONS_NEON] = true;
  tables[ATH_INSTRUCTIONS_NEON].name = "neon";
  ath_fill_f32__neon(&tables[ATH_INSTRUCTIONS_NEON]);
#endif
}

ath_instructions ath_best_instructions(void) {
  pthread_once(&once, fill_tables);
  if (available[ATH_INSTRUCTIONS_AVX512]) return ATH_INSTRUCTIONS_AVX512;
  if (available[ATH_INSTRUCTIONS_AVX2]) return ATH_INSTRUCTIONS_AVX2;
  if (available[ATH_INSTRUCTIONS_NEON]) return ATH_INSTRUCTIONS_NEON;
  return ATH_INSTRUCTIONS_REFERENCE;
}

const ath_kernel_table *ath_kernels_f32(ath_instructions instructions) {
  pthread_once(&once, fill_tables);
  if ((unsigned)instructions > ATH_INSTRUCTIONS_AVX512 || !available[instructions]) return NULL;
  return &tables[instructions];
}

const ath_kernel_table *ath_kernels_f64(void) {
  pthread_once(&once, fill_tables);
  return &table_f64;
}

ath_gradient_reads ath_unary_gradient_reads(ath_unary function) {
  static const ath_gradient_reads reads[] = {
#define UNARY(name, value, reads, gradient) ATH_READS_##reads,
#include "pointwise/functions.def"
  };
  return (unsigned)function < ATH_UNARY_COUNT ? reads[function] : ATH_READS_NOTHING;
}

const char *ath_unary_name(ath_unary function) {
  static const char *const names[] = {
#define UNARY(name, ...) #name,
#include "pointwise/functions.def"
  };
  return (unsigned)function < ATH_UNARY_COUNT ? names[function] : "unknown";
}

const char *ath_binary_name(ath_binary function) {
  static const char *const names[] = {
#define BINARY(name, ...) #name,
#include "pointwise/functions.def"
  };
  return (unsigned)function < ATH_BINARY_COUNT ? names[function] : "unknown";
}
