// Pooling in registers: a tile's pixels are those of whole 2x2 windows, whose maxima are taken while the sums are still in
// registers. Pixels that no window reaches are not computed at all. Only for kernels so small that one stretch of steps sums
// them; larger ones gain nothing, because their sums take so much longer than a write into the cache.

enum {
  ATH_NAME(pooled_steps) = 256,   // at most
  ATH_NAME(tile_windows) = 60, // whose pointers a block holds at most
};

/// Every window sees four pixels, and every pixel the whole kernel.
static bool ATH_NAME(pools_in_registers)(const ath_conv2d_shape *s, const ath_pool2d_shape *p) {
  return s->groups == 1 && s->kh * s->kw * s->ci <= ATH_NAME(pooled_steps) && p->kh == 2 && p->kw == 2 &&
         p->pad_top == 0 && p->pad_left == 0 && (p->oh - 1) * p->stride_h + 2 <= p->h &&
         (p->ow - 1) * p->stride_w + 2 <= p->w && s->pad_top == 0 && s->pad_left == 0 &&
         (s->oh - 1) * s->stride_h + (s->kh - 1) * s->dilation_h < s->h &&
         (s->ow - 1) * s->stride_w + (s->kw - 1) * s->dilation_w < s->w &&
         !ATH_NAME(is_depthwise)(s) && !ATH_NAME(winograd_suits)(s, ATH_POOLED_TILE_FLOATS);
}

/// Some windows: rows has 4 pointers for each. Always called with constant windows and v_count, as `tile`.
ATH_INLINE void ATH_NAME(pooled_tile)(const int windows, const int v_count, const float *const *rows, float *const *results,
                                      uint16_t *const *places, const ATH_NAME(tile_job) * job) {
  vf sums[ATH_TILE_ROWS][ATH_TILE_VECTORS];
  ATH_NAME(tile_sums)(4 * windows, v_count, rows, job, sums);
  ATH_UNROLL for (int v = 0; v < v_count; ++v) {
    const int64_t offset = job->c_offset + v * ATH_LANES, lanes = job->columns - v * ATH_LANES;
    const vf initial = job->initial ? vf_load(job->initial + v * ATH_LANES) : (vf){0};
    ATH_UNROLL for (int w = 0; w < windows; ++w) {
      vf best = {0};
      vi place = {0};
      ATH_UNROLL for (int p = 0; p < 4; ++p) {
        vf value = sums[4 * w + p][v] + initial;
        if (job->relu)
          value = vf_relu(value);
        if (p == 0) {
          best = value;
          continue;
        }
        const vi wins = (value > best) | ((value != value) & (best == best));
        best = vf_choose(wins, value, best);
        place = (wins & p) | (~wins & place);
      }
      if (lanes >= ATH_LANES) {
        vf_store(results[w] + offset, best);
      } else {
        vf_store_part(results[w] + offset, best, lanes);
      }
      if (places)
        ATH_NAME(store_places)(places[w] + offset, place, lanes);
    }
  }
}

/// The windows of a tile, by its vectors of channels: as many accumulators as `tile_rows` has.
static int64_t ATH_NAME(pooled_tile_windows)(int64_t vectors) {
  return vectors == 1 || (ATH_REGISTERS >= 32 && vectors <= 3) ? 2 : 1;
}

static __attribute__((noinline)) void ATH_NAME(pooled_tiles)(int64_t windows, int64_t vectors, const float *const *rows,
                                                             float *const *results, uint16_t *const *places,
                                                             const ATH_NAME(tile_job) * job) {
  switch (vectors * 2 + windows - 1) {
  case 2:
    ATH_NAME(pooled_tile)(1, 1, rows, results, places, job);
    break;
  case 3:
    ATH_NAME(pooled_tile)(2, 1, rows, results, places, job);
    break;
  case 4:
    ATH_NAME(pooled_tile)(1, 2, rows, results, places, job);
    break;
#if ATH_REGISTERS >= 32
  case 5:
    ATH_NAME(pooled_tile)(2, 2, rows, results, places, job);
    break;
  case 6:
    ATH_NAME(pooled_tile)(1, 3, rows, results, places, job);
    break;
  case 7:
    ATH_NAME(pooled_tile)(2, 3, rows, results, places, job);
    break;
  default:
    ATH_NAME(pooled_tile)(1, 4, rows, results, places, job);
    break;
#endif
  }
}

