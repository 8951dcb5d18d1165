// Max-pooling with a vector over the channels, and its gradient.

typedef uint16_t vu16_unaligned __attribute__((vector_size(2 * ATH_LANES), aligned(2), may_alias));
typedef uint16_t vu16 __attribute__((vector_size(2 * ATH_LANES)));

ATH_INLINE vi ATH_NAME(load_places)(const uint16_t *p, int64_t lanes) {
  if (lanes >= ATH_LANES) return __builtin_convertvector(*(const vu16_unaligned *)p, vi);
  vi places = {0};
  for (int64_t lane = 0; lane < lanes; ++lane) places[lane] = p[lane];
  return places;
}

ATH_INLINE void ATH_NAME(store_places)(uint16_t *p, vi places, int64_t lanes) {
  if (lanes >= ATH_LANES) {
    *(vu16_unaligned *)p = __builtin_convertvector(places, vu16);
    return;
  }
  for (int64_t lane = 0; lane < lanes; ++lane) p[lane] = (uint16_t)places[lane];
}

/// One window of one vector of channels. x: the window's first place (perhaps outside of the image); steps in floats.
ATH_INLINE void ATH_NAME(max_pool_window)(const float *x, int64_t row_step, int64_t column_step,
                                          ATH_NAME(extent) rows, ATH_NAME(extent) columns, int64_t kw, int64_t lanes,
                                          vf *best, vi *place) {
  *best = (vf){0};
  *place = (vi){0};
  bool first = true;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    for (int64_t t = columns.begin; t < columns.end; ++t) {
      const float *from = x + r * row_step + t * column_step;
      const vf value = lanes >= ATH_LANES ? vf_load(from) : vf_load_part(from, lanes);
      const vi here = (vi){0} + (int32_t)(r * kw + t);
      const vi wins = first ? ~(vi){0} : ((value > *best) | ((value != value) & (*best == *best)));
      *best = vf_choose(wins, value, *best);
      *place = (wins & here) | (~wins & *place);
      first = false;
    }
  }
}

/// Index: one row of output pixels.
static void ATH_NAME(fast_max_pool_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_max_pool2d_forward_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  const int64_t b = index / s->oh, xi = index % s->oh * s->stride_h - s->pad_top;
  const int64_t row_step = s->w * s->c;
  const ATH_NAME(extent) rows = ATH_NAME(window_extent)(xi, s->kh, s->h);
  const bool two = s->kh == 2 && s->kw == 2; // by far the most frequent: constant bounds for the compiler
  for (int64_t j = 0; j < s->ow; ++j) {
    const int64_t xj = j * s->stride_w - s->pad_left;
    const ATH_NAME(extent) columns = ATH_NAME(window_extent)(xj, s->kw, s->w);
    const bool whole = rows.begin == 0 && rows.end == s->kh && columns.begin == 0 && columns.end == s->kw;
    const float *x = (const float *)args->x + b * s->h * row_step + xi * row_step + xj * s->c;
    const int64_t out = (index * s->ow + j) * s->c;
    for (int64_t c = 0; c < s->c; c += ATH_LANES) {
      const int64_t lanes = s->c - c;
      vf best;
      vi place;
      if (two && whole && lanes >= ATH_LANES) {
        const ATH_NAME(extent) both = {0, 2};
        ATH_NAME(max_pool_window)(x + c, row_step, s->c, both, both, 2, ATH_LANES, &best, &place);
      } else {
        ATH_NAME(max_pool_window)(x + c, row_step, s->c, rows, columns, s->kw, lanes, &best, &place);
      }
      float *y = (float *)args->y + out + c;
      if (lanes >= ATH_LANES) {
        vf_store(y, best);
      } else {
        vf_store_part(y, best, lanes);
      }
      if (args->index) ATH_NAME(store_places)(args->index + out + c, place, lanes);
    }
  }
}

typedef struct {
  void *args;
  ath_task row;
} ATH_NAME(pool_rows);

static void ATH_NAME(pool_rows_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ATH_NAME(pool_rows) *rows = context;
  for (int64_t row = begin; row < end; ++row) rows->row(rows->args, row, 0);
}

static void ATH_NAME(fast_max_pool2d_forward)(const ath_max_pool2d_forward_args *args, ath_pool *pool) {
  const ath_pool2d_shape *s = &args->shape;
  const ATH_NAME(pool_rows) rows = {(void *)args, ATH_NAME(fast_max_pool_row)};
  ath_run_ranges(pool, s->n * s->oh, ATH_NAME(row_grain)(s->ow * s->c * s->kh * s->kw, ATH_POINTWISE_GRAIN),
                 ATH_NAME(pool_rows_range), &rows);
}

