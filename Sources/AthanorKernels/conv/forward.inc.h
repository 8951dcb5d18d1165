// Convolution forward, and the input gradient as a convolution of dy with the flipped kernel.

enum { ATH_NAME(conv_pixels) = 240 }; // pixels whose pointers a block holds at most

#define ATH_WORKER_FLOATS (ATH_WORKER_BYTES / sizeof(float))

typedef struct {
  ATH_NAME(bands) bands;
  int64_t groups, group_in, co;
  const float *weights; // [kh, kw, group_in, co], when it need not be packed
  const float *packed;  // [groups][panels of kh * kw * group_in steps]
  const float *initial; // [groups][whole vectors], or NULL
  bool relu;
  float *y;
  ath_pool *pool;
} ATH_NAME(conv_plan);

static int64_t ATH_NAME(group_vectors)(const ATH_NAME(conv_plan) * plan) {
  return ath_divide_up(plan->co / plan->groups, ATH_LANES);
}

/// One group's channels of a block of pixels, whose pointers are given; y is at the block's first pixel.
static void ATH_NAME(conv_group)(const ATH_NAME(conv_plan) * plan, const ATH_NAME(band) * band, int64_t group,
                                 const float *const *rows, int64_t count, float *y) {
  const ATH_NAME(bands) *g = &plan->bands;
  const int64_t group_out = plan->co / plan->groups, width = ATH_NAME(group_vectors)(plan) * ATH_LANES;
  const int64_t kernel_row = g->kw * plan->group_in; // steps
  const bool joined = g->dilation_w == 1 && plan->groups == 1; // a kernel row is contiguous in the image
  // A stretch of kernel rows whose panel stays in the second-level cache.
  const int64_t stretch = ath_min(g->kh, ath_max(1, 1024 / ath_max(1, kernel_row)));
  for (int64_t r = 0; r < g->kh; r += stretch) {
    const int64_t kernel_rows = ath_min(stretch, g->kh - r);
    ATH_NAME(tile_job) job = {.a_offset = group * plan->group_in + r * g->dilation_h * band->row_step,
                              .c = y + group * group_out, .c_step = plan->co, .columns = group_out,
                              .initial = plan->initial ? plan->initial + group * width : NULL,
                              .accumulate = r > 0, .relu = plan->relu && r + kernel_rows == g->kh};
    const int64_t a_outer = g->dilation_h * band->row_step, a_middle = g->dilation_w * g->channels;
    job.walk = joined ? (ATH_NAME(walk)){kernel_rows, 1, kernel_row, a_outer, 0, 1}
                      : (ATH_NAME(walk)){kernel_rows, g->kw, plan->group_in, a_outer, a_middle, 1};
    const int64_t steps = g->kh * kernel_row, step = r * kernel_row;
    ATH_NAME(operand) b = {.step = plan->co, .steps = steps, .packed = plan->packed != NULL, .first_step = step};
    b.data = b.packed ? plan->packed + group * steps * width : plan->weights + group * group_out;
    ATH_NAME(multiply_block)(rows, count, &job, &b);
  }
}

static void ATH_NAME(conv_band)(void *context, int64_t index, int worker) {
  const ATH_NAME(conv_plan) *plan = context;
  const ATH_NAME(bands) *g = &plan->bands;
  ATH_NAME(band) band = ATH_NAME(band_extent)(g, index);
  ATH_NAME(load_band)(g, &band, ath_pool_buffer(plan->pool, worker));
  const float *rows[ATH_NAME(conv_pixels)];
  const int64_t pixels = band.images * band.rows * g->ow;
  const int64_t first = (band.image * g->oh + band.row) * g->ow;
  const int64_t blocks = ath_divide_up(pixels, ATH_NAME(conv_pixels));
  const int64_t column_step = g->stride_w * g->channels, row_step = g->stride_h * band.row_step;
  int64_t i = 0, j = 0;
  const float *image = band.base;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = block * pixels / blocks, count = (block + 1) * pixels / blocks - begin;
    for (int64_t p = 0; p < count; ++p) {
      rows[p] = image + i * row_step + j * column_step;
      if (++j < g->ow) continue;
      j = 0;
      if (++i < band.rows) continue;
      i = 0;
      image += band.image_step;
    }
    for (int64_t group = 0; group < plan->groups; ++group) {
      ATH_NAME(conv_group)(plan, &band, group, rows, count, plan->y + (first + begin) * plan->co);
    }
  }
}

/// Bands for so much work: about two million multiplications each, at most 64 unless there are more images.
static int64_t ATH_NAME(wanted_bands)(int64_t multiplications) {
  return ath_min(64, ath_max(1, multiplications / 1000000));
}

