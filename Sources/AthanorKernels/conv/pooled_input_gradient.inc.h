// Input gradient behind max-pooling. For each place of each window, the filters whose maximum lay there are listed;
// their weights, times the gradients, add up in registers and go to the pixels of dx that the kernel reached from
// there.
//
// Weights are packed as [kh][co][kw * ci, padded to whole vectors]: what one filter sends to one row of dx is
// contiguous.

typedef struct {
  const ath_conv2d_pooled_input_gradient_args *args;
  int64_t width; // floats of a packed row
  float *packed;
  ath_pool *pool;
} ATH_NAME(pooled_input_plan);

static int64_t ATH_NAME(pooled_width)(const ath_conv2d_shape *s) {
  return ath_round_up(s->kw * s->ci, ATH_LANES);
}

/// Behind the packed weights a vector more may be read: near the border a row of them is read from its middle on.
static size_t
ATH_NAME(fast_conv2d_pooled_input_gradient_scratch_bytes)(const ath_conv2d_pooled_input_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  return (size_t)(s->kh * s->co * ATH_NAME(pooled_width)(s) + ATH_LANES) * sizeof(float);
}

/// Index: a row of the kernel.
static void ATH_NAME(pack_pooled_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(pooled_input_plan) *plan = context;
  const ath_conv2d_shape *s = &plan->args->shape;
  const float *weights = (const float *)plan->args->weights + index * s->kw * s->ci * s->co;
  ATH_NAME(pack_panel_transposed)(weights, s->co, s->co, s->kw * s->ci, plan->width,
                                  plan->packed + index * s->co * plan->width);
}

/// The gradients of one vector of filters in one window, zero where a ReLU before the pooling lets nothing through.
ATH_INLINE vf ATH_NAME(load_pooled)(const ath_pooled_gradient *dy, int64_t place, int64_t lanes) {
  const float *from = (const float *)dy->dpooled + place, *pooled = (const float *)dy->pooled + place;
  const bool whole = lanes >= ATH_LANES;
  const vf value = whole ? vf_load(from) : vf_load_part(from, lanes);
  if (!dy->pooled)
    return value;
  return vf_choose((whole ? vf_load(pooled) : vf_load_part(pooled, lanes)) <= 0.0f, (vf){0}, value);
}

/// Adds the share of output pixel (i, j) of an image to dx. The job holds the pixel's list.
static void ATH_NAME(scatter_pixel)(const ATH_NAME(pooled_input_plan) * plan, ATH_NAME(sparse_job) * job, float *image,
                                    int64_t i, int64_t j) {
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t top = i - s->pad_top, left = j - s->pad_left;
  const int64_t r = ath_max(0, -top), rows = ath_min(s->kh, s->h - top) - r;
  const int64_t t = ath_max(0, -left), columns = ath_min(s->kw, s->w - left) - t;
  if (rows <= 0 || columns <= 0)
    return;
  job->source = plan->packed + r * job->source_row + t * s->ci;
  job->result = image + ((top + r) * s->w + left + t) * s->ci;
  job->rows = rows;
  job->floats = columns * s->ci;
  ATH_NAME(sparse_sum)(job);
}

/// The gradient before a ReLU, while the image is in the cache.
static void ATH_NAME(mask_by_relu)(const float *relu, int64_t count, float *dx) {
  int64_t e = 0;
  for (; e + ATH_LANES <= count; e += ATH_LANES) {
    vf_store(dx + e, vf_choose(vf_load(relu + e) > 0.0f, vf_load(dx + e), (vf){0}));
  }
  for (; e < count; ++e)
    dx[e] = relu[e] > 0 ? dx[e] : 0;
}

/// Index: an image.
static void ATH_NAME(pooled_input_image)(void *context, int64_t index, int worker) {
  const ATH_NAME(pooled_input_plan) *plan = context;
  const ath_conv2d_shape *s = &plan->args->shape;
  const ath_pooled_gradient *dy = &plan->args->dy;
  const ath_pool2d_shape *p = &dy->shape;
  const int64_t places = p->kh * p->kw, list = s->co + ATH_LANES; // room of a list
  const int64_t floats = s->h * s->w * s->ci;
  float *image = (float *)plan->args->dx + index * floats;
  float *values = ath_pool_buffer(plan->pool, worker);
  int32_t *offsets = (int32_t *)(values + places * list);
  memset(image, 0, (size_t)floats * sizeof(float));
  vi lane;
  for (int l = 0; l < ATH_LANES; ++l)
    lane[l] = l;
  ATH_NAME(sparse_job) job = {.source_row = s->co * plan->width, .source_whole = true, .result_row = s->w * s->ci};
  for (int64_t i = 0; i < p->oh; ++i) {
    for (int64_t j = 0; j < p->ow; ++j) {
      const int64_t window = ((index * p->oh + i) * p->ow + j) * s->co;
      int64_t counts[ATH_POOLED_PLACES] = {0};
      for (int64_t k = 0; k < s->co; k += ATH_LANES) {
        const vf value = ATH_NAME(load_pooled)(dy, window + k, s->co - k);
        const vi at = ATH_NAME(load_places)(dy->index + window + k, s->co - k);
        const vi filter = (lane + (int32_t)k) * (int32_t)plan->width;
        for (int64_t place = 0; place < places; ++place) {
          const vf here = vf_choose(at == (int32_t)place, value, (vf){0});
          counts[place] = vf_append_nonzero(values + place * list, offsets + place * list, counts[place], here, filter);
        }
      }
      for (int64_t place = 0; place < places; ++place) {
        if (counts[place] == 0)
          continue;
        job.values = values + place * list;
        job.offsets = offsets + place * list;
        job.count = counts[place];
        ATH_NAME(scatter_pixel)(plan, &job, image, i * p->stride_h - p->pad_top + place / p->kw,
                                j * p->stride_w - p->pad_left + place % p->kw);
      }
    }
  }
  if (plan->args->relu)
    ATH_NAME(mask_by_relu)((const float *)plan->args->relu + index * floats, floats, image);
}

static void ATH_NAME(fast_conv2d_pooled_input_gradient)(const ath_conv2d_pooled_input_gradient_args *args,
                                                        ath_pool *pool) {
  ATH_NAME(pooled_input_plan) plan = {args, ATH_NAME(pooled_width)(&args->shape), args->scratch, pool};
  ath_pool_run(pool, args->shape.kh, ATH_NAME(pack_pooled_row), &plan);
  ath_pool_run(pool, args->shape.n, ATH_NAME(pooled_input_image), &plan);
}
