// Batch normalisation over x[rows, channels]. Rows are cut into parts; each keeps its sums per channel in double and the
// parts are added in their order.

static int64_t ATH_NAME(norm_grain)(int64_t channels) { return ath_max(1, ATH_POINTWISE_GRAIN / ath_max(1, channels)); }

typedef struct {
  int64_t rows, channels;
  const ATH_REAL *x, *dy, *gamma, *beta, *mean;
  ATH_REAL *y;
  const double *inverse; // [channels] 1 / standard deviation
  double *first, *second; // [parts, channels] sums
  const ATH_REAL *scale, *offset, *slope;
} ATH_NAME(norm_plan);

static void ATH_NAME(norm_sum_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ATH_NAME(norm_plan) *plan = context;
  double *sums = plan->first + index * plan->channels;
  for (int64_t c = 0; c < plan->channels; ++c) sums[c] = 0;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = plan->x + row * plan->channels;
    for (int64_t c = 0; c < plan->channels; ++c) sums[c] += (double)x[c];
  }
}

static void ATH_NAME(norm_square_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ATH_NAME(norm_plan) *plan = context;
  double *sums = plan->first + index * plan->channels;
  for (int64_t c = 0; c < plan->channels; ++c) sums[c] = 0;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = plan->x + row * plan->channels;
    for (int64_t c = 0; c < plan->channels; ++c) {
      const double d = (double)x[c] - (double)plan->mean[c];
      sums[c] += d * d;
    }
  }
}

static void ATH_NAME(norm_apply_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ATH_NAME(norm_plan) *plan = context;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = plan->x + row * plan->channels;
    ATH_REAL *y = plan->y + row * plan->channels;
    const ATH_REAL *mean = plan->mean, *scale = plan->scale, *offset = plan->offset;
    ATH_INDEPENDENT for (int64_t c = 0; c < plan->channels; ++c) y[c] = (x[c] - mean[c]) * scale[c] + offset[c];
  }
}

/// Adds part 1 ... onto part 0.
static void ATH_NAME(norm_join)(double *sums, int64_t parts, int64_t channels) {
  for (int64_t p = 1; p < parts; ++p) {
    for (int64_t c = 0; c < channels; ++c) sums[c] += sums[p * channels + c];
  }
}

static size_t ATH_NAME(batch_norm_forward_scratch_bytes)(const ath_batch_norm_forward_args *args) {
  const int64_t parts = ath_max(1, ath_range_count(args->rows, ATH_NAME(norm_grain)(args->channels)));
  return (size_t)(args->channels * (parts * (int64_t)sizeof(double) + 2 * (int64_t)sizeof(ATH_REAL)));
}

static void ATH_NAME(batch_norm_forward)(const ath_batch_norm_forward_args *args, ath_pool *pool) {
  const int64_t channels = args->channels, grain = ATH_NAME(norm_grain)(channels);
  const int64_t parts = ath_range_count(args->rows, grain);
  double *sums = args->scratch;
  ATH_REAL *scale = (ATH_REAL *)(sums + ath_max(1, parts) * channels), *offset = scale + channels;
  ATH_REAL *mean = args->mean, *variance = args->variance;
  const ATH_REAL *gamma = args->gamma, *beta = args->beta;
  ATH_NAME(norm_plan) plan = {.rows = args->rows, .channels = channels, .x = args->x, .mean = mean, .y = args->y,
                              .first = sums, .scale = scale, .offset = offset};
  if (parts == 0) return;
  ath_run_ranges(pool, args->rows, grain, ATH_NAME(norm_sum_rows), &plan);
  ATH_NAME(norm_join)(sums, parts, channels);
  for (int64_t c = 0; c < channels; ++c) mean[c] = (ATH_REAL)(sums[c] / (double)args->rows);
  ath_run_ranges(pool, args->rows, grain, ATH_NAME(norm_square_rows), &plan);
  ATH_NAME(norm_join)(sums, parts, channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double v = sums[c] / (double)args->rows;
    variance[c] = (ATH_REAL)v;
    scale[c] = (ATH_REAL)((gamma ? (double)gamma[c] : 1) / sqrt(v + args->epsilon));
    offset[c] = beta ? beta[c] : 0;
  }
  ath_run_ranges(pool, args->rows, grain, ATH_NAME(norm_apply_rows), &plan);
}

