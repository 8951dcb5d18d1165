// Pictures through an affine map of their places, and random numbers.

/// The place within 0 ..< size that stands for a place outside; -1 where the fill value does.
static inline int64_t ATH_NAME(filled_place)(int64_t place, int64_t size, ath_fill_mode mode) {
  if (place >= 0 && place < size) return place;
  switch (mode) {
  case ATH_FILL_REFLECT: {
    const int64_t period = 2 * size, rest = (place % period + period) % period;
    return rest < size ? rest : period - 1 - rest;
  }
  case ATH_FILL_WRAP: return (place % size + size) % size;
  case ATH_FILL_NEAREST: return place < 0 ? 0 : size - 1;
  default: return -1;
  }
}

/// A coordinate that converts to an integer, NaN as well: what lies further outside is filled alike or repeats.
static inline double ATH_NAME(bounded_coordinate)(double value) {
  const double bound = 1 << 30;
  return value > -bound ? (value < bound ? value : bound) : -bound;
}

static inline int64_t ATH_NAME(floored)(double value) {
  const int64_t whole = (int64_t)value;
  return whole - (value < (double)whole);
}

/// Halves go away from zero.
static inline int64_t ATH_NAME(rounded)(double value) {
  return value < 0 ? -(int64_t)(0.5 - value) : (int64_t)(value + 0.5);
}

/// The four places that a pixel of the result is read from, as offsets from the example's first element, -1 for the fill value, and
/// their weights; one place alone has weight where the nearest one is taken.
typedef struct {
  int64_t places[4];
  ATH_REAL weights[4];
} ATH_NAME(taps);

static inline void ATH_NAME(find_taps)(const ath_affine_shape *s, double u, double v, ATH_NAME(taps) * taps) {
  u = ATH_NAME(bounded_coordinate)(u);
  v = ATH_NAME(bounded_coordinate)(v);
  if (!s->bilinear) {
    u = (double)ATH_NAME(rounded)(u);
    v = (double)ATH_NAME(rounded)(v);
  }
  const int64_t left = ATH_NAME(floored)(u), top = ATH_NAME(floored)(v);
  const ATH_REAL right_weight = (ATH_REAL)(u - (double)left), bottom_weight = (ATH_REAL)(v - (double)top);
  const int64_t columns[2] = {ATH_NAME(filled_place)(left, s->w, s->fill),
                              s->bilinear ? ATH_NAME(filled_place)(left + 1, s->w, s->fill) : -1};
  const int64_t rows[2] = {ATH_NAME(filled_place)(top, s->h, s->fill),
                           s->bilinear ? ATH_NAME(filled_place)(top + 1, s->h, s->fill) : -1};
  for (int tap = 0; tap < 4; ++tap) {
    const int64_t row = rows[tap / 2], column = columns[tap % 2];
    taps->places[tap] = row < 0 || column < 0 ? -1 : (row * s->w + column) * s->c;
    taps->weights[tap] = (tap / 2 ? bottom_weight : 1 - bottom_weight) * (tap % 2 ? right_weight : 1 - right_weight);
  }
}

/// Where the pixels of row `i` of the result lie: u = start_u + step_u * j, v = start_v + step_v * j.
typedef struct {
  double start_u, step_u, start_v, step_v;
} ATH_NAME(sampled_row);

static inline ATH_NAME(sampled_row) ATH_NAME(row_of_samples)(const ATH_REAL *matrix, int64_t i) {
  const ATH_NAME(sampled_row) row = {(double)matrix[1] * (double)i + (double)matrix[2], (double)matrix[0],
                                     (double)matrix[4] * (double)i + (double)matrix[5], (double)matrix[3]};
  return row;
}

/// Whether all coordinates of a row convert to integers.
static inline bool ATH_NAME(is_bounded)(const ATH_NAME(sampled_row) * row, int64_t count) {
  const double u = row->start_u + row->step_u * (double)count, v = row->start_v + row->step_v * (double)count;
  const double bound = 1 << 30;
  return row->start_u > -bound && row->start_u < bound && row->start_v > -bound && row->start_v < bound && u > -bound &&
         u < bound && v > -bound && v < bound;
}