typedef struct {
  const ATH_NAME(convolution) * conv;
  const ath_conv2d_pooled_forward_args *args;
  int64_t windows, of_one; // of the batch; of a band
} ATH_NAME(pooled_tile_plan);

/// Index: a band of windows.
static void ATH_NAME(pooled_tile_band)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(pooled_tile_plan) *plan = context;
  const ATH_NAME(convolution) *conv = plan->conv;
  const ath_conv2d_shape *s = &plan->args->shape;
  const ath_pool2d_shape *p = &plan->args->pool;
  const bool joined = s->dilation_w == 1;
  const int64_t source_row = s->w * s->ci;
  const ATH_NAME(panels) panels = ATH_NAME(panels_for)(s->co);
  const int64_t down = s->stride_h * source_row, across = s->stride_w * s->ci; // from pixel to pixel of y
  const int64_t stop = ath_min(plan->windows, (index + 1) * plan->of_one);
  for (int64_t first = index * plan->of_one; first < stop; first += ATH_NAME(tile_windows)) {
    const int64_t count = ath_min(ATH_NAME(tile_windows), stop - first);
    const float *rows[4 * ATH_NAME(tile_windows)];
    float *results[ATH_NAME(tile_windows)];
    uint16_t *places[ATH_NAME(tile_windows)];
    for (int64_t w = 0; w < count; ++w) {
      const int64_t window = first + w, image = window / (p->oh * p->ow);
      const int64_t i = window / p->ow % p->oh * p->stride_h, j = window % p->ow * p->stride_w;
      const float *x = (const float *)plan->args->x + image * s->h * source_row + i * down + j * across;
      for (int q = 0; q < 4; ++q) rows[4 * w + q] = x + q / 2 * down + q % 2 * across;
      results[w] = (float *)plan->args->y + window * s->co;
      places[w] = plan->args->index ? plan->args->index + window * s->co : NULL;
    }
    for (int64_t panel = 0; panel < panels.panels; ++panel) {
      const int64_t begin = ATH_NAME(panel_begin)(&panels, panel) * ATH_LANES;
      const int64_t vectors = ATH_NAME(panel_begin)(&panels, panel + 1) - begin / ATH_LANES;
      const int64_t step = conv->packed ? vectors * ATH_LANES : s->co;
      const ATH_NAME(tile_job) job = {
          .walk = {.outer = s->kh, .middle = joined ? 1 : s->kw, .inner = joined ? s->kw * s->ci : s->ci,
                   .a_outer = s->dilation_h * source_row, .a_middle = s->dilation_w * s->ci, .a_inner = 1,
                   .b_outer = s->kw * s->ci, .b_middle = s->ci},
          .b = conv->packed ? conv->packed + begin * s->kh * s->kw * s->ci : conv->weights + begin, .b_step = step,
          .c_offset = begin, .columns = ath_min(vectors * ATH_LANES, s->co - begin),
          .initial = conv->initial ? conv->initial + begin : NULL, .relu = conv->relu};
      const int64_t most = ATH_NAME(pooled_tile_windows)(vectors);
      for (int64_t w = 0; w < count; w += most) {
        ATH_NAME(pooled_tiles)(ath_min(most, count - w), vectors, rows + 4 * w, results + w,
                               plan->args->index ? places + w : NULL, &job);
      }
    }
  }
}

static void ATH_NAME(convolve_pooled_tiles)(const ATH_NAME(convolution) * conv,
                                            const ath_conv2d_pooled_forward_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  ATH_NAME(pooled_tile_plan) plan = {conv, args, args->pool.n * args->pool.oh * args->pool.ow, 0};
  const int64_t work = plan.windows * 4 * s->kh * s->kw * s->ci * s->co;
  const int64_t wanted = ath_min(64, ath_max(1, work / 1000000)); // bands, as in `convolve`
  plan.of_one = ath_divide_up(plan.windows, wanted);
  const int64_t bands = ath_divide_up(plan.windows, plan.of_one);
  if (work < ATH_SMALL_WORK) {
    for (int64_t band = 0; band < bands; ++band)
      ATH_NAME(pooled_tile_band)(&plan, band, 0);
  } else {
    ath_pool_run(pool, bands, ATH_NAME(pooled_tile_band), &plan);
  }
}
