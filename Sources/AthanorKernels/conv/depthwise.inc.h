// Depthwise convolutions (as many groups as channels, one filter each): a vector holds neighbouring channels, so that
// every load is of whole vectors. There is a load for each multiplication, which is all that limits them.

static bool ATH_NAME(is_depthwise)(const ath_conv2d_shape *s) {
  return s->groups == s->ci && s->co == s->ci && s->ci > 1;
}

/// Which floats the taps of some pixels read, and their weights.
typedef struct {
  int64_t rows, columns;               // taps
  int64_t source_row, source_column;   // floats from tap to tap
  int64_t weights_row, weights_column; // likewise
  const float *weights;                // of the first tap
  const float *initial;
  bool relu;
  int64_t channels;
} ATH_NAME(depthwise_job);

/// One vector of channels of p_count pixels, from channel c on.
ATH_INLINE void ATH_NAME(depthwise_tile)(const int p_count, const ATH_NAME(depthwise_job) * job,
                                         const float *const *rows, float *const *results, int64_t c, const bool whole) {
  const int64_t lanes = job->channels - c;
  vf sums[8];
  ATH_UNROLL for (int p = 0; p < p_count; ++p) sums[p] = (vf){0};
  for (int64_t r = 0; r < job->rows; ++r) {
    for (int64_t t = 0; t < job->columns; ++t) {
      const float *from = job->weights + r * job->weights_row + t * job->weights_column + c;
      const int64_t place = r * job->source_row + t * job->source_column + c;
      const vf weight = whole ? vf_load(from) : vf_load_part(from, lanes);
      ATH_UNROLL for (int p = 0; p < p_count; ++p) {
        sums[p] += weight * (whole ? vf_load(rows[p] + place) : vf_load_part(rows[p] + place, lanes));
      }
    }
  }
  vf initial = {0};
  if (job->initial)
    initial = whole ? vf_load(job->initial + c) : vf_load_part(job->initial + c, lanes);
  ATH_UNROLL for (int p = 0; p < p_count; ++p) {
    const vf sum = job->relu ? vf_relu(sums[p] + initial) : sums[p] + initial;
    if (whole) {
      vf_store(results[p] + c, sum);
    } else {
      vf_store_part(results[p] + c, sum, lanes);
    }
  }
}