/// Index: one row of dx. Every pixel of it belongs to at most one window.
static void ATH_NAME(fast_max_pool_gradient_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_max_pool2d_gradient_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  const int64_t b = index / s->h, down = index % s->h + s->pad_top;
  const int64_t i = down / s->stride_h, r = down % s->stride_h;
  float *dx = (float *)args->dx + index * s->w * s->c;
  if (i >= s->oh || r >= s->kh) {
    memset(dx, 0, (size_t)(s->w * s->c) * sizeof(float));
    return;
  }
  int64_t j = s->pad_left / s->stride_w, t = s->pad_left % s->stride_w;
  for (int64_t xj = 0; xj < s->w; ++xj, dx += s->c) {
    if (j >= s->ow || t >= s->kw) {
      memset(dx, 0, (size_t)s->c * sizeof(float));
    } else {
      const int64_t out = ((b * s->oh + i) * s->ow + j) * s->c;
      const int32_t here = (int32_t)(r * s->kw + t);
      const float *dy = (const float *)args->dy + out, *y = args->y ? (const float *)args->y + out : NULL;
      for (int64_t c = 0; c < s->c; c += ATH_LANES) {
        const int64_t lanes = s->c - c;
        vi wins = ATH_NAME(load_places)(args->index + out + c, lanes) == here;
        if (lanes >= ATH_LANES) {
          if (y) wins &= ~(vf_load(y + c) <= 0.0f);
          vf_store(dx + c, vf_choose(wins, vf_load(dy + c), (vf){0}));
        } else {
          if (y) wins &= ~(vf_load_part(y + c, lanes) <= 0.0f);
          vf_store_part(dx + c, vf_choose(wins, vf_load_part(dy + c, lanes), (vf){0}), lanes);
        }
      }
    }
    if (++t == s->stride_w) {
      t = 0;
      ++j;
    }
  }
}

/// Adds one window of one vector of channels to dx: dy where the index says so and 0 elsewhere, at every place of the window.
ATH_INLINE void ATH_NAME(max_pool_gradient_window)(const ath_max_pool2d_gradient_args *args, int64_t out, float *dx,
                                                   ATH_NAME(extent) rows, ATH_NAME(extent) columns, int64_t lanes,
                                                   const bool whole) {
  const ath_pool2d_shape *s = &args->shape;
  const float *from = (const float *)args->dy + out, *y = args->y ? (const float *)args->y + out : NULL;
  const vi places = ATH_NAME(load_places)(args->index + out, whole ? ATH_LANES : lanes);
  vf dy = whole ? vf_load(from) : vf_load_part(from, lanes);
  if (y) dy = vf_choose((whole ? vf_load(y) : vf_load_part(y, lanes)) <= 0.0f, (vf){0}, dy);
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    for (int64_t t = columns.begin; t < columns.end; ++t) {
      float *to = dx + (r * s->w + t) * s->c;
      const vf part = vf_choose(places == (int32_t)(r * s->kw + t), dy, (vf){0});
      if (whole) {
        vf_store(to, vf_load(to) + part);
      } else {
        vf_store_part(to, vf_load_part(to, lanes) + part, lanes);
      }
    }
  }
}

/// Index: one image (windows overlap, so an image is the smallest independent part).
static void ATH_NAME(fast_max_pool_gradient_image)(void *context, int64_t b, int worker) {
  (void)worker;
  const ath_max_pool2d_gradient_args *args = context;
  const ath_pool2d_shape *s = &args->shape;
  float *image = (float *)args->dx + b * s->h * s->w * s->c;
  memset(image, 0, (size_t)(s->h * s->w * s->c) * sizeof(float));
  for (int64_t i = 0; i < s->oh; ++i) {
    const int64_t xi = i * s->stride_h - s->pad_top;
    const ATH_NAME(extent) rows = ATH_NAME(window_extent)(xi, s->kh, s->h);
    for (int64_t j = 0; j < s->ow; ++j) {
      const int64_t xj = j * s->stride_w - s->pad_left, out = ((b * s->oh + i) * s->ow + j) * s->c;
      const ATH_NAME(extent) columns = ATH_NAME(window_extent)(xj, s->kw, s->w);
      float *dx = image + (xi * s->w + xj) * s->c; // perhaps outside of the image
      int64_t c = 0;
      for (; c + ATH_LANES <= s->c; c += ATH_LANES)
        ATH_NAME(max_pool_gradient_window)(args, out + c, dx + c, rows, columns, ATH_LANES, true);
      if (c < s->c) ATH_NAME(max_pool_gradient_window)(args, out + c, dx + c, rows, columns, s->c - c, false);
    }
  }
}

static void ATH_NAME(fast_max_pool2d_gradient)(const ath_max_pool2d_gradient_args *args, ath_pool *pool) {
  const ath_pool2d_shape *s = &args->shape;
  if (s->stride_h < s->kh || s->stride_w < s->kw) {
    ath_pool_run(pool, s->n, ATH_NAME(fast_max_pool_gradient_image), (void *)args);
    return;
  }
  const ATH_NAME(pool_rows) rows = {(void *)args, ATH_NAME(fast_max_pool_gradient_row)};
  ath_run_ranges(pool, s->n * s->h, ATH_NAME(row_grain)(s->w * s->c, ATH_POINTWISE_GRAIN), ATH_NAME(pool_rows_range),
                 &rows);
}