static void ATH_NAME(sample_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_affine_sample_args *args = context;
  const ath_affine_shape *s = &args->shape;
  const ATH_REAL fill = (ATH_REAL)s->fill_value;
  const int64_t below = s->w * s->c;
  for (int64_t place = begin; place < end; ++place) {
    const int64_t example = place / s->oh, i = place % s->oh;
    const ATH_REAL *x = (const ATH_REAL *)args->x + example * s->h * below;
    ATH_REAL *y = (ATH_REAL *)args->y + place * s->ow * s->c;
    const ATH_NAME(sampled_row) row = ATH_NAME(row_of_samples)((const ATH_REAL *)args->matrix + 6 * example, i);
    const bool is_bounded = ATH_NAME(is_bounded)(&row, s->ow);
    for (int64_t j = 0; j < s->ow; ++j, y += s->c) {
      const double u = row.start_u + row.step_u * (double)j, v = row.start_v + row.step_v * (double)j;
      if (is_bounded && !s->bilinear) {
        const int64_t column = ATH_NAME(rounded)(u), line = ATH_NAME(rounded)(v);
        if ((uint64_t)column < (uint64_t)s->w && (uint64_t)line < (uint64_t)s->h) {
          const ATH_REAL *pixel = x + line * below + column * s->c;
          for (int64_t channel = 0; channel < s->c; ++channel) y[channel] = pixel[channel];
          continue;
        }
      } else if (is_bounded) { // Most pixels lie between four others: nothing has to be filled.
        const int64_t left = ATH_NAME(floored)(u), top = ATH_NAME(floored)(v);
        if ((uint64_t)left < (uint64_t)(s->w - 1) && (uint64_t)top < (uint64_t)(s->h - 1)) {
          const ATH_REAL to_right = (ATH_REAL)(u - (double)left), to_bottom = (ATH_REAL)(v - (double)top);
          const ATH_REAL to_left = 1 - to_right, to_top = 1 - to_bottom;
          const ATH_REAL *upper = x + top * below + left * s->c, *lower = upper + below;
          for (int64_t channel = 0; channel < s->c; ++channel) {
            y[channel] = to_top * to_left * upper[channel] + to_top * to_right * upper[channel + s->c] +
                         to_bottom * to_left * lower[channel] + to_bottom * to_right * lower[channel + s->c];
          }
          continue;
        }
      }
      ATH_NAME(taps) taps;
      ATH_NAME(find_taps)(s, u, v, &taps);
      for (int64_t channel = 0; channel < s->c; ++channel) {
        ATH_REAL sum = 0;
        for (int tap = 0; tap < (s->bilinear ? 4 : 1); ++tap) {
          const ATH_REAL value = taps.places[tap] < 0 ? fill : x[taps.places[tap] + channel];
          sum += taps.weights[tap] * value;
        }
        y[channel] = sum;
      }
    }
  }
}

static void ATH_NAME(affine_sample)(const ath_affine_sample_args *args, ath_pool *pool) {
  const ath_affine_shape *s = &args->shape;
  const int64_t grain = ath_max(1, ATH_POINTWISE_GRAIN / 8 / ath_max(1, s->ow * s->c));
  ath_run_ranges(pool, s->n * s->oh, grain, ATH_NAME(sample_rows), args);
}

/// One example at a time, so that sums are added in one order.
static void ATH_NAME(sample_gradient_example)(void *context, int64_t example, int worker) {
  (void)worker;
  const ath_affine_sample_gradient_args *args = context;
  const ath_affine_shape *s = &args->shape;
  ATH_REAL *dx = (ATH_REAL *)args->dx + example * s->h * s->w * s->c;
  for (int64_t e = 0; e < s->h * s->w * s->c; ++e) dx[e] = 0;
  const ATH_REAL *dy = (const ATH_REAL *)args->dy + example * s->oh * s->ow * s->c;
  for (int64_t i = 0; i < s->oh; ++i) {
    const ATH_NAME(sampled_row) row = ATH_NAME(row_of_samples)((const ATH_REAL *)args->matrix + 6 * example, i);
    for (int64_t j = 0; j < s->ow; ++j, dy += s->c) {
      ATH_NAME(taps) taps;
      ATH_NAME(find_taps)(s, row.start_u + row.step_u * (double)j, row.start_v + row.step_v * (double)j, &taps);
      for (int tap = 0; tap < (s->bilinear ? 4 : 1); ++tap) {
        const ATH_REAL weight = taps.weights[tap];
        if (taps.places[tap] < 0 || weight == 0) continue;
        for (int64_t channel = 0; channel < s->c; ++channel) dx[taps.places[tap] + channel] += weight * dy[channel];
      }
    }
  }
}

static void ATH_NAME(affine_sample_gradient)(const ath_affine_sample_gradient_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n, ATH_NAME(sample_gradient_example), (void *)args);
}

static void ATH_NAME(random_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_random_numbers_args *args = context;
  ATH_REAL *y = args->y;
  const ATH_REAL unit = (ATH_REAL)0x1p-24, turn = (ATH_REAL)(2 * 3.14159265358979323846 * 0x1p-24);
  for (int64_t block = begin; block < end; block += 4) { // ranges begin at multiples of 64
    uint32_t words[4];
    ath_philox4x32(args->key, args->counter, (uint64_t)block / 4, words);
    ATH_REAL numbers[4];
    for (int pair = 0; pair < 4; pair += 2) {
      const ATH_REAL first = (ATH_REAL)(words[pair] >> 8), second = (ATH_REAL)(words[pair + 1] >> 8);
      if (args->normal) {
        const ATH_REAL radius = __builtin_elementwise_sqrt(-2 * ATH_MATH(log)((first + 1) * unit));
        numbers[pair] = radius * ATH_MATH(cos)(turn * second);
        numbers[pair + 1] = radius * ATH_MATH(sin)(turn * second);
      } else {
        numbers[pair] = first * unit;
        numbers[pair + 1] = second * unit;
      }
    }
    for (int64_t e = block; e < ath_min(block + 4, end); ++e) y[e] = numbers[e - block];
  }
}

static void ATH_NAME(random_numbers)(const ath_random_numbers_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN / 8, ATH_NAME(random_range), args);
}
