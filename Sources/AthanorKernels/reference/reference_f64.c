// The reference kernels for double.
#include "../internal.h"

#include <math.h>

#define ATH_REAL double
#define ATH_REAL_NAME f64
#define ATH_SET_NAME reference
#define ATH_MATH(name) name

#include "table.inc.h"

void ath_fill_f64__reference(ath_kernel_table *table) { ATH_NAME(install_loops)(table); }