static void ATH_NAME(norm_gradient_sum_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ATH_NAME(norm_plan) *plan = context;
  double *sums = plan->first + index * plan->channels, *products = plan->second + index * plan->channels;
  for (int64_t c = 0; c < plan->channels; ++c) sums[c] = products[c] = 0;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = plan->x + row * plan->channels, *dy = plan->dy + row * plan->channels;
    for (int64_t c = 0; c < plan->channels; ++c) {
      sums[c] += (double)dy[c];
      products[c] += (double)dy[c] * ((double)x[c] - (double)plan->mean[c]);
    }
  }
}

/// dx = scale * dy - offset - slope * (x - mean)
static void ATH_NAME(norm_gradient_apply_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ATH_NAME(norm_plan) *plan = context;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = plan->x + row * plan->channels, *dy = plan->dy + row * plan->channels;
    ATH_REAL *dx = plan->y + row * plan->channels;
    for (int64_t c = 0; c < plan->channels; ++c) {
      dx[c] = plan->scale[c] * dy[c] - plan->offset[c] - plan->slope[c] * (x[c] - plan->mean[c]);
    }
  }
}

static size_t ATH_NAME(batch_norm_gradient_scratch_bytes)(const ath_batch_norm_gradient_args *args) {
  const int64_t parts = ath_max(1, ath_range_count(args->rows, ATH_NAME(norm_grain)(args->channels)));
  return (size_t)(args->channels * (2 * parts * (int64_t)sizeof(double) + 3 * (int64_t)sizeof(ATH_REAL)));
}

static void ATH_NAME(batch_norm_gradient)(const ath_batch_norm_gradient_args *args, ath_pool *pool) {
  const int64_t channels = args->channels, grain = ATH_NAME(norm_grain)(channels);
  const int64_t parts = ath_range_count(args->rows, grain);
  double *sums = args->scratch, *products = sums + ath_max(1, parts) * channels;
  ATH_REAL *scale = (ATH_REAL *)(products + ath_max(1, parts) * channels);
  ATH_REAL *offset = scale + channels, *slope = offset + channels;
  ATH_REAL *dgamma = args->dgamma, *dbeta = args->dbeta;
  const ATH_REAL *gamma = args->gamma, *variance = args->variance;
  ATH_NAME(norm_plan) plan = {.rows = args->rows, .channels = channels, .x = args->x, .dy = args->dy,
                              .mean = args->mean, .y = args->dx, .first = sums, .second = products,
                              .scale = scale, .offset = offset, .slope = slope};
  if (parts == 0) {
    for (int64_t c = 0; c < channels; ++c) dgamma[c] = dbeta[c] = 0;
    return;
  }
  ath_run_ranges(pool, args->rows, grain, ATH_NAME(norm_gradient_sum_rows), &plan);
  ATH_NAME(norm_join)(sums, parts, channels);
  ATH_NAME(norm_join)(products, parts, channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double inverse = 1 / sqrt((double)variance[c] + args->epsilon);
    const double weight = (gamma ? (double)gamma[c] : 1) * inverse;
    dbeta[c] = (ATH_REAL)sums[c];
    dgamma[c] = (ATH_REAL)(products[c] * inverse);
    scale[c] = (ATH_REAL)weight;
    offset[c] = (ATH_REAL)(weight * sums[c] / (double)args->rows);
    slope[c] = (ATH_REAL)(weight * products[c] * inverse * inverse / (double)args->rows);
  }
  ath_run_ranges(pool, args->rows, grain, ATH_NAME(norm_gradient_apply_rows), &plan);
}
