// Functions of two elements with broadcasting, constants, and conversion of pixels.

/// A walk over y with neighbouring axes merged wherever both operands run through them evenly. At least one axis.
typedef struct {
  ath_binary function;
  int rank;
  int64_t dims[ATH_MAX_RANK + 1], a_strides[ATH_MAX_RANK + 1], b_strides[ATH_MAX_RANK + 1];
  const ATH_REAL *a, *b;
  ATH_REAL *y;
} ATH_NAME(binary_walk);

static int64_t ATH_NAME(merge_axes)(const ath_binary_args *args, ATH_NAME(binary_walk) * walk) {
  int64_t count = 1;
  int rank = 0;
  for (int axis = 0; axis < args->rank; ++axis) {
    const int64_t size = args->dims[axis];
    count *= size;
    if (size == 1) continue;
    const int64_t a = args->a_strides[axis], b = args->b_strides[axis];
    if (rank > 0 && walk->a_strides[rank - 1] == a * size && walk->b_strides[rank - 1] == b * size) {
      walk->dims[rank - 1] *= size;
      walk->a_strides[rank - 1] = a;
      walk->b_strides[rank - 1] = b;
      continue;
    }
    walk->dims[rank] = size;
    walk->a_strides[rank] = a;
    walk->b_strides[rank] = b;
    ++rank;
  }
  if (rank == 0) {
    walk->dims[0] = 1;
    walk->a_strides[0] = walk->b_strides[0] = 1;
    rank = 1;
  }
  walk->rank = rank;
  return count;
}

#define ATH_EACH_OF(independent, expression)                                                                           \
  if (sa == 1 && sb == 1) {                                                                                            \
    independent for (int64_t e = 0; e < count; ++e) {                                                                  \
      const ATH_REAL p = a[e], q = b[e];                                                                               \
      y[e] = (expression);                                                                                             \
    }                                                                                                                  \
  } else if (sa == 1 && sb == 0) {                                                                                     \
    const ATH_REAL q = b[0];                                                                                           \
    independent for (int64_t e = 0; e < count; ++e) {                                                                  \
      const ATH_REAL p = a[e];                                                                                         \
      y[e] = (expression);                                                                                             \
    }                                                                                                                  \
  } else if (sa == 0 && sb == 1) {                                                                                     \
    const ATH_REAL p = a[0];                                                                                           \
    independent for (int64_t e = 0; e < count; ++e) {                                                                  \
      const ATH_REAL q = b[e];                                                                                         \
      y[e] = (expression);                                                                                             \
    }                                                                                                                  \
  } else {                                                                                                             \
    for (int64_t e = 0; e < count; ++e) {                                                                              \
      const ATH_REAL p = a[e * sa], q = b[e * sb];                                                                     \
      y[e] = (expression);                                                                                             \
    }                                                                                                                  \
  }                                                                                                                    \
  break
#define ATH_LOOP_0 ATH_INDEPENDENT
#define ATH_LOOP_1 // calls the C library

static void ATH_NAME(binary_run)(ath_binary function, int64_t count, const ATH_REAL *a, int64_t sa, const ATH_REAL *b,
                                 int64_t sb, ATH_REAL *y) {
  switch (function) {
#define BINARY(name, value, is_call)                                                                                   \
  case ATH_BINARY_##name: ATH_EACH_OF(ATH_LOOP_##is_call, value);
#include "../pointwise/functions.def"
  }
}
#undef ATH_EACH_OF
#undef ATH_LOOP_0
#undef ATH_LOOP_1

static void ATH_NAME(binary_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ATH_NAME(binary_walk) *walk = context;
  const int last = walk->rank - 1;
  while (begin < end) {
    int64_t rest = begin, a = 0, b = 0, inner = 0;
    for (int axis = last; axis >= 0; --axis) {
      const int64_t place = rest % walk->dims[axis];
      rest /= walk->dims[axis];
      a += place * walk->a_strides[axis];
      b += place * walk->b_strides[axis];
      if (axis == last) inner = place;
    }
    const int64_t run = ath_min(walk->dims[last] - inner, end - begin);
    ATH_NAME(binary_run)(walk->function, run, walk->a + a, walk->a_strides[last], walk->b + b, walk->b_strides[last],
                         walk->y + begin);
    begin += run;
  }
}

static void ATH_NAME(binary)(const ath_binary_args *args, ath_pool *pool) {
  ATH_NAME(binary_walk) walk = {.function = args->function, .a = args->a, .b = args->b, .y = args->y};
  const int64_t count = ATH_NAME(merge_axes)(args, &walk);
  ath_run_ranges(pool, count, ATH_POINTWISE_GRAIN, ATH_NAME(binary_range), &walk);
}

static void ATH_NAME(fill_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_fill_args *args = context;
  ATH_REAL *y = args->y;
  const ATH_REAL value = (ATH_REAL)args->value;
  for (int64_t e = begin; e < end; ++e) y[e] = value;
}

static void ATH_NAME(fill)(const ath_fill_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, 4 * ATH_POINTWISE_GRAIN, ATH_NAME(fill_range), args);
}

#define ATH_EACH(type)                                                                                                 \
  ATH_INDEPENDENT for (int64_t e = begin; e < end; ++e) y[e] = (ATH_REAL)((const type *)args->x)[e] * scale + offset;  \
  break

static void ATH_NAME(convert_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_convert_args *args = context;
  ATH_REAL *y = args->y;
  const ATH_REAL scale = (ATH_REAL)args->scale, offset = (ATH_REAL)args->offset;
  switch (args->source) {
  case ATH_SOURCE_UINT8: ATH_EACH(uint8_t);
  case ATH_SOURCE_INT32: ATH_EACH(int32_t);
  case ATH_SOURCE_FLOAT: ATH_EACH(ATH_REAL);
  }
}
#undef ATH_EACH

static void ATH_NAME(convert)(const ath_convert_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(convert_range), args);
}
