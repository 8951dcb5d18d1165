// The vectorised kernels of one instruction set, overlaid on the loops.
#include "../gemm/tile.inc.h"
#include "../gemm/block.inc.h"
#include "../gemm/pack.inc.h"
#include "../gemm/matmul.inc.h"
#include "../conv/region.inc.h"
#include "../conv/winograd.inc.h"
#include "../conv/depthwise.inc.h"
#include "../conv/engine.inc.h"
#include "../conv/forward.inc.h"
#include "../conv/input_gradient.inc.h"
#include "../conv/band.inc.h"
#include "../conv/weight_gradient.inc.h"
#include "../pool/max_pool.inc.h"
#include "../conv/pooled_tile.inc.h"
#include "../conv/pooled_forward.inc.h"
#include "../conv/sparse_sum.inc.h"
#include "../conv/pooled_input_gradient.inc.h"
#include "../conv/pooled_weight_gradient.inc.h"
#include "../pointwise/unary.inc.h"
#include "../pointwise/dropout.inc.h"

static void ATH_NAME(install_vectors)(ath_kernel_table *table) {
  table->conv2d_forward_scratch_bytes = ATH_NAME(fast_conv2d_forward_scratch_bytes);
  table->conv2d_forward = ATH_NAME(fast_conv2d_forward);
  table->conv2d_input_gradient_scratch_bytes = ATH_NAME(fast_conv2d_input_gradient_scratch_bytes);
  table->conv2d_input_gradient = ATH_NAME(fast_conv2d_input_gradient);
  table->conv2d_weight_gradient_scratch_bytes = ATH_NAME(fast_conv2d_weight_gradient_scratch_bytes);
  table->conv2d_weight_gradient = ATH_NAME(fast_conv2d_weight_gradient);
  table->matmul = ATH_NAME(fast_matmul);
  table->max_pool2d_forward = ATH_NAME(fast_max_pool2d_forward);
  table->max_pool2d_gradient = ATH_NAME(fast_max_pool2d_gradient);
  table->conv2d_pooled_forward_scratch_bytes = ATH_NAME(fast_conv2d_pooled_forward_scratch_bytes);
  table->conv2d_pooled_forward = ATH_NAME(fast_conv2d_pooled_forward);
  table->conv2d_pooled_input_gradient_scratch_bytes = ATH_NAME(fast_conv2d_pooled_input_gradient_scratch_bytes);
  table->conv2d_pooled_input_gradient = ATH_NAME(fast_conv2d_pooled_input_gradient);
  table->conv2d_pooled_weight_gradient_scratch_bytes = ATH_NAME(fast_conv2d_pooled_weight_gradient_scratch_bytes);
  table->conv2d_pooled_weight_gradient = ATH_NAME(fast_conv2d_pooled_weight_gradient);
  table->unary = ATH_NAME(fast_unary);
  table->unary_gradient = ATH_NAME(fast_unary_gradient);
  table->dropout = ATH_NAME(fast_dropout);
  table->dropout_gradient = ATH_NAME(fast_dropout_gradient);
}
