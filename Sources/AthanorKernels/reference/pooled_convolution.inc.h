// A convolution with max-pooling behind it by definition: y and dy are written out between the two.

static size_t ATH_NAME(pooled_dy_bytes)(const ath_conv2d_shape *s) {
  return (size_t)(s->n * s->oh * s->ow * s->co) * sizeof(ATH_REAL);
}

static size_t ATH_NAME(conv2d_pooled_forward_scratch_bytes)(const ath_conv2d_pooled_forward_args *args) {
  return ATH_NAME(pooled_dy_bytes)(&args->shape);
}

static void ATH_NAME(conv2d_pooled_forward)(const ath_conv2d_pooled_forward_args *args, ath_pool *pool) {
  const ath_conv2d_forward_args forward = {.shape = args->shape, .x = args->x, .weights = args->weights,
                                           .bias = args->bias, .y = args->scratch, .activation = args->activation};
  ATH_NAME(conv2d_forward)(&forward, pool);
  const ath_max_pool2d_forward_args pooling = {
      .shape = args->pool, .x = args->scratch, .y = args->y, .index = args->index};
  ATH_NAME(max_pool2d_forward)(&pooling, pool);
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
  const ath_conv2d_shape *s = &args->shape;
  const ATH_REAL *relu = args->relu;
  ATH_REAL *dx = args->dx;
  for (int64_t e = 0; relu && e < s->n * s->h * s->w * s->ci; ++e) dx[e] = relu[e] > 0 ? dx[e] : 0;
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
