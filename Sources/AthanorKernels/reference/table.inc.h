// Every kernel as plain loops, for the element type ATH_REAL (float or double) and the instruction set that the
// including file has switched on. Included with ATH_REAL, ATH_REAL_NAME, ATH_SET_NAME and ATH_MATH defined.
#include "convolution.inc.h"
#include "matmul.inc.h"
#include "pooling.inc.h"
#include "pooled_convolution.inc.h"

// How the formulas of `pointwise/functions.def` read for one element.
#define F(name) ATH_NAME(name)
#define REAL(constant) ((ATH_REAL)(constant))
#define CHOOSE(condition, a, b) ((condition) ? (a) : (b))
#define NEGATIVE(x) signbit(x)
#define LIBRARY(name, x) ATH_MATH(name)(x)
#include "functions.inc.h"
#include "unary.inc.h"
#include "binary.inc.h"
#undef F
#undef REAL
#undef CHOOSE
#undef NEGATIVE
#undef LIBRARY

#include "selection.inc.h"
#include "reductions.inc.h"
#include "softmax.inc.h"
#include "dropout.inc.h"
#include "sampling.inc.h"
#include "batch_norm.inc.h"
#include "optimizers.inc.h"

/// Elements are bytes, whatever the table's type.
static void ATH_NAME(copy)(const ath_copy_args *args, ath_pool *pool) { ath_copy(args, pool); }

static void ATH_NAME(install_loops)(ath_kernel_table *table) {
  table->element_bytes = (int)sizeof(ATH_REAL);
#define KERNEL(name) table->name = ATH_NAME(name);
#define KERNEL_OF(result, name) KERNEL(name)
#define KERNEL_WITH_SCRATCH(name)                                                                                      \
  table->name##_scratch_bytes = ATH_NAME(name##_scratch_bytes);                                                        \
  KERNEL(name)
#include "../table.def"
}
