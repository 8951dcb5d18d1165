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
#include "functions.inc.h"
#include "unary.inc.h"
#include "binary.inc.h"
#undef F
#undef REAL
#undef CHOOSE
#undef NEGATIVE

#include "reductions.inc.h"
#include "softmax.inc.h"
#include "dropout.inc.h"
#include "batch_norm.inc.h"
#include "optimizers.inc.h"

static void ATH_NAME(install_loops)(ath_kernel_table *table) {
  table->element_bytes = (int)sizeof(ATH_REAL);
#define ATH_INSTALL(kernel) table->kernel = ATH_NAME(kernel)
  ATH_INSTALL(conv2d_forward_scratch_bytes);
  ATH_INSTALL(conv2d_forward);
  ATH_INSTALL(conv2d_input_gradient_scratch_bytes);
  ATH_INSTALL(conv2d_input_gradient);
  ATH_INSTALL(conv2d_weight_gradient_scratch_bytes);
  ATH_INSTALL(conv2d_weight_gradient);
  ATH_INSTALL(matmul_scratch_bytes);
  ATH_INSTALL(matmul);
  ATH_INSTALL(max_pool2d_forward);
  ATH_INSTALL(max_pool2d_gradient);
  ATH_INSTALL(average_pool2d_forward);
  ATH_INSTALL(average_pool2d_gradient);
  ATH_INSTALL(conv2d_pooled_forward_scratch_bytes);
  ATH_INSTALL(conv2d_pooled_forward);
  ATH_INSTALL(conv2d_pooled_input_gradient_scratch_bytes);
  ATH_INSTALL(conv2d_pooled_input_gradient);
  ATH_INSTALL(conv2d_pooled_weight_gradient_scratch_bytes);
  ATH_INSTALL(conv2d_pooled_weight_gradient);
  ATH_INSTALL(unary);
  ATH_INSTALL(unary_gradient);
  ATH_INSTALL(binary);
  table->copy = ath_copy;
  ATH_INSTALL(fill);
  ATH_INSTALL(convert);
  ATH_INSTALL(reduce_scratch_bytes);
  ATH_INSTALL(reduce);
  ATH_INSTALL(arg_max);
  ATH_INSTALL(one_hot);
  ATH_INSTALL(in_top_k);
  ATH_INSTALL(softmax);
  ATH_INSTALL(softmax_gradient);
  ATH_INSTALL(softmax_crossentropy);
  ATH_INSTALL(softmax_crossentropy_gradient);
  ATH_INSTALL(dropout);
  ATH_INSTALL(dropout_gradient);
  ATH_INSTALL(batch_norm_forward_scratch_bytes);
  ATH_INSTALL(batch_norm_forward);
  ATH_INSTALL(batch_norm_gradient_scratch_bytes);
  ATH_INSTALL(batch_norm_gradient);
  ATH_INSTALL(sgd);
  ATH_INSTALL(rmsprop);
  ATH_INSTALL(adam);
  ATH_INSTALL(sum_of_squares);
  ATH_INSTALL(first_non_finite);
#undef ATH_INSTALL
}
