// Weight gradient: dweights[place of the kernel, co] = sum over pixels of x[pixel, place] * dy[pixel, co]. A tile holds some
// places (rows: kernel row, kernel column, input channel) and sweeps over the pixels of a band of images.
//
// The batch is cut into chunks with a partial result each; partial results are added in the order of the chunks.

enum { ATH_NAME(gradient_places) = 240 }; // places whose pointers a block holds at most

typedef struct {
  const ath_conv2d_weight_gradient_args *args;
  ATH_NAME(bands) bands; // source x
  int64_t places;        // kh * kw * ci / groups
  int64_t place_groups;  // tasks of one chunk
  int64_t chunks;
  bool pack_dy;
  float *partial; // [chunks, places + 1, co]; the last row is dbias
  ath_pool *pool;
} ATH_NAME(gradient_plan);

static ATH_NAME(bands) ATH_NAME(gradient_source)(const ath_conv2d_shape *s, const float *x) {
  return (ATH_NAME(bands)){.source = x, .n = s->n, .h = s->h, .w = s->w, .channels = s->ci, .pad_top = s->pad_top,
                           .pad_left = s->pad_left, .kh = s->kh, .kw = s->kw, .oh = s->oh, .ow = s->ow,
                           .stride_h = s->stride_h, .stride_w = s->stride_w, .dilation_h = s->dilation_h,
                           .dilation_w = s->dilation_w};
}

static ATH_NAME(gradient_plan) ATH_NAME(plan_weight_gradient)(const ath_conv2d_weight_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  ATH_NAME(gradient_plan) plan = {.args = args, .bands = ATH_NAME(gradient_source)(s, args->x)};
  plan.places = s->kh * s->kw * (s->ci / s->groups);
  plan.pack_dy = s->co / s->groups % ATH_LANES != 0;
  const int64_t tasks = ath_min(16, ath_max(1, s->n * s->oh * s->ow * plan.places * s->co / 1000000));
  const int64_t most_partial = 4 * 1024 * 1024; // floats
  plan.chunks = ath_max(1, ath_min(ath_min(tasks, s->n), most_partial / ((plan.places + 1) * s->co)));
  plan.place_groups = ath_max(1, ath_min(ath_divide_up(tasks, plan.chunks), plan.places / 48));
  return plan;
}

/// Bands inside of a chunk: x and dy of a band together in the second-level cache.
static void ATH_NAME(plan_gradient_bands)(ATH_NAME(gradient_plan) * plan, int64_t images) {
  const ath_conv2d_shape *s = &plan->args->shape;
  ATH_NAME(bands) *g = &plan->bands;
  const int64_t dy_image = s->oh * s->ow * ath_round_up(s->co / s->groups, ATH_LANES); // of one group
  const int64_t x_image = s->h * s->w * s->ci, floats = images * (s->oh * s->ow * s->co + x_image);
  g->n = images;
  ATH_NAME(plan_bands)(g, ath_max(1, ath_divide_up(floats, (int64_t)ATH_WORKER_FLOATS / 2)), ATH_WORKER_FLOATS / 2);
  while (plan->pack_dy && g->images > 1 && g->images * dy_image > (int64_t)ATH_WORKER_FLOATS / 2) --g->images;
  if (plan->pack_dy && g->images == 1) {
    const int64_t dy_row = dy_image / s->oh;
    g->rows = ath_max(1, ath_min(g->rows, (int64_t)ATH_WORKER_FLOATS / 2 / ath_max(1, dy_row)));
  }
  g->image_bands = ath_divide_up(g->oh, g->rows);
  g->bands = g->rows < g->oh ? g->n * g->image_bands : ath_divide_up(g->n, g->images);
}

static void ATH_NAME(sum_pixels)(const float *dy, int64_t pixels, int64_t co, bool accumulate, float *sums) {
  int64_t k = 0;
  for (; k + ATH_LANES <= co; k += ATH_LANES) {
    vf sum = accumulate ? vf_load(sums + k) : (vf){0};
    for (int64_t p = 0; p < pixels; ++p) sum += vf_load(dy + p * co + k);
    vf_store(sums + k, sum);
  }
  for (; k < co; ++k) {
    float sum = accumulate ? sums[k] : 0;
    for (int64_t p = 0; p < pixels; ++p) sum += dy[p * co + k];
    sums[k] = sum;
  }
}

