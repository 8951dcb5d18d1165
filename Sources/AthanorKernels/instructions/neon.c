// The float kernels for NEON: 32 registers of 4 lanes.
#include "../internal.h"

#include <math.h>
#include <string.h>

#if defined(__aarch64__)

#define ATH_REAL float
#define ATH_REAL_NAME f32
#define ATH_SET_NAME neon
#define ATH_MATH(name) name##f
#define ATH_LANES 4
#define ATH_REGISTERS 32

#include "../vector/vector.inc.h"
#include "../vector/math.inc.h"
#include "../reference/table.inc.h"
#include "../vector/table.inc.h"

void ath_fill_f32__neon(ath_kernel_table *table) {
  ATH_NAME(install_loops)(table);
  ATH_NAME(install_vectors)(table);
}

#endif
