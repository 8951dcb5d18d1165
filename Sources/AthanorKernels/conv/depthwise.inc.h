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
  int64_t chunks, vectors;
  float *partials; // [chunks][taps + 1][channels], the last row for the bias
} ATH_NAME(depthwise_plan);

static ATH_NAME(depthwise_plan) ATH_NAME(plan_depthwise)(const ath_conv2d_weight_gradient_args *args) {
  const ath_conv2d_shape *s = &args->shape;
  return (ATH_NAME(depthwise_plan)){args, ath_max(1, ath_min(16, s->n)), ath_divide_up(s->ci, ATH_LANES),
                                    args->scratch};
}

static int64_t ATH_NAME(depthwise_partial)(const ath_conv2d_shape *s) {
  return (s->kh * s->kw + 1) * s->ci;
}

/// Outputs begin ..< end of an axis for which a tap reads inside of the source.
static ATH_NAME(extent) ATH_NAME(tap_extent)(int64_t tap, int64_t stride, int64_t pad, int64_t size, int64_t outputs) {
  const int64_t begin = tap >= pad ? 0 : ath_divide_up(pad - tap, stride);
  const int64_t end = ath_min(outputs, ATH_NAME(floor_divide)(size - 1 + pad - tap, stride) + 1);
  return (ATH_NAME(extent)){begin, end};
}

/// Up to 4 taps of one kernel row, from column t on, over one row of pixels whose x row is `x`.
ATH_INLINE void ATH_NAME(depthwise_taps)(const int count, const ath_conv2d_shape *s, int64_t t, const float *x,
                                         const float *dy, int64_t lanes, vf *sums) {
  const int64_t first = t * s->dilation_w, last = (t + count - 1) * s->dilation_w;
  // Columns where every one of the taps reads inside; the others tap by tap.
  const int64_t begin = ATH_NAME(tap_extent)(first, s->stride_w, s->pad_left, s->w, s->ow).begin;
  const int64_t end = ath_max(begin, ATH_NAME(tap_extent)(last, s->stride_w, s->pad_left, s->w, s->ow).end);
  const bool whole = lanes >= ATH_LANES;
  vf odd[4] = {{0}, {0}, {0}, {0}}; // of every second column: more chains, to hide the latency of an FMA
  for (int64_t j = begin; j < end; ++j) {
    const float *from = x + (j * s->stride_w + first - s->pad_left) * s->ci, *pixel = dy + j * s->ci;
    const vf gradient = whole ? vf_load(pixel) : vf_load_part(pixel, lanes);
    ATH_UNROLL for (int tap = 0; tap < count; ++tap) {
      const float *place = from + tap * s->dilation_w * s->ci;
      sums[tap] += gradient * (whole ? vf_load(place) : vf_load_part(place, lanes));
    }
    if (++j == end) break;
    const float *second = from + s->stride_w * s->ci;
    const vf other = whole ? vf_load(pixel + s->ci) : vf_load_part(pixel + s->ci, lanes);
    ATH_UNROLL for (int tap = 0; tap < count; ++tap) {
      const float *place = second + tap * s->dilation_w * s->ci;
      odd[tap] += other * (whole ? vf_load(place) : vf_load_part(place, lanes));
    }
  }
  ATH_UNROLL for (int tap = 0; tap < count; ++tap) sums[tap] += odd[tap];
  ATH_UNROLL for (int tap = 0; tap < count; ++tap) {
    const int64_t place = (t + tap) * s->dilation_w;
    const ATH_NAME(extent) all = ATH_NAME(tap_extent)(place, s->stride_w, s->pad_left, s->w, s->ow);
    for (int64_t j = all.begin; j < all.end; j = j + 1 == begin ? end : j + 1) {
      if (j >= begin && j < end)
        continue;
      const float *from = x + (j * s->stride_w + place - s->pad_left) * s->ci, *pixel = dy + j * s->ci;
      sums[tap] += vf_load_part(pixel, ath_min(lanes, ATH_LANES)) * vf_load_part(from, ath_min(lanes, ATH_LANES));
    }
  }
}