static void ATH_NAME(depthwise_pixels)(const ATH_NAME(depthwise_job) * job, const float *const *rows,
                                       float *const *results, int64_t count) {
  for (int64_t p = 0; p < count;) {
    const bool eight = p + 8 <= count;
    int64_t c = 0;
    for (; c + ATH_LANES <= job->channels; c += ATH_LANES) {
      if (eight) {
        ATH_NAME(depthwise_tile)(8, job, rows + p, results + p, c, true);
      } else {
        ATH_NAME(depthwise_tile)(1, job, rows + p, results + p, c, true);
      }
    }
    if (c < job->channels) {
      if (eight) {
        ATH_NAME(depthwise_tile)(8, job, rows + p, results + p, c, false);
      } else {
        ATH_NAME(depthwise_tile)(1, job, rows + p, results + p, c, false);
      }
    }
    p += eight ? 8 : 1;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Weight gradient: dweights[r, t, c] = sum over pixels of x[pixel and tap, c] * dy[pixel, c], chunk by chunk of the
// batch.

typedef struct {
  const ath_conv2d_weight_gradient_args *args;
  int64_t chunks, vectors, splits; // of the batch; of the channels, and how many tasks share them
  float *partials; // [chunks][taps + 1][channels], the last row for the bias
} ATH_NAME(depthwise_plan);

static ATH_NAME(depthwise_plan) ATH_NAME(plan_depthwise)(const ath_conv2d_weight_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  const int64_t chunks = ath_max(1, ath_min(16, s->n)), vectors = ath_divide_up(s->ci, ATH_LANES);
  return (ATH_NAME(depthwise_plan)){args, chunks, vectors, ath_min(vectors, ath_divide_up(16, chunks)), args->scratch};
}

static int64_t ATH_NAME(depthwise_partial)(const ath_conv2d_shape *s) {
  return (s->kh * s->kw + 1) * s->ci;
}

/// Outputs begin ..< end of an axis for which a tap reads inside of the source.
static ATH_NAME(extent) ATH_NAME(tap_extent)(int64_t tap, int64_t stride, int64_t pad, int64_t size, int64_t outputs) {
  if (stride == 1) // the frequent case, without its divisions: they took longer than a row of pixels
    return (ATH_NAME(extent)){ath_max(0, pad - tap), ath_min(outputs, size + pad - tap)};
  const int64_t begin = tap >= pad ? 0 : ath_divide_up(pad - tap, stride);
  const int64_t end = ath_min(outputs, ATH_NAME(floor_divide)(size - 1 + pad - tap, stride) + 1);
  return (ATH_NAME(extent)){begin, end};
}

enum { ATH_NAME(depthwise_vectors) = ATH_TILE_VECTORS }; // that go over a row together, so that it is read in order

/// Up to 4 taps of one kernel row, from column t on, over one row of pixels: sums[tap][v]. Always called with constant count
/// and v_count; `lanes` matters to one vector alone, several are whole.
ATH_INLINE void ATH_NAME(depthwise_taps)(const int count, const int v_count, const ath_conv2d_shape *s, int64_t t,
                                         const float *x, const float *dy, int64_t lanes,
                                         vf sums[4][ATH_NAME(depthwise_vectors)]) {
  const int64_t first = t * s->dilation_w, last = (t + count - 1) * s->dilation_w;
  // Columns where every one of the taps reads inside; the others tap by tap.
  const int64_t begin = ATH_NAME(tap_extent)(first, s->stride_w, s->pad_left, s->w, s->ow).begin;
  const int64_t end = ath_max(begin, ATH_NAME(tap_extent)(last, s->stride_w, s->pad_left, s->w, s->ow).end);
  const bool whole = v_count > 1 || lanes >= ATH_LANES;
  for (int64_t j = begin; j < end; ++j) {
    const float *from = x + (j * s->stride_w + first - s->pad_left) * s->ci, *pixel = dy + j * s->ci;
    ATH_UNROLL for (int v = 0; v < v_count; ++v) {
      const vf gradient = whole ? vf_load(pixel + v * ATH_LANES) : vf_load_part(pixel, lanes);
      ATH_UNROLL for (int tap = 0; tap < count; ++tap) {
        const float *place = from + tap * s->dilation_w * s->ci + v * ATH_LANES;
        sums[tap][v] += gradient * (whole ? vf_load(place) : vf_load_part(place, lanes));
      }
    }
  }
  ATH_UNROLL for (int tap = 0; tap < count; ++tap) {
    const int64_t place = (t + tap) * s->dilation_w;
    const ATH_NAME(extent) all = ATH_NAME(tap_extent)(place, s->stride_w, s->pad_left, s->w, s->ow);
    for (int64_t j = all.begin; j < all.end; j = j + 1 == begin ? end : j + 1) {
      if (j >= begin && j < end)
        continue;
      const float *from = x + (j * s->stride_w + place - s->pad_left) * s->ci, *pixel = dy + j * s->ci;
      ATH_UNROLL for (int v = 0; v < v_count; ++v) {
        const int64_t here = whole ? ATH_LANES : lanes;
        sums[tap][v] += vf_load_part(pixel + v * ATH_LANES, here) * vf_load_part(from + v * ATH_LANES, here);
      }
    }
  }
}

/// Adds one row of dy's pixels, and the row of x under kernel row r, to that row's taps of v_count vectors of channels.
ATH_INLINE void ATH_NAME(depthwise_row)(const int v_count, const ath_conv2d_shape *s, const float *x, const float *dy,
                                        int64_t lanes, float *taps) {
  for (int64_t t = 0; t < s->kw; t += 4) {
    const int count = (int)ath_min(4, s->kw - t);
    vf sums[4][ATH_NAME(depthwise_vectors)] = {{{0}}};
    switch (count) {
    case 1:
      ATH_NAME(depthwise_taps)(1, v_count, s, t, x, dy, lanes, sums);
      break;
    case 2:
      ATH_NAME(depthwise_taps)(2, v_count, s, t, x, dy, lanes, sums);
      break;
    case 3:
      ATH_NAME(depthwise_taps)(3, v_count, s, t, x, dy, lanes, sums);
      break;
    default:
      ATH_NAME(depthwise_taps)(4, v_count, s, t, x, dy, lanes, sums);
      break;
    }
    for (int tap = 0; tap < count; ++tap) {
      ATH_UNROLL for (int v = 0; v < v_count; ++v) {
        float *to = taps + (t + tap) * s->ci + v * ATH_LANES;
        vf_store_part(to, vf_load_part(to, lanes) + sums[tap][v], lanes);
      }
    }
  }
}

/// The same for channels first ..< stop.
static void ATH_NAME(depthwise_channels)(const ath_conv2d_shape *s, const float *x, const float *dy, int64_t first,
                                         int64_t stop, float *taps) {
  const int64_t together = ATH_NAME(depthwise_vectors) * ATH_LANES;
  int64_t c = first;
  for (; c + together <= stop; c += together)
    ATH_NAME(depthwise_row)(ATH_NAME(depthwise_vectors), s, x + c, dy + c, ATH_LANES, taps + c);
  for (; c < stop; c += ATH_LANES)
    ATH_NAME(depthwise_row)(1, s, x + c, dy + c, ath_min(ATH_LANES, stop - c), taps + c);
}

/// Adds a row of pixels of one vector of channels.
static void ATH_NAME(depthwise_bias)(const float *dy, int64_t pixels, int64_t channels, int64_t lanes, float *bias) {
  vf even = {0}, odd = {0}; // two chains, to hide the latency of an addition
  int64_t j = 0;
  for (; j + 2 <= pixels; j += 2) {
    even += vf_load_part(dy + j * channels, lanes);
    odd += vf_load_part(dy + (j + 1) * channels, lanes);
  }
  if (j < pixels)
    even += vf_load_part(dy + j * channels, lanes);
  vf_store_part(bias, vf_load_part(bias, lanes) + even + odd, lanes);
}

/// Index: chunk * splits + split of the channels. Row by row of dy and all taps at once, so that what is read comes from
/// memory once and from the first-level cache thereafter.
static void ATH_NAME(depthwise_task)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(depthwise_plan) *plan = context;
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t chunk = index / plan->splits, split = index % plan->splits;
  const int64_t begin = chunk * s->n / plan->chunks, end = (chunk + 1) * s->n / plan->chunks;
  const int64_t first = split * plan->vectors / plan->splits * ATH_LANES;
  const int64_t stop = ath_min(s->ci, (split + 1) * plan->vectors / plan->splits * ATH_LANES);
  float *result = plan->partials + chunk * ATH_NAME(depthwise_partial)(s), *bias = result + s->kh * s->kw * s->ci;
  for (int64_t row = 0; row <= s->kh * s->kw; ++row)
    memset(result + row * s->ci + first, 0, (size_t)(stop - first) * sizeof(float));
  for (int64_t image = begin; image < end; ++image) {
    const float *x = (const float *)plan->args->x + image * s->h * s->w * s->ci;
    for (int64_t i = 0; i < s->oh; ++i) {
      const float *dy = (const float *)plan->args->dy + (image * s->oh + i) * s->ow * s->ci;
      for (int64_t r = 0; r < s->kh; ++r) {
        const int64_t row = i * s->stride_h + r * s->dilation_h - s->pad_top;
        if (row < 0 || row >= s->h)
          continue;
        ATH_NAME(depthwise_channels)(s, x + row * s->w * s->ci, dy, first, stop, result + r * s->kw * s->ci);
      }
      for (int64_t c = first; c < stop; c += ATH_LANES)
        ATH_NAME(depthwise_bias)(dy + c, s->ow, s->ci, ath_min(ATH_LANES, stop - c), bias + c);
    }
  }
}

static size_t ATH_NAME(depthwise_scratch_bytes)(const ath_conv2d_weight_gradient_args *args) {
  const ATH_NAME(depthwise_plan) plan = ATH_NAME(plan_depthwise)(args);
  return (size_t)(plan.chunks * ATH_NAME(depthwise_partial)(&args->shape)) * sizeof(float);
}

static void ATH_NAME(depthwise_weight_gradient)(const ath_conv2d_weight_gradient_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  ATH_NAME(depthwise_plan) plan = ATH_NAME(plan_depthwise)(args);
  ath_pool_run(pool, plan.chunks * plan.splits, ATH_NAME(depthwise_task), &plan);
  const int64_t weights = s->kh * s->kw * s->ci, partial = ATH_NAME(depthwise_partial)(s);
  float *dweights = args->dweights, *dbias = args->dbias;
  for (int64_t e = 0; e < partial; ++e) {
    float sum = 0;
    for (int64_t chunk = 0; chunk < plan.chunks; ++chunk)
      sum += plan.partials[chunk * partial + e];
    if (e < weights) {
      dweights[e] = sum;
    } else if (dbias) {
      dbias[e - weights] = sum;
    }
  }
}
