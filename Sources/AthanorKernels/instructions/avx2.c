// The float kernels for AVX2 and FMA: 16 registers of 8 lanes.
#include "../internal.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define ATH_REAL float
#define ATH_REAL_NAME f32
#define ATH_SET_NAME avx2
#define ATH_MATH(name) name##f
#define ATH_LANES 8
#define ATH_REGISTERS 16

#include "../vector/vector.inc.h"
#include "../vector/math.inc.h"
#include "../reference/table.inc.h"
#include "../vector/table.inc.h"

void ath_fill_f32__avx2(ath_kernel_table *table) {
  ATH_NAME(install_loops)(table);
  ATH_NAME(install_vectors)(table);
}

#pragma clang attribute pop
#endif
