// Elements that are chosen by place or by condition, and numbers made integers.
#include <string.h>

static inline int32_t ATH_NAME(whole)(ATH_REAL x) {
  if (x != x) return 0;
  if (x >= (ATH_REAL)2147483648.0) return INT32_MAX;
  return x <= (ATH_REAL)-2147483648.0 ? INT32_MIN : (int32_t)x;
}

#define ATH_EACH(type, whole)                                                                                          \
  for (int64_t e = begin; e < end; ++e) {                                                                              \
    const type x = ((const type *)args->x)[e];                                                                         \
    if (args->bytes) {                                                                                                 \
      ((uint8_t *)args->y)[e] = (uint8_t)(whole);                                                                      \
    } else {                                                                                                           \
      ((int32_t *)args->y)[e] = whole;                                                                                 \
    }                                                                                                                  \
  }                                                                                                                    \
  break

static void ATH_NAME(to_integers_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_to_integers_args *args = context;
  switch (args->source) {
  case ATH_SOURCE_UINT8: ATH_EACH(uint8_t, x);
  case ATH_SOURCE_INT32: ATH_EACH(int32_t, x);
  case ATH_SOURCE_FLOAT: ATH_EACH(ATH_REAL, ATH_NAME(whole)(x));
  }
}
#undef ATH_EACH

static void ATH_NAME(to_integers)(const ath_to_integers_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(to_integers_range), args);
}

static void ATH_NAME(compare_integers_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_compare_integers_args *args = context;
  const int32_t *a = args->a, *b = args->b;
  ATH_REAL *y = args->y;
  switch (args->function) {
  case ATH_BINARY_equal:
    for (int64_t e = begin; e < end; ++e) y[e] = a[e] == b[e];
    break;
  case ATH_BINARY_greater:
    for (int64_t e = begin; e < end; ++e) y[e] = a[e] > b[e];
    break;
  default:
    for (int64_t e = begin; e < end; ++e) y[e] = a[e] >= b[e];
    break;
  }
}

static void ATH_NAME(compare_integers)(const ath_compare_integers_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(compare_integers_range), args);
}

#define ATH_EACH(type)                                                                                                 \
  for (int64_t e = begin; e < end; ++e) ((type *)args->y)[e] = ((const type *)(condition[e] != 0 ? args->a : args->b))[e]; \
  break

static void ATH_NAME(choose_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_choose_args *args = context;
  const ATH_REAL *condition = args->condition;
  switch (args->element_bytes) {
  case 1: ATH_EACH(uint8_t);
  case 4: ATH_EACH(uint32_t);
  case 8: ATH_EACH(uint64_t);
  default: break;
  }
}
#undef ATH_EACH

static void ATH_NAME(choose)(const ath_choose_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(choose_range), args);
}

/// Elements count rows of inner: outer * count of them.
static void ATH_NAME(take_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_take_args *args = context;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t from = row / args->count * args->length + args->places[row % args->count];
    memcpy((char *)args->y + row * args->inner_bytes, (const char *)args->x + from * args->inner_bytes,
           (size_t)args->inner_bytes);
  }
}

static void ATH_NAME(take)(const ath_take_args *args, ath_pool *pool) {
  if (args->inner_bytes == 0) return;
  ath_run_ranges(pool, args->outer * args->count, ath_max(1, 4 * ATH_POINTWISE_GRAIN / args->inner_bytes),
                 ATH_NAME(take_range), args);
}

static void ATH_NAME(take_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_take_gradient_args *args = context;
  const int64_t inner = args->inner;
  for (int64_t o = begin; o < end; ++o) {
    ATH_REAL *dx = (ATH_REAL *)args->dx + o * args->length * inner;
    const ATH_REAL *dy = (const ATH_REAL *)args->dy + o * args->count * inner;
    for (int64_t e = 0; e < args->length * inner; ++e) dx[e] = 0;
    for (int64_t j = 0; j < args->count; ++j) {
      for (int64_t i = 0; i < inner; ++i) dx[args->places[j] * inner + i] += dy[j * inner + i];
    }
  }
}

static void ATH_NAME(take_gradient)(const ath_take_gradient_args *args, ath_pool *pool) {
  const int64_t work = ath_max(1, ath_max(args->length, args->count) * args->inner);
  ath_run_ranges(pool, args->outer, ath_max(1, ATH_POINTWISE_GRAIN / work), ATH_NAME(take_gradient_range), args);
}

static void ATH_NAME(lookup_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_lookup_args *args = context;
  const int64_t width = args->width;
  for (int64_t j = begin; j < end; ++j) {
    const int64_t row = args->index[j];
    ATH_REAL *y = (ATH_REAL *)args->y + j * width;
    const bool isThere = row >= 0 && row < args->rows;
    const ATH_REAL *from = (const ATH_REAL *)args->table + (isThere ? row * width : 0);
    for (int64_t i = 0; i < width; ++i) y[i] = isThere ? from[i] : (ATH_REAL)NAN;
  }
}

static void ATH_NAME(lookup)(const ath_lookup_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ath_max(1, ATH_POINTWISE_GRAIN / ath_max(1, args->width)), ATH_NAME(lookup_range),
                 args);
}

/// Rows begin ..< end of the table: each range looks at all indices, so that sums have one order.
static void ATH_NAME(lookup_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_lookup_gradient_args *args = context;
  const int64_t width = args->width;
  ATH_REAL *dtable = args->dtable;
  for (int64_t e = begin * width; e < end * width; ++e) dtable[e] = 0;
  for (int64_t j = 0; j < args->count; ++j) {
    const int64_t row = args->index[j];
    if (row < begin || row >= end) continue;
    const ATH_REAL *dy = (const ATH_REAL *)args->dy + j * width;
    for (int64_t i = 0; i < width; ++i) dtable[row * width + i] += dy[i];
  }
}

static void ATH_NAME(lookup_gradient)(const ath_lookup_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->rows, ath_max(1, 4 * ATH_POINTWISE_GRAIN / ath_max(1, args->width)),
                 ATH_NAME(lookup_gradient_range), args);
}
