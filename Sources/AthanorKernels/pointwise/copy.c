// Copies between strided arrays: transposes, broadcasts, slices and joins, for elements of 1, 2, 4 or 8 bytes.
#include "../internal.h"

#include <string.h>

typedef struct {
  int rank;
  int64_t dims[ATH_MAX_RANK + 1], x_strides[ATH_MAX_RANK + 1], y_strides[ATH_MAX_RANK + 1];
  int element_bytes;
  const char *x;
  char *y;
} walk;

/// Drops axes of size 1 and merges neighbours that both sides run through evenly.
static int64_t merge_axes(const ath_copy_args *args, walk *w) {
  int64_t count = 1;
  int rank = 0;
  for (int axis = 0; axis < args->rank; ++axis) {
    const int64_t size = args->dims[axis];
    count *= size;
    if (size == 1) continue;
    const int64_t x = args->x_strides[axis], y = args->y_strides[axis];
    if (rank > 0 && w->x_strides[rank - 1] == x * size && w->y_strides[rank - 1] == y * size) {
      w->dims[rank - 1] *= size;
      w->x_strides[rank - 1] = x;
      w->y_strides[rank - 1] = y;
      continue;
    }
    w->dims[rank] = size;
    w->x_strides[rank] = x;
    w->y_strides[rank] = y;
    ++rank;
  }
  if (rank == 0) {
    w->dims[0] = 1;
    w->x_strides[0] = w->y_strides[0] = 1;
    rank = 1;
  }
  w->rank = rank;
  return count;
}

#define COPY_EACH(type)                                                                                                \
  for (int64_t e = 0; e < count; ++e) ((type *)y)[e * sy] = ((const type *)x)[e * sx];                                 \
  break

static void copy_run(int bytes, int64_t count, const char *x, int64_t sx, char *y, int64_t sy) {
  if (sx == 1 && sy == 1) {
    memcpy(y, x, (size_t)(count * bytes));
    return;
  }
  switch (bytes) {
  case 1: COPY_EACH(uint8_t);
  case 2: COPY_EACH(uint16_t);
  case 4: COPY_EACH(uint32_t);
  case 8: COPY_EACH(uint64_t);
  default: break;
  }
}

static void copy_range(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const walk *w = context;
  const int last = w->rank - 1;
  while (begin < end) {
    int64_t rest = begin, x = 0, y = 0, inner = 0;
    for (int axis = last; axis >= 0; --axis) {
      const int64_t place = rest % w->dims[axis];
      rest /= w->dims[axis];
      x += place * w->x_strides[axis];
      y += place * w->y_strides[axis];
      if (axis == last) inner = place;
    }
    const int64_t run = ath_min(w->dims[last] - inner, end - begin);
    copy_run(w->element_bytes, run, w->x + x * w->element_bytes, w->x_strides[last], w->y + y * w->element_bytes,
             w->y_strides[last]);
    begin += run;
  }
}

void ath_copy(const ath_copy_args *args, ath_pool *pool) {
  walk w = {.element_bytes = args->element_bytes, .x = args->x, .y = args->y};
  const int64_t count = merge_axes(args, &w);
  ath_run_ranges(pool, count, ATH_POINTWISE_GRAIN, copy_range, &w);
}
