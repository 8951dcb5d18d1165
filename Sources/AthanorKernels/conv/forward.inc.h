// Convolution forward.

/// Weights are packed when their rows are not whole vectors, or so far apart that they fall onto the same cache sets.
static bool ATH_NAME(forward_packs)(const ath_conv2d_shape *s) {
  return s->co / s->groups % ATH_LANES != 0 || s->co > 256;
}

/// Floats of packed weights at the start of scratch; the padded bias follows.
static int64_t ATH_NAME(forward_packed_floats)(const ath_conv2d_shape *s) {
  if (!ATH_NAME(forward_packs)(s)) return 0;
  return s->kh * s->kw * (s->ci / s->groups) * s->groups * ath_round_up(s->co / s->groups, ATH_LANES);
}

/// Room in a worker's buffer for the tiles of a convolution that is pooled at once; its outputs have the rest.
#define ATH_POOLED_TILE_FLOATS ((int64_t)ATH_WORKER_FLOATS / 2)

static int64_t ATH_NAME(forward_weight_floats)(const ath_conv2d_shape *s) {
  if (ATH_NAME(winograd_suits)(s, ATH_POOLED_TILE_FLOATS)) return ATH_NAME(winograd_weight_floats)(s);
  return ATH_NAME(forward_packed_floats)(s);
}

static size_t ATH_NAME(fast_conv2d_forward_scratch_bytes)(const ath_conv2d_forward_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  const int64_t bias = s->groups * ath_round_up(s->co / s->groups, ATH_LANES);
  return (size_t)(ATH_NAME(forward_weight_floats)(s) + bias) * sizeof(float);
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

/// The convolution with its weights and bias packed in scratch.
static ATH_NAME(convolution) ATH_NAME(forward_convolution)(const ath_conv2d_forward_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  float *packed = args->scratch, *bias = packed + ATH_NAME(forward_weight_floats)(s);
  const int64_t group_out = s->co / s->groups, width = ath_round_up(group_out, ATH_LANES);
  ATH_NAME(convolution) conv = {
      .rows = {s->oh, s->kh, s->h, s->stride_h, s->dilation_h, s->pad_top, false},
      .columns = {s->ow, s->kw, s->w, s->stride_w, s->dilation_w, s->pad_left, false},
      .n = s->n, .groups = s->groups, .source_channels = s->ci, .output_channels = s->co,
      .source = args->x, .weights = args->weights, .outputs = args->y,
      .relu = args->activation == ATH_ACTIVATION_RELU, .pool = pool,
  };
  if (ATH_NAME(is_depthwise)(s)) {
    conv.depthwise = true;
    conv.initial = args->bias;
    return conv;
  }
  if (ATH_NAME(winograd_suits)(s, ATH_POOLED_TILE_FLOATS)) {
    ATH_NAME(winograd_pack)(s, args->weights, packed, pool);
    conv.winograd = packed;
  } else if (ATH_NAME(forward_packs)(s)) {
    ATH_NAME(pack_forward_weights)(s, args->weights, packed);
    conv.packed = packed;
  }
  if (args->bias) {
    for (int64_t group = 0; group < s->groups; ++group) {
      ATH_NAME(pack_panel)((const float *)args->bias + group * group_out, 0, 1, group_out, width, bias + group * width);
    }
    conv.initial = bias;
  }
  return conv;
}

static void ATH_NAME(fast_conv2d_forward)(const ath_conv2d_forward_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  if (s->n <= 0 || s->oh <= 0 || s->ow <= 0 || s->co <= 0) return;
  ATH_NAME(convolution) conv = ATH_NAME(forward_convolution)(args, pool);
  ATH_NAME(convolve)(&conv, pool);
}
