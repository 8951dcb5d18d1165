// Pooling by its definition.

/// The rows r (or columns) of a window that lie inside of the image: begin ..< end.
typedef struct {
  int64_t begin, end;
} ATH_NAME(extent);

static ATH_NAME(extent) ATH_NAME(window_extent)(int64_t origin, int64_t kernel, int64_t size) {
  return (ATH_NAME(extent)){ath_max(0, -origin), ath_min(kernel, size - origin)};
}

/// Index: one row of output pixels.
static void ATH_NAME(max_pool2d_forward_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_max_pool2d_forward_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  const int64_t b = index / s->oh, i = index % s->oh;
  const int64_t xi = i * s->stride_h - s->pad_top;
  const ATH_NAME(extent) rows = ATH_NAME(window_extent)(xi, s->kh, s->h);
  for (int64_t j = 0; j < s->ow; ++j) {
    const int64_t xj = j * s->stride_w - s->pad_left;
    const ATH_NAME(extent) columns = ATH_NAME(window_extent)(xj, s->kw, s->w);
    const int64_t out = (index * s->ow + j) * s->c;
    for (int64_t c = 0; c < s->c; ++c) {
      ATH_REAL best = 0;
      int64_t place = -1;
      for (int64_t r = rows.begin; r < rows.end; ++r) {
        for (int64_t t = columns.begin; t < columns.end; ++t) {
          const ATH_REAL x = ((const ATH_REAL *)args->x)[((b * s->h + xi + r) * s->w + xj + t) * s->c + c];
          if (place < 0 || x > best || (x != x && best == best)) {
            best = x;
            place = r * s->kw + t;
          }
        }
      }
      ((ATH_REAL *)args->y)[out + c] = best;
      if (args->index) args->index[out + c] = (uint16_t)ath_max(0, place);
    }
  }
}

static void ATH_NAME(max_pool2d_forward)(const ath_max_pool2d_forward_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n * args->shape.oh, ATH_NAME(max_pool2d_forward_row), (void *)args);
}

/// Index: one image (windows may overlap, so an image is the smallest independent part).
static void ATH_NAME(max_pool2d_gradient_image)(void *context, int64_t b, int worker) {
  (void)worker;
  const ath_max_pool2d_gradient_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  const ATH_REAL *y = args->y;
  ATH_REAL *dx = (ATH_REAL *)args->dx + b * s->h * s->w * s->c;
  for (int64_t e = 0; e < s->h * s->w * s->c; ++e) dx[e] = 0;
  for (int64_t i = 0; i < s->oh; ++i) {
    for (int64_t j = 0; j < s->ow; ++j) {
      for (int64_t c = 0; c < s->c; ++c) {
        const int64_t out = ((b * s->oh + i) * s->ow + j) * s->c + c;
        if (y && y[out] <= 0) continue;
        const int64_t xi = i * s->stride_h - s->pad_top + args->index[out] / s->kw;
        const int64_t xj = j * s->stride_w - s->pad_left + args->index[out] % s->kw;
        if (xi < 0 || xi >= s->h || xj < 0 || xj >= s->w) continue;
        dx[(xi * s->w + xj) * s->c + c] += ((const ATH_REAL *)args->dy)[out];
      }
    }
  }
}

static void ATH_NAME(max_pool2d_gradient)(const ath_max_pool2d_gradient_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n, ATH_NAME(max_pool2d_gradient_image), (void *)args);
}

/// Index: one row of output pixels.
static void ATH_NAME(average_pool2d_forward_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_average_pool2d_forward_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  const int64_t b = index / s->oh, i = index % s->oh;
  const int64_t xi = i * s->stride_h - s->pad_top;
  const ATH_NAME(extent) rows = ATH_NAME(window_extent)(xi, s->kh, s->h);
  for (int64_t j = 0; j < s->ow; ++j) {
    const int64_t xj = j * s->stride_w - s->pad_left;
    const ATH_NAME(extent) columns = ATH_NAME(window_extent)(xj, s->kw, s->w);
    const int64_t places = ath_max(0, rows.end - rows.begin) * ath_max(0, columns.end - columns.begin);
    const ATH_REAL scale = places > 0 ? 1 / (ATH_REAL)places : 0;
    ATH_REAL *y = (ATH_REAL *)args->y + (index * s->ow + j) * s->c;
    for (int64_t c = 0; c < s->c; ++c) y[c] = 0;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      for (int64_t t = columns.begin; t < columns.end; ++t) {
        const ATH_REAL *x = (const ATH_REAL *)args->x + ((b * s->h + xi + r) * s->w + xj + t) * s->c;
        for (int64_t c = 0; c < s->c; ++c) y[c] += x[c];
      }
    }
    for (int64_t c = 0; c < s->c; ++c) y[c] *= scale;
  }
}

static void ATH_NAME(average_pool2d_forward)(const ath_average_pool2d_forward_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n * args->shape.oh, ATH_NAME(average_pool2d_forward_row), (void *)args);
}

/// Index: one image.
static void ATH_NAME(average_pool2d_gradient_image)(void *context, int64_t b, int worker) {
  (void)worker;
  const ath_average_pool2d_gradient_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  ATH_REAL *image = (ATH_REAL *)args->dx + b * s->h * s->w * s->c;
  for (int64_t e = 0; e < s->h * s->w * s->c; ++e) image[e] = 0;
  for (int64_t i = 0; i < s->oh; ++i) {
    const int64_t xi = i * s->stride_h - s->pad_top;
    const ATH_NAME(extent) rows = ATH_NAME(window_extent)(xi, s->kh, s->h);
    for (int64_t j = 0; j < s->ow; ++j) {
      const int64_t xj = j * s->stride_w - s->pad_left;
      const ATH_NAME(extent) columns = ATH_NAME(window_extent)(xj, s->kw, s->w);
      const int64_t places = ath_max(0, rows.end - rows.begin) * ath_max(0, columns.end - columns.begin);
      if (places == 0) continue;
      const ATH_REAL scale = 1 / (ATH_REAL)places;
      const ATH_REAL *dy = (const ATH_REAL *)args->dy + ((b * s->oh + i) * s->ow + j) * s->c;
      for (int64_t r = rows.begin; r < rows.end; ++r) {
        for (int64_t t = columns.begin; t < columns.end; ++t) {
          ATH_REAL *dx = image + ((xi + r) * s->w + xj + t) * s->c;
          for (int64_t c = 0; c < s->c; ++c) dx[c] += dy[c] * scale;
        }
      }
    }
  }
}

static void ATH_NAME(average_pool2d_gradient)(const ath_average_pool2d_gradient_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n, ATH_NAME(average_pool2d_gradient_image), (void *)args);
}
