// A convolution and the max-pooling of its result, in windows that do not overlap. A band of y stays in the worker's
// buffer, where it is pooled at once; y itself is never written out.

typedef struct {
  ATH_NAME(convolution) conv;
  const ath_conv2d_pooled_forward_args *args;
  int64_t images, rows; // of a band: several whole images, or some rows of windows of one
  int64_t parts;        // bands of one image
} ATH_NAME(pooled_forward_plan);

/// Rows begin ..< end of y that windows row ..< row + rows reach.
static void ATH_NAME(pooled_extent)(const ath_pool2d_shape *p, int64_t row, int64_t rows, int64_t *begin,
                                    int64_t *end) {
  *begin = ath_max(0, row * p->stride_h - p->pad_top);
  *end = ath_min(p->h, (row + rows - 1) * p->stride_h - p->pad_top + p->kh);
}

/// Rows of windows whose y fits into the buffer's first half; 0 when not even one does.
static int64_t ATH_NAME(pooled_fitting)(const ath_pool2d_shape *p) {
  const int64_t fitting = ATH_POOLED_TILE_FLOATS / ath_max(1, p->w * p->c);
  return fitting < p->kh ? 0 : (fitting - p->kh) / p->stride_h + 1;
}

static size_t ATH_NAME(fast_conv2d_pooled_forward_scratch_bytes)(const ath_conv2d_pooled_forward_args *args) {
  const ath_conv2d_forward_args forward = {.shape = args->shape};
  const size_t weights = ath_round_up((int64_t)ATH_NAME(fast_conv2d_forward_scratch_bytes)(&forward), 64);
  return ATH_NAME(pooled_fitting)(&args->pool) > 0 ? weights
                                                   : weights + ATH_NAME(conv2d_pooled_forward_scratch_bytes)(args);
}

/// Index: a band.
static void ATH_NAME(pooled_forward_band)(void *context, int64_t index, int worker) {
  const ATH_NAME(pooled_forward_plan) *plan = context;
  const ath_conv2d_pooled_forward_args *args = plan->args;
  const ath_pool2d_shape *p = &args->pool;
  float *buffer = ath_pool_buffer(plan->conv.pool, worker);
  ATH_NAME(part) part = {.image = index / plan->parts * plan->images, .outputs = buffer};
  part.images = ath_min(plan->images, p->n - part.image);
  const int64_t row = index % plan->parts * plan->rows, rows = ath_min(plan->rows, p->oh - row);
  ATH_NAME(pooled_extent)(p, row, rows, &part.begin, &part.end);
  part.image_step = (part.end - part.begin) * p->w * p->c;
  ATH_NAME(convolve_part)(&plan->conv, &part, buffer + ATH_POOLED_TILE_FLOATS, ATH_POOLED_TILE_FLOATS);
  // The band's own pooling: its first window begins so much above its first row.
  ath_max_pool2d_forward_args pooling = {.shape = *p, .x = buffer};
  pooling.shape.n = part.images;
  pooling.shape.h = part.end - part.begin;
  pooling.shape.oh = rows;
  pooling.shape.pad_top = p->pad_top + part.begin - row * p->stride_h;
  const int64_t first = (part.image * p->oh + row) * p->ow * p->c;
  pooling.y = (float *)args->y + first;
  pooling.index = args->index ? args->index + first : NULL;
  for (int64_t i = 0; i < part.images * rows; ++i)
    ATH_NAME(fast_max_pool_row)(&pooling, i, worker);
}

static void ATH_NAME(fast_conv2d_pooled_forward)(const ath_conv2d_pooled_forward_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  const ath_pool2d_shape *p = &args->pool;
  if (p->n <= 0 || p->oh <= 0 || p->ow <= 0 || p->c <= 0)
    return;
  ath_conv2d_forward_args forward = {.shape = *s,
                                     .x = args->x,
                                     .weights = args->weights,
                                     .bias = args->bias,
                                     .activation = args->activation,
                                     .scratch = args->scratch};
  if (ATH_NAME(pools_in_registers)(s, p)) {
    const ATH_NAME(convolution) conv = ATH_NAME(forward_convolution)(&forward, pool);
    ATH_NAME(convolve_pooled_tiles)(&conv, args, pool);
    return;
  }
  const int64_t fitting = ATH_NAME(pooled_fitting)(p);
  if (fitting == 0) {
    const size_t weights = ath_round_up((int64_t)ATH_NAME(fast_conv2d_forward_scratch_bytes)(&forward), 64);
    forward.y = (char *)args->scratch + weights;
    ATH_NAME(fast_conv2d_forward)(&forward, pool);
    const ath_max_pool2d_forward_args pooling = {.shape = *p, .x = forward.y, .y = args->y, .index = args->index};
    ATH_NAME(fast_max_pool2d_forward)(&pooling, pool);
    return;
  }
  ATH_NAME(pooled_forward_plan) plan = {.conv = ATH_NAME(forward_convolution)(&forward, pool), .args = args};
  const int64_t image_work = s->oh * s->ow * s->kh * s->kw * s->ci * s->co, work = s->n * image_work;
  const int64_t wanted = ath_min(64, ath_max(1, work / 1000000)); // bands, as in `convolve`
  plan.rows = ath_min(fitting, p->oh);
  plan.images =
      plan.rows < p->oh ? 1 : ath_max(1, ath_min(s->n / wanted, ATH_POOLED_TILE_FLOATS / (p->h * p->w * p->c)));
  if (s->n < wanted)
    plan.rows = ath_min(plan.rows, ath_max(1, ath_divide_up(p->oh * s->n, wanted)));
  plan.parts = ath_divide_up(p->oh, plan.rows);
  const int64_t bands = ath_divide_up(s->n, plan.images) * plan.parts;
  if (work < ATH_SMALL_WORK) {
    for (int64_t band = 0; band < bands; ++band)
      ATH_NAME(pooled_forward_band)(&plan, band, 0);
  } else {
    ath_pool_run(pool, bands, ATH_NAME(pooled_forward_band), &plan);
  }
}
