// Weight gradient behind max-pooling. For each filter, the places where it has a gradient are listed; x there, times
// the gradient, adds up in registers: a filter's share of one kernel row is contiguous in x, kw * ci floats.
//
// The batch is cut into chunks with a partial result each, as [kh][co][kw * ci, padded to whole vectors] and [co] for
// the bias; partial results are added in the order of the chunks. A chunk goes band by band (some images, or some rows
// of windows), so that x stays in the first-level cache while every filter's list passes over it.

enum {
  ATH_NAME(pooled_band_floats) = 6 * 1024, // of x in a band
  ATH_NAME(pooled_windows) = 2048,         // in a band at most
};

typedef struct {
  const ath_conv2d_pooled_weight_gradient_args *args;
  const float *x;                   // padded where the convolution is
  int64_t width, height_x, width_x; // floats of a packed row; size of x, padding included
  int64_t chunks, partial;          // floats of one partial result
  int64_t images, rows;             // of a band: several whole images, or some rows of windows of one
  float *partials, *copy;           // copy: padded x, or NULL
  ath_pool *pool;
} ATH_NAME(pooled_weight_plan);

static ATH_NAME(pooled_weight_plan) ATH_NAME(plan_pooled_weight)(const ath_conv2d_pooled_weight_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  const ath_pool2d_shape *p = &args->dy.shape;
  ATH_NAME(pooled_weight_plan) plan = {.args = args, .width = ATH_NAME(pooled_width)(s)};
  plan.height_x = s->oh + s->kh - 1;
  plan.width_x = s->ow + s->kw - 1;
  const bool padded = s->pad_top > 0 || s->pad_left > 0 || plan.height_x > s->h || plan.width_x > s->w;
  if (!padded) {
    plan.height_x = s->h;
    plan.width_x = s->w;
  }
  plan.x = padded ? NULL : args->x;
  plan.partial = ath_round_up(s->kh * s->co * plan.width + s->co, 16);
  plan.chunks = ath_max(1, ath_min(s->n, ath_min(16, 4 * 1024 * 1024 / plan.partial)));
  const int64_t row = plan.width_x * s->ci, image = plan.height_x * row;
  plan.images = ath_max(1, ath_min(ATH_NAME(pooled_band_floats) / ath_max(1, image),
                                   ATH_NAME(pooled_windows) / ath_max(1, p->oh * p->ow)));
  const int64_t fitting = (ATH_NAME(pooled_band_floats) / ath_max(1, row) - s->kh + 1) / p->stride_h;
  plan.rows = ath_max(1, ath_min(p->oh, ath_min(fitting, ATH_NAME(pooled_windows) / ath_max(1, p->ow))));
  return plan;
}

static int64_t ATH_NAME(pooled_copy_floats)(const ATH_NAME(pooled_weight_plan) * plan) {
  return plan->x ? 0 : plan->args->shape.n * plan->height_x * plan->width_x * plan->args->shape.ci;
}

static size_t
ATH_NAME(fast_conv2d_pooled_weight_gradient_scratch_bytes)(const ath_conv2d_pooled_weight_gradient_args *args) {
  const ATH_NAME(pooled_weight_plan) plan = ATH_NAME(plan_pooled_weight)(args);
  return (size_t)(plan.chunks * plan.partial + ATH_NAME(pooled_copy_floats)(&plan)) * sizeof(float);
}

/// Index: an image, copied with its zeros.
static void ATH_NAME(pad_pooled_image)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(pooled_weight_plan) *plan = context;
  ATH_NAME(bands) bands = ATH_NAME(gradient_source)(&plan->args->shape, plan->args->x);
  bands.padded_width = plan->width_x;
  ATH_NAME(copy_band)(&bands, index, 1, 0, bands.oh,
                      plan->copy + index * plan->height_x * plan->width_x * bands.channels);
}