static void ATH_NAME(run_convolution)(ATH_NAME(conv_plan) * plan, int64_t multiplications, ath_pool *pool) {
  plan->pool = pool;
  if (multiplications < 20000) {
    for (int64_t band = 0; band < plan->bands.bands; ++band) ATH_NAME(conv_band)(plan, band, 0);
  } else {
    ath_pool_run(pool, plan->bands.bands, ATH_NAME(conv_band), plan);
  }
}

static int64_t ATH_NAME(conv_multiplications)(const ath_conv2d_shape *s) {
  return s->n * s->oh * s->ow * s->kh * s->kw * (s->ci / s->groups) * s->co;
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward

static ATH_NAME(bands) ATH_NAME(forward_bands)(const ath_conv2d_shape *s, const float *x) {
  ATH_NAME(bands) g = {.source = x, .n = s->n, .h = s->h, .w = s->w, .channels = s->ci, .spread_h = 1, .spread_w = 1,
                       .pad_top = s->pad_top, .pad_left = s->pad_left, .kh = s->kh, .kw = s->kw, .oh = s->oh,
                       .ow = s->ow, .stride_h = s->stride_h, .stride_w = s->stride_w, .dilation_h = s->dilation_h,
                       .dilation_w = s->dilation_w};
  return g;
}

static bool ATH_NAME(forward_packs)(const ath_conv2d_shape *s) {
  return s->co / s->groups % ATH_LANES != 0 || s->co > 256;
}

/// Floats in scratch: packed weights, the padded bias, then the copy of x where bands do not fit.
typedef struct {
  int64_t weights, bias, copy;
} ATH_NAME(conv_scratch);

static ATH_NAME(conv_scratch) ATH_NAME(forward_scratch)(const ath_conv2d_shape *s) {
  const int64_t width = ath_round_up(s->co / s->groups, ATH_LANES);
  ATH_NAME(conv_scratch) size = {0, s->groups * width, 0};
  if (ATH_NAME(forward_packs)(s)) size.weights = s->groups * s->kh * s->kw * (s->ci / s->groups) * width;
  ATH_NAME(bands) g = ATH_NAME(forward_bands)(s, NULL);
  ATH_NAME(plan_bands)(&g, 1, ATH_WORKER_FLOATS);
  if (ATH_NAME(needs_scratch_copy)(&g, ATH_WORKER_FLOATS)) size.copy = (int64_t)ATH_NAME(band_floats)(&g, s->n, s->oh);
  return size;
}

static size_t ATH_NAME(fast_conv2d_forward_scratch_bytes)(const ath_conv2d_forward_args *args) {
  const ATH_NAME(conv_scratch) size = ATH_NAME(forward_scratch)(&args->shape);
  return (size_t)(size.weights + size.bias + size.copy) * sizeof(float);
}

static void ATH_NAME(pack_forward_weights)(const ath_conv2d_shape *s, const float *weights, float *packed) {
  const int64_t group_out = s->co / s->groups, steps = s->kh * s->kw * (s->ci / s->groups);
  const ATH_NAME(panels) panels = ATH_NAME(panels_for)(group_out);
  for (int64_t group = 0; group < s->groups; ++group) {
    for (int64_t panel = 0; panel < panels.panels; ++panel) {
      const int64_t begin = ATH_NAME(panel_begin)(&panels, panel) * ATH_LANES;
      const int64_t width = ATH_NAME(panel_begin)(&panels, panel + 1) * ATH_LANES - begin;
      ATH_NAME(pack_panel)(weights + group * group_out + begin, s->co, steps, ath_min(width, group_out - begin), width,
                           packed + (group * panels.vectors * ATH_LANES + begin) * steps);
    }
  }
}

static void ATH_NAME(fast_conv2d_forward)(const ath_conv2d_forward_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  if (s->n <= 0 || s->oh <= 0 || s->ow <= 0 || s->co <= 0) return;
  const ATH_NAME(conv_scratch) size = ATH_NAME(forward_scratch)(s);
  float *packed = args->scratch, *bias = packed + size.weights, *copy = bias + size.bias;
  const int64_t group_out = s->co / s->groups, width = ath_round_up(group_out, ATH_LANES);
  ATH_NAME(conv_plan) plan = {.bands = ATH_NAME(forward_bands)(s, args->x), .groups = s->groups,
                              .group_in = s->ci / s->groups, .co = s->co, .weights = args->weights,
                              .relu = args->activation == ATH_ACTIVATION_RELU, .y = args->y};
  if (size.weights > 0) {
    ATH_NAME(pack_forward_weights)(s, args->weights, packed);
    plan.packed = packed;
  }
  if (args->bias) {
    for (int64_t group = 0; group < s->groups; ++group) {
      ATH_NAME(pack_panel)((const float *)args->bias + group * group_out, 0, 1, group_out, width, bias + group * width);
    }
    plan.initial = bias;
  }
  const int64_t work = ATH_NAME(conv_multiplications)(s);
  ATH_NAME(plan_bands)(&plan.bands, ATH_NAME(wanted_bands)(work), ATH_WORKER_FLOATS);
  if (size.copy > 0) ATH_NAME(use_scratch_copy)(&plan.bands, copy);
  ATH_NAME(run_convolution)(&plan, work, pool);
}

// ---------------------------------------------------------------------------------------------------------------------
// Input gradient: dx is the convolution, at stride 1, of dy (spread by the stride) with the kernel turned by half a turn
// and its channels swapped.

static ATH_NAME(bands) ATH_NAME(input_gradient_bands)(const ath_conv2d_shape *s, const float *dy) {
  ATH_NAME(bands) g = {.source = dy, .n = s->n, .h = s->oh, .w = s->ow, .channels = s->co, .spread_h = s->stride_h,
                       .spread_w = s->stride_w, .pad_top = (s->kh - 1) * s->dilation_h - s->pad_top,
                       .pad_left = (s->kw - 1) * s->dilation_w - s->pad_left, .kh = s->kh, .kw = s->kw, .oh = s->h,
                       .ow = s->w, .stride_h = 1, .stride_w = 1, .dilation_h = s->dilation_h,
                       .dilation_w = s->dilation_w};
  return g;
}

static ATH_NAME(conv_scratch) ATH_NAME(input_gradient_scratch)(const ath_conv2d_shape *s) {
  const int64_t width = ath_round_up(s->ci / s->groups, ATH_LANES);
  ATH_NAME(conv_scratch) size = {s->groups * s->kh * s->kw * (s->co / s->groups) * width, 0, 0};
  ATH_NAME(bands) g = ATH_NAME(input_gradient_bands)(s, NULL);
  ATH_NAME(plan_bands)(&g, 1, ATH_WORKER_FLOATS);
  if (ATH_NAME(needs_scratch_copy)(&g, ATH_WORKER_FLOATS)) size.copy = (int64_t)ATH_NAME(band_floats)(&g, s->n, s->h);
  return size;
}

static size_t ATH_NAME(fast_conv2d_input_gradient_scratch_bytes)(const ath_conv2d_input_gradient_args *args) {
  const ATH_NAME(conv_scratch) size = ATH_NAME(input_gradient_scratch)(&args->shape);
  return (size_t)(size.weights + size.copy) * sizeof(float);
}

static void ATH_NAME(pack_turned_weights)(const ath_conv2d_shape *s, const float *weights, float *packed) {
  const int64_t group_in = s->ci / s->groups, group_out = s->co / s->groups, places = s->kh * s->kw;
  const ATH_NAME(panels) panels = ATH_NAME(panels_for)(group_in);
  for (int64_t group = 0; group < s->groups; ++group) {
    for (int64_t panel = 0; panel < panels.panels; ++panel) {
      const int64_t begin = ATH_NAME(panel_begin)(&panels, panel) * ATH_LANES;
      const int64_t width = ATH_NAME(panel_begin)(&panels, panel + 1) * ATH_LANES - begin;
      float *to = packed + (group * panels.vectors * ATH_LANES + begin) * places * group_out;
      for (int64_t place = 0; place < places; ++place) {
        const float *from = weights + ((places - 1 - place) * group_in + begin) * s->co + group * group_out;
        ATH_NAME(pack_panel_transposed)(from, s->co, group_out, ath_min(width, group_in - begin), width,
                                        to + place * group_out * width);
      }
    }
  }
}

static void ATH_NAME(fast_conv2d_input_gradient)(const ath_conv2d_input_gradient_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  if (s->n <= 0 || s->h <= 0 || s->w <= 0 || s->ci <= 0) return;
  const ATH_NAME(conv_scratch) size = ATH_NAME(input_gradient_scratch)(s);
  float *packed = args->scratch, *copy = packed + size.weights;
  ATH_NAME(pack_turned_weights)(s, args->weights, packed);
  ATH_NAME(conv_plan) plan = {.bands = ATH_NAME(input_gradient_bands)(s, args->dy), .groups = s->groups,
                              .group_in = s->co / s->groups, .co = s->ci, .packed = packed, .y = args->dx};
  const int64_t work = s->n * s->h * s->w * s->kh * s->kw * (s->co / s->groups) * s->ci;
  ATH_NAME(plan_bands)(&plan.bands, ATH_NAME(wanted_bands)(work), ATH_WORKER_FLOATS);
  if (size.copy > 0) ATH_NAME(use_scratch_copy)(&plan.bands, copy);
  ATH_NAME(run_convolution)(&plan, work, pool);
}