/// Adds one band's share of places begin ..< end for one group. dy: the band's first pixel.
static void ATH_NAME(gradient_band)(const ATH_NAME(gradient_plan) * plan, const ATH_NAME(band) * band, int64_t group,
                                    int64_t begin, int64_t end, const float *dy, float *packed, bool accumulate,
                                    float *result) {
  const ATH_NAME(bands) *g = &plan->bands;
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t group_in = s->ci / s->groups, group_out = s->co / s->groups;
  const int64_t pixels = band->images * band->rows * g->ow;
  ATH_NAME(operand) b = {.data = dy + group * group_out, .step = s->co, .steps = pixels, .packed = plan->pack_dy};
  if (plan->pack_dy) {
    const ATH_NAME(panels) panels = ATH_NAME(panels_for)(group_out);
    for (int64_t panel = 0; panel < panels.panels; ++panel) {
      const int64_t first = ATH_NAME(panel_begin)(&panels, panel) * ATH_LANES;
      const int64_t width = ATH_NAME(panel_begin)(&panels, panel + 1) * ATH_LANES - first;
      ATH_NAME(pack_panel)(b.data + first, s->co, pixels, ath_min(width, group_out - first), width,
                           packed + first * pixels);
    }
    b.data = packed;
  }
  ATH_NAME(tile_job) job = {.columns = group_out, .accumulate = accumulate};
  job.walk = (ATH_NAME(walk)){band->images, band->rows, g->ow, band->image_step, g->stride_h * band->row_step,
                              g->stride_w * g->channels, band->rows * g->ow, g->ow};
  const float *rows[ATH_NAME(gradient_places)];
  float *results[ATH_NAME(gradient_places)];
  const int64_t blocks = ath_divide_up(end - begin, ATH_NAME(gradient_places));
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = begin + block * (end - begin) / blocks;
    const int64_t count = begin + (block + 1) * (end - begin) / blocks - first;
    for (int64_t p = 0; p < count; ++p) {
      const int64_t c = (first + p) % group_in, place = (first + p) / group_in;
      rows[p] = band->base + place / s->kw * s->dilation_h * band->row_step +
                place % s->kw * s->dilation_w * s->ci + group * group_in + c;
      results[p] = result + (first + p) * s->co + group * group_out;
    }
    ATH_NAME(multiply_block)(rows, results, count, &job, &b);
  }
}

/// Index: chunk * place_groups + place group.
static void ATH_NAME(gradient_task)(void *context, int64_t index, int worker) {
  ATH_NAME(gradient_plan) plan = *(const ATH_NAME(gradient_plan) *)context;
  const ath_conv2d_shape *s = &plan.args->shape;
  const int64_t chunk = index / plan.place_groups, part = index % plan.place_groups;
  const int64_t image = chunk * s->n / plan.chunks, images = (chunk + 1) * s->n / plan.chunks - image;
  const int64_t begin = part * plan.places / plan.place_groups, end = (part + 1) * plan.places / plan.place_groups;
  ATH_NAME(bands) *g = &plan.bands;
  g->source += image * g->h * g->w * g->channels;
  ATH_NAME(plan_gradient_bands)(&plan, images);
  float *buffer = ath_pool_buffer(plan.pool, worker), *packed = buffer + ATH_WORKER_FLOATS / 2;
  float *result = plan.partial + chunk * (plan.places + 1) * s->co;
  float *sums = plan.chunks > 1 ? result + plan.places * s->co : plan.args->dbias;
  for (int64_t index_in_chunk = 0; index_in_chunk < g->bands; ++index_in_chunk) {
    ATH_NAME(band) band = ATH_NAME(band_extent)(g, index_in_chunk);
    ATH_NAME(load_band)(g, &band, buffer);
    const float *dy = (const float *)plan.args->dy + (((image + band.image) * s->oh + band.row) * s->ow) * s->co;
    for (int64_t group = 0; group < s->groups; ++group) {
      ATH_NAME(gradient_band)(&plan, &band, group, begin, end, dy, packed, index_in_chunk > 0, result);
    }
    if (part == 0 && plan.args->dbias) {
      ATH_NAME(sum_pixels)(dy, band.images * band.rows * s->ow, s->co, index_in_chunk > 0, sums);
    }
  }
}