/// One band's windows first ..< first + count, in the order of memory.
typedef struct {
  int64_t first, count;
  const float *x;                                        // where the offsets begin
  int32_t origins[ATH_NAME(pooled_windows) + ATH_LANES]; // of each window, from x
} ATH_NAME(pooled_band);

/// For a vector of filters, from k on: each one's list of the places in the band where it has a gradient, and the sum
/// of these gradients. A square of windows and filters is transposed, so that each filter's windows can be appended
/// together.
static void ATH_NAME(list_gradients)(const ATH_NAME(pooled_weight_plan) * plan, const ATH_NAME(pooled_band) * band,
                                     int64_t k, float *values, int32_t *offsets, int64_t room,
                                     int64_t counts[ATH_LANES], float *sums) {
  const ath_conv2d_shape *s = &plan->args->shape;
  const ath_pooled_gradient *dy = &plan->args->dy;
  const int64_t places = dy->shape.kh * dy->shape.kw, lanes = s->co - k;
  int32_t steps[ATH_POOLED_PLACES]; // from a window's origin to each of its places
  for (int64_t place = 0; place < places; ++place) {
    steps[place] = (int32_t)((place / dy->shape.kw * plan->width_x + place % dy->shape.kw) * s->ci);
  }
  vf sum = {0};
  for (int64_t lane = 0; lane < ATH_LANES; ++lane)
    counts[lane] = 0;
  for (int64_t w = 0; w < band->count; w += ATH_LANES) {
    vf value[ATH_LANES], offset[ATH_LANES];
    for (int64_t lane = 0; lane < ATH_LANES; ++lane) {
      value[lane] = offset[lane] = (vf){0};
      if (w + lane >= band->count)
        continue;
      const int64_t place = (band->first + w + lane) * s->co + k;
      const vi at = ATH_NAME(load_places)(dy->index + place, lanes);
      vi step = {0};
      for (int64_t other = 1; other < places; ++other)
        step |= (at == (int32_t)other) & steps[other];
      value[lane] = ATH_NAME(load_pooled)(dy, place, lanes);
      offset[lane] = (vf)(step + band->origins[w + lane]);
      sum += value[lane];
    }
    ATH_NAME(transpose)(value);
    ATH_NAME(transpose)(offset);
    ATH_UNROLL for (int lane = 0; lane < ATH_LANES; ++lane) {
      counts[lane] =
          vf_append_nonzero(values + lane * room, offsets + lane * room, counts[lane], value[lane], (vi)offset[lane]);
    }
  }
  for (int64_t lane = 0; lane < ath_min(ATH_LANES, lanes); ++lane)
    sums[lane] += sum[lane];
}

static void ATH_NAME(pooled_weight_band)(const ATH_NAME(pooled_weight_plan) * plan, const ATH_NAME(pooled_band) * band,
                                         float *buffer, float *result) {
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t room = ath_round_up(band->count, ATH_LANES) + ATH_LANES;
  float *values = buffer, *sums = result + s->kh * s->co * plan->width;
  int32_t *offsets = (int32_t *)(buffer + ATH_LANES * room);
  ATH_NAME(sparse_job)
  job = {.source = band->x,
         .source_row = plan->width_x * s->ci,
         .result_row = s->co * plan->width,
         .rows = s->kh,
         .floats = s->kw * s->ci};
  for (int64_t k = 0; k < s->co; k += ATH_LANES) {
    int64_t counts[ATH_LANES];
    ATH_NAME(list_gradients)(plan, band, k, values, offsets, room, counts, sums + k);
    for (int64_t lane = 0; lane < ath_min(ATH_LANES, s->co - k); ++lane) {
      if (counts[lane] == 0)
        continue;
      job.values = values + lane * room;
      job.offsets = offsets + lane * room;
      job.count = counts[lane];
      job.result = result + (k + lane) * plan->width;
      ATH_NAME(sparse_sum)(&job);
    }
  }
}

