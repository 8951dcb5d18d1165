// Functions of one element and their gradients, from the formulas in `pointwise/functions.def`.

static void ATH_NAME(unary_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_unary_args *args = context;
  const ATH_REAL *xs = args->x;
  ATH_REAL *ys = args->y;
  const ATH_REAL alpha = (ATH_REAL)args->alpha;
  switch (args->function) {
#define UNARY(name, value, reads, gradient)                                                                            \
  case ATH_UNARY_##name:                                                                                               \
    for (int64_t e = begin; e < end; ++e) {                                                                            \
      const ATH_REAL x = xs[e];                                                                                        \
      ys[e] = (value);                                                                                                 \
    }                                                                                                                  \
    break;
#include "../pointwise/functions.def"
  }
}

static void ATH_NAME(unary)(const ath_unary_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(unary_range), args);
}

static void ATH_NAME(unary_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_unary_gradient_args *args = context;
  const ATH_REAL *dys = args->dy;
  const ATH_REAL *reads[] = {[ATH_READS_NOTHING] = dys, [ATH_READS_DY] = dys, [ATH_READS_X] = args->x, [ATH_READS_Y] = args->y};
  ATH_REAL *dx = args->dx;
  const ATH_REAL alpha = (ATH_REAL)args->alpha;
  const ATH_REAL *values = reads[ath_unary_gradient_reads(args->function)];
  switch (args->function) {
#define UNARY(name, value, reads, gradient)                                                                            \
  case ATH_UNARY_##name:                                                                                               \
    for (int64_t e = begin; e < end; ++e) {                                                                            \
      const ATH_REAL dy = dys[e], x = values[e], y = x;                                                                \
      (void)dy, (void)y;                                                                                               \
      dx[e] = (gradient);                                                                                              \
    }                                                                                                                  \
    break;
#include "../pointwise/functions.def"
  }
}

static void ATH_NAME(unary_gradient)(const ath_unary_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(unary_gradient_range), args);
}