static void ATH_NAME(gradient_join)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ATH_NAME(gradient_plan) *plan = context;
  const int64_t co = plan->args->shape.co, weights = plan->places * co, partial = weights + co;
  float *dweights = plan->args->dweights, *dbias = plan->args->dbias;
  for (int64_t e = begin; e < end; ++e) {
    float sum = plan->partial[e];
    for (int64_t chunk = 1; chunk < plan->chunks; ++chunk) sum += plan->partial[chunk * partial + e];
    if (e < weights) {
      dweights[e] = sum;
    } else if (dbias) {
      dbias[e - weights] = sum;
    }
  }
}

/// A packed row of dy that does not fit into its half of the buffer (rows of thousands of pixels) is left to the loops.
static bool ATH_NAME(leaves_to_loops)(const ath_conv2d_shape *s) {
  const int64_t group_out = s->co / s->groups;
  return s->n <= 0 || s->oh <= 0 || s->ow <= 0 ||
         (group_out % ATH_LANES != 0 && s->ow * ath_round_up(group_out, ATH_LANES) > (int64_t)ATH_WORKER_FLOATS / 2);
}

typedef struct {
  int64_t partial, copy;
} ATH_NAME(gradient_scratch);

static ATH_NAME(gradient_scratch) ATH_NAME(weight_gradient_scratch)(const ath_conv2d_weight_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  ATH_NAME(gradient_plan) plan = ATH_NAME(plan_weight_gradient)(args);
  ATH_NAME(gradient_scratch) size = {plan.chunks > 1 ? plan.chunks * (plan.places + 1) * s->co : 0, 0};
  ATH_NAME(plan_bands)(&plan.bands, 1, ATH_WORKER_FLOATS / 2);
  if (ATH_NAME(needs_scratch_copy)(&plan.bands, ATH_WORKER_FLOATS / 2)) {
    size.copy = (int64_t)ATH_NAME(band_floats)(&plan.bands, s->n, s->oh);
  }
  return size;
}

static size_t ATH_NAME(fast_conv2d_weight_gradient_scratch_bytes)(const ath_conv2d_weight_gradient_args *args) {
  if (ATH_NAME(is_depthwise)(&args->shape)) return ATH_NAME(depthwise_scratch_bytes)(args);
  const ATH_NAME(gradient_scratch) size = ATH_NAME(weight_gradient_scratch)(args);
  return (size_t)(size.partial + size.copy) * sizeof(float);
}

static void ATH_NAME(fast_conv2d_weight_gradient)(const ath_conv2d_weight_gradient_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  if (ATH_NAME(is_depthwise)(s)) {
    ATH_NAME(depthwise_weight_gradient)(args, pool);
    return;
  }
  if (ATH_NAME(leaves_to_loops)(s)) {
    ATH_NAME(conv2d_weight_gradient)(args, pool);
    return;
  }
  const ATH_NAME(gradient_scratch) size = ATH_NAME(weight_gradient_scratch)(args);
  ATH_NAME(gradient_plan) plan = ATH_NAME(plan_weight_gradient)(args);
  plan.pool = pool;
  plan.partial = plan.chunks > 1 ? args->scratch : args->dweights;
  if (size.copy > 0) {
    ATH_NAME(plan_bands)(&plan.bands, 1, ATH_WORKER_FLOATS / 2);
    ATH_NAME(use_scratch_copy)(&plan.bands, (float *)args->scratch + size.partial);
  }
  ath_pool_run(pool, plan.chunks * plan.place_groups, ATH_NAME(gradient_task), &plan);
  if (plan.chunks > 1) {
    ath_run_ranges(pool, (plan.places + 1) * s->co, ATH_POINTWISE_GRAIN / 4, ATH_NAME(gradient_join), &plan);
  }
}
