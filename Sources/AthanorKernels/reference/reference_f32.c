// The reference kernels for float.
#include "../internal.h"

#include <math.h>

#define ATH_REAL float
#define ATH_REAL_NAME f32
#define ATH_SET_NAME reference
#define ATH_MATH(name) name##f

#include "table.inc.h"

void ath_fill_f32__reference(ath_kernel_table *table) { ATH_NAME(install_loops)(table); }
