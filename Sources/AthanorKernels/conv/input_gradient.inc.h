// Input gradient: a convolution from dy to dx with the weights' channels swapped.

/// The forward convolution that an input gradient of stride 1 is, with its kernel turned around.
static ath_conv2d_shape ATH_NAME(turned_shape)(const ath_conv2d_shape *s) {
  ath_conv2d_shape turned = *s;
  turned.h = s->oh, turned.w = s->ow, turned.ci = s->co;
  turned.oh = s->h, turned.ow = s->w, turned.co = s->ci;
  turned.pad_top = s->kh - 1 - s->pad_top, turned.pad_left = s->kw - 1 - s->pad_left;
  return turned;
}

static size_t ATH_NAME(fast_conv2d_input_gradient_scratch_bytes)(const ath_conv2d_input_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  const ath_conv2d_forward_args turned = {.shape = ATH_NAME(turned_shape)(s)};
  if (ATH_NAME(winograd_suits)(&turned.shape, ATH_POOLED_TILE_FLOATS)) {
    return (size_t)(s->kh * s->kw * s->ci * s->co) * sizeof(float) +
           ATH_NAME(fast_conv2d_forward_scratch_bytes)(&turned);
  }
  const int64_t width = ath_round_up(s->ci / s->groups, ATH_LANES);
  return (size_t)(s->kh * s->kw * s->co * width) * sizeof(float);
}

typedef struct {
  const ath_conv2d_shape *shape;
  const float *weights;
  float *packed;
} ATH_NAME(swapped_weights);

/// Index: group * taps + tap. Each tap's [ci / groups, co / groups] becomes rows of a panel, transposed.
static void ATH_NAME(pack_swapped_tap)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(swapped_weights) *swap = context;
  const ath_conv2d_shape *s = swap->shape;
  const int64_t group_in = s->ci / s->groups, group_out = s->co / s->groups, taps = s->kh * s->kw;
  const int64_t group = index / taps, tap = index % taps;
  const ATH_NAME(panels) panels = ATH_NAME(panels_for)(group_in);
  for (int64_t panel = 0; panel < panels.panels; ++panel) {
    const int64_t begin = ATH_NAME(panel_begin)(&panels, panel) * ATH_LANES;
    const int64_t width = ATH_NAME(panel_begin)(&panels, panel + 1) * ATH_LANES - begin;
    const float *from = swap->weights + (tap * group_in + begin) * s->co + group * group_out;
    float *to = swap->packed + (group * panels.vectors * ATH_LANES + begin) * taps * group_out + tap * group_out * width;
    ATH_NAME(pack_panel_transposed)(from, s->co, group_out, ath_min(width, group_in - begin), width, to);
  }
}

/// Index: tap. [ci, co] of the last tap become [co, ci] of the first.
static void ATH_NAME(turn_tap)(void *context, int64_t tap, int worker) {
  (void)worker;
  const ATH_NAME(swapped_weights) *swap = context;
  const int64_t ci = swap->shape->ci, co = swap->shape->co, last = swap->shape->kh * swap->shape->kw - 1;
  const float *from = swap->weights + (last - tap) * ci * co;
  float *to = swap->packed + tap * ci * co;
  for (int64_t k = 0; k < co; ++k) {
    for (int64_t c = 0; c < ci; ++c)
      to[k * ci + c] = from[c * co + k];
  }
}

/// By Winograd's algorithm.
static void ATH_NAME(turned_input_gradient)(const ath_conv2d_input_gradient_args *args, const ath_conv2d_shape *turned,
                                            ath_pool *pool) {
  const int64_t taps = turned->kh * turned->kw;
  float *weights = args->scratch;
  ATH_NAME(swapped_weights) swap = {&args->shape, args->weights, weights};
  ath_pool_run(pool, taps, ATH_NAME(turn_tap), &swap);
  const ath_conv2d_forward_args forward = {.shape = *turned,
                                           .x = args->dy,
                                           .weights = weights,
                                           .y = args->dx,
                                           .scratch = weights + taps * turned->ci * turned->co};
  ATH_NAME(fast_conv2d_forward)(&forward, pool);
}

static void ATH_NAME(fast_conv2d_input_gradient)(const ath_conv2d_input_gradient_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  if (s->n <= 0 || s->h <= 0 || s->w <= 0 || s->ci <= 0) return;
  const ath_conv2d_shape turned = ATH_NAME(turned_shape)(s);
  if (ATH_NAME(winograd_suits)(&turned, ATH_POOLED_TILE_FLOATS)) {
    ATH_NAME(turned_input_gradient)(args, &turned, pool);
    return;
  }
  ATH_NAME(swapped_weights) swap = {s, args->weights, args->scratch};
  const int64_t tasks = s->groups * s->kh * s->kw;
  const bool depthwise = ATH_NAME(is_depthwise)(s);
  if (depthwise) {
    // One filter for each channel: there is nothing to swap.
  } else if (s->kh * s->kw * s->ci / s->groups * s->co < 2 * ATH_SMALL_WORK) {
    for (int64_t index = 0; index < tasks; ++index) ATH_NAME(pack_swapped_tap)(&swap, index, 0);
  } else {
    ath_pool_run(pool, tasks, ATH_NAME(pack_swapped_tap), &swap);
  }
  ATH_NAME(convolution) conv = {
      .rows = {s->h, s->kh, s->oh, s->stride_h, s->dilation_h, s->pad_top, true},
      .columns = {s->w, s->kw, s->ow, s->stride_w, s->dilation_w, s->pad_left, true},
      .n = s->n, .groups = s->groups, .source_channels = s->co, .output_channels = s->ci,
      .source = args->dy, .weights = args->weights, .packed = depthwise ? NULL : args->scratch, .outputs = args->dx,
      .depthwise = depthwise,
  };
  ATH_NAME(convolve)(&conv, pool);
}