/// Index: a chunk.
static void ATH_NAME(pooled_weight_chunk)(void *context, int64_t index, int worker) {
  const ATH_NAME(pooled_weight_plan) *plan = context;
  const ath_conv2d_shape *s = &plan->args->shape;
  const ath_pool2d_shape *p = &plan->args->dy.shape;
  const int64_t begin = index * s->n / plan->chunks, end = (index + 1) * s->n / plan->chunks;
  const int64_t row_x = plan->width_x * s->ci, image_x = plan->height_x * row_x;
  float *result = plan->partials + index * plan->partial;
  memset(result, 0, (size_t)plan->partial * sizeof(float));
  ATH_NAME(pooled_band) band;
  for (int64_t image = begin; image < end; image += plan->images) {
    const int64_t images = ath_min(plan->images, end - image);
    for (int64_t row = 0; row < p->oh; row += plan->rows) {
      const int64_t rows = ath_min(plan->rows, p->oh - row);
      band.first = (image * p->oh + row) * p->ow;
      band.x = plan->x + image * image_x + row * p->stride_h * row_x;
      band.count = 0;
      for (int64_t b = 0; b < images; ++b) {
        for (int64_t i = 0; i < rows; ++i) {
          const int64_t origin = b * image_x + (i * p->stride_h - p->pad_top) * row_x - p->pad_left * s->ci;
          for (int64_t j = 0; j < p->ow; ++j) {
            band.origins[band.count++] = (int32_t)(origin + j * p->stride_w * s->ci);
          }
        }
      }
      ATH_NAME(pooled_weight_band)(plan, &band, ath_pool_buffer(plan->pool, worker), result);
    }
  }
}

/// Index: a row of the kernel and a vector of filters. Adds the chunks and transposes to [kh, kw * ci, co].
static void ATH_NAME(pooled_weight_join)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(pooled_weight_plan) *plan = context;
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t vectors = ath_divide_up(s->co, ATH_LANES), row = index / vectors, k = index % vectors * ATH_LANES;
  const int64_t lanes = ath_min(ATH_LANES, s->co - k), floats = s->kw * s->ci;
  float *dweights = (float *)plan->args->dweights + row * floats * s->co + k;
  for (int64_t f = 0; f < floats; f += ATH_LANES) {
    vf square[ATH_LANES];
    for (int64_t lane = 0; lane < ATH_LANES; ++lane) {
      square[lane] = (vf){0};
      if (lane >= lanes)
        continue;
      const float *from = plan->partials + (row * s->co + k + lane) * plan->width + f;
      for (int64_t chunk = 0; chunk < plan->chunks; ++chunk)
        square[lane] += vf_load(from + chunk * plan->partial);
    }
    ATH_NAME(transpose)(square);
    for (int64_t step = 0; step < ath_min(ATH_LANES, floats - f); ++step) {
      vf_store_part(dweights + (f + step) * s->co, square[step], lanes);
    }
  }
  float *dbias = plan->args->dbias;
  if (row > 0 || !dbias)
    return;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const float *from = plan->partials + s->kh * s->co * plan->width + k + lane;
    dbias[k + lane] = 0;
    for (int64_t chunk = 0; chunk < plan->chunks; ++chunk)
      dbias[k + lane] += from[chunk * plan->partial];
  }
}

static void ATH_NAME(fast_conv2d_pooled_weight_gradient)(const ath_conv2d_pooled_weight_gradient_args *args,
                                                         ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  ATH_NAME(pooled_weight_plan) plan = ATH_NAME(plan_pooled_weight)(args);
  plan.pool = pool;
  plan.partials = args->scratch;
  if (!plan.x) {
    plan.copy = plan.partials + plan.chunks * plan.partial;
    ath_pool_run(pool, s->n, ATH_NAME(pad_pooled_image), &plan);
    plan.x = plan.copy;
  }
  ath_pool_run(pool, plan.chunks, ATH_NAME(pooled_weight_chunk), &plan);
  ath_pool_run(pool, s->kh * ath_divide_up(s->co, ATH_LANES), ATH_NAME(pooled_weight_join), &plan);
}
