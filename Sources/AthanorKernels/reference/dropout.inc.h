// Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up, so prediction needs no change.

static uint32_t ATH_NAME(dropout_threshold)(double rate) { return (uint32_t)lround(rate * 65536); }

static void ATH_NAME(dropout_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_dropout_args *args = context;
  const ATH_REAL *x = args->x;
  ATH_REAL *y = args->y;
  const ATH_REAL scale = (ATH_REAL)(1 / (1 - args->rate));
  const uint32_t threshold = ATH_NAME(dropout_threshold)(args->rate);
  for (int64_t block = begin; block < end; block += 8) { // ranges begin at multiples of 64
    uint32_t words[4];
    ath_philox4x32(args->key, args->counter, (uint64_t)block / 8, words);
    const int64_t last = ath_min(block + 8, end);
    for (int64_t e = block; e < last; ++e) {
      const int64_t half = e - block;
      const bool kept = (words[half / 2] >> (16 * (half % 2)) & 0xffff) >= threshold;
      args->mask[e] = kept;
      y[e] = kept ? x[e] * scale : 0;
    }
  }
}

static void ATH_NAME(dropout)(const ath_dropout_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN / 2, ATH_NAME(dropout_range), args);
}

static void ATH_NAME(dropout_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_dropout_gradient_args *args = context;
  const ATH_REAL *dy = args->dy;
  ATH_REAL *dx = args->dx;
  const ATH_REAL scale = (ATH_REAL)(1 / (1 - args->rate));
  ATH_INDEPENDENT for (int64_t e = begin; e < end; ++e) {
    const ATH_REAL gradient = dy[e] * scale;
    dx[e] = args->mask[e] ? gradient : 0;
  }
}

static void ATH_NAME(dropout_gradient)(const ath_dropout_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(dropout_gradient_range), args);
}