/// Taps t ..< t + count of kernel row r for one vector of channels, over the images of a chunk.
static void ATH_NAME(depthwise_rows)(const ATH_NAME(depthwise_plan) * plan, int64_t begin, int64_t end, int64_t r,
                                     int64_t t, int count, int64_t c, float *result) {
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t lanes = s->ci - c, row = r * s->dilation_h;
  const ATH_NAME(extent) rows = ATH_NAME(tap_extent)(row, s->stride_h, s->pad_top, s->h, s->oh);
  vf total[4] = {{0}, {0}, {0}, {0}};
  for (int64_t b = begin; b < end; ++b) {
    vf sums[4] = {{0}, {0}, {0}, {0}};
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const float *x =
          (const float *)plan->args->x + (b * s->h + i * s->stride_h + row - s->pad_top) * s->w * s->ci + c;
      const float *dy = (const float *)plan->args->dy + (b * s->oh + i) * s->ow * s->ci + c;
      switch (count) {
      case 1:
        ATH_NAME(depthwise_taps)(1, s, t, x, dy, lanes, sums);
        break;
      case 2:
        ATH_NAME(depthwise_taps)(2, s, t, x, dy, lanes, sums);
        break;
      case 3:
        ATH_NAME(depthwise_taps)(3, s, t, x, dy, lanes, sums);
        break;
      default:
        ATH_NAME(depthwise_taps)(4, s, t, x, dy, lanes, sums);
        break;
      }
    }
    for (int tap = 0; tap < 4; ++tap)
      total[tap] += sums[tap];
  }
  for (int tap = 0; tap < count; ++tap) {
    vf_store_part(result + (r * s->kw + t + tap) * s->ci + c, total[tap], ath_min(lanes, ATH_LANES));
  }
}

/// Index: chunk * vectors + vector of channels.
static void ATH_NAME(depthwise_task)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(depthwise_plan) *plan = context;
  const ath_conv2d_shape *s = &plan->args->shape;
  const int64_t chunk = index / plan->vectors, c = index % plan->vectors * ATH_LANES;
  const int64_t begin = chunk * s->n / plan->chunks, end = (chunk + 1) * s->n / plan->chunks;
  float *result = plan->partials + chunk * ATH_NAME(depthwise_partial)(s);
  for (int64_t r = 0; r < s->kh; ++r) {
    for (int64_t t = 0; t < s->kw; t += 4) {
      ATH_NAME(depthwise_rows)(plan, begin, end, r, t, (int)ath_min(4, s->kw - t), c, result);
    }
  }
  const int64_t lanes = ath_min(ATH_LANES, s->ci - c);
  vf bias = {0};
  for (int64_t b = begin; b < end; ++b) {
    const float *dy = (const float *)plan->args->dy + b * s->oh * s->ow * s->ci + c;
    vf sums[4] = {{0}, {0}, {0}, {0}}; // chains, to hide the latency of an addition
    for (int64_t pixel = 0; pixel < s->oh * s->ow; ++pixel)
      sums[pixel % 4] += vf_load_part(dy + pixel * s->ci, lanes);
    bias += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
  vf_store_part(result + s->kh * s->kw * s->ci + c, bias, lanes);
}

static size_t ATH_NAME(depthwise_scratch_bytes)(const ath_conv2d_weight_gradient_args *args) {
  const ATH_NAME(depthwise_plan) plan = ATH_NAME(plan_depthwise)(args);
  return (size_t)(plan.chunks * ATH_NAME(depthwise_partial)(&args->shape)) * sizeof(float);
}

static void ATH_NAME(depthwise_weight_gradient)(const ath_conv2d_weight_gradient_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  ATH_NAME(depthwise_plan) plan = ATH_NAME(plan_depthwise)(args);
  ath_pool_run(pool, plan.chunks * plan.vectors, ATH_NAME(depthwise_task), &plan);
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
