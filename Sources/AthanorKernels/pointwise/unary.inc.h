// Functions of one element and their gradients a vector at a time, from the formulas in `pointwise/functions.def`.

#define F(name) vf_##name
#define REAL(constant) ((float)(constant))
#define VECTOR(x) ((x) - (vf){0}) // of a number or a vector
#define CHOOSE(condition, a, b) vf_choose(condition, VECTOR(a), VECTOR(b))
#define NEGATIVE(x) ((vi)(x) < 0)
#define LIBRARY(name, x)                                                                                               \
  ({                                                                                                                   \
    vf lanes_ = (x);                                                                                                   \
    for (int lane = 0; lane < ATH_LANES; ++lane) lanes_[lane] = name##f(lanes_[lane]);                                 \
    lanes_;                                                                                                            \
  })

static void ATH_NAME(fast_unary_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_unary_args *args = context;
  const float *xs = args->x;
  float *ys = args->y;
  const float alpha = (float)args->alpha;
  const int64_t rest = (end - begin) % ATH_LANES, whole = end - rest;
  switch (args->function) {
#define UNARY(name, value, reads, gradient)                                                                            \
  case ATH_UNARY_##name:                                                                                               \
    for (int64_t e = begin; e < whole; e += ATH_LANES) {                                                               \
      const vf x = vf_load(xs + e);                                                                                    \
      vf_store(ys + e, value);                                                                                         \
    }                                                                                                                  \
    if (rest > 0) {                                                                                                    \
      const vf x = vf_load_part(xs + whole, rest);                                                                     \
      vf_store_part(ys + whole, value, rest);                                                                          \
    }                                                                                                                  \
    break;
#include "functions.def"
  }
}

static void ATH_NAME(fast_unary)(const ath_unary_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(fast_unary_range), args);
}

static void ATH_NAME(fast_unary_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_unary_gradient_args *args = context;
  const float *dys = args->dy;
  float *dx = args->dx;
  const float alpha = (float)args->alpha;
  const int64_t rest = (end - begin) % ATH_LANES, whole = end - rest;
  switch (args->function) {
#define UNARY(name, value, reads, gradient)                                                                            \
  case ATH_UNARY_##name: {                                                                                             \
    const float *values = ATH_READS_##reads == ATH_READS_X ? args->x : ATH_READS_##reads == ATH_READS_Y ? args->y : dys; \
    for (int64_t e = begin; e < whole; e += ATH_LANES) {                                                               \
      const vf dy = vf_load(dys + e), x = vf_load(values + e), y = x;                                                  \
      (void)dy, (void)y;                                                                                               \
      vf_store(dx + e, VECTOR(gradient));                                                                              \
    }                                                                                                                  \
    if (rest > 0) {                                                                                                    \
      const vf dy = vf_load_part(dys + whole, rest), x = vf_load_part(values + whole, rest), y = x;                    \
      (void)dy, (void)y;                                                                                               \
      vf_store_part(dx + whole, VECTOR(gradient), rest);                                                               \
    }                                                                                                                  \
    break;                                                                                                             \
  }
#include "functions.def"
  }
}

static void ATH_NAME(fast_unary_gradient)(const ath_unary_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(fast_unary_gradient_range), args);
}
#undef F
#undef REAL
#undef VECTOR
#undef CHOOSE
#undef NEGATIVE
#undef LIBRARY
