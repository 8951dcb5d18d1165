// A convolution's gradients behind max-pooling by their definition: dy is written out, then the convolution's own follow.

static size_t ATH_NAME(pooled_dy_bytes)(const ath_conv2d_shape *s) {
  return (size_t)(s->n * s->oh * s->ow * s->co) * sizeof(ATH_REAL);
}

static void ATH_NAME(write_pooled_dy)(const ath_pooled_gradient *dy, void *to, ath_pool *pool) {
  const ath_max_pool2d_gradient_args args = {
      .shape = dy->shape, .dy = dy->dpooled, .index = dy->index, .y = dy->pooled, .dx = to};
  ATH_NAME(max_pool2d_gradient)(&args, pool);
}

static size_t ATH_NAME(conv2d_pooled_input_gradient_scratch_bytes)(const ath_conv2d_pooled_input_gradient_args *args) {
  return ATH_NAME(pooled_dy_bytes)(&args->shape);
}

static void ATH_NAME(conv2d_pooled_input_gradient)(const ath_conv2d_pooled_input_gradient_args *args, ath_pool *pool) {
  ATH_NAME(write_pooled_dy)(&args->dy, args->scratch, pool);
  const ath_conv2d_input_gradient_args dense = {
      .shape = args->shape, .dy = args->scratch, .weights = args->weights, .dx = args->dx};
  ATH_NAME(conv2d_input_gradient)(&dense, pool);
}

static size_t ATH_NAME(conv2d_pooled_weight_gradient_scratch_bytes)(
    const ath_conv2d_pooled_weight_gradient_args *args) {
  return ATH_NAME(pooled_dy_bytes)(&args->shape);
}

static void ATH_NAME(conv2d_pooled_weight_gradient)(const ath_conv2d_pooled_weight_gradient_args *args,
                                                    ath_pool *pool) {
  ATH_NAME(write_pooled_dy)(&args->dy, args->scratch, pool);
  const ath_conv2d_weight_gradient_args dense = {
      .shape = args->shape, .x = args->x, .dy = args->scratch, .dweights = args->dweights, .dbias = args->dbias};
  ATH_NAME(conv2d_weight_gradient)(&dense, pool);
}
