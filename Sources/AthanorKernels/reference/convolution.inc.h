// Convolution by its definition: one loop per letter.

static bool ATH_NAME(inside)(const ath_conv2d_shape *s, int64_t i, int64_t j) {
  return i >= 0 && i < s->h && j >= 0 && j < s->w;
}

static size_t ATH_NAME(conv2d_forward_scratch_bytes)(const ath_conv2d_forward_args *args) {
  (void)args;
  return 0;
}

/// Index: one row of output pixels.
static void ATH_NAME(conv2d_forward_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_conv2d_forward_args *args = context;
  const ath_conv2d_shape *s = &args->shape;
  const int64_t group_in = s->ci / s->groups, group_out = s->co / s->groups;
  const int64_t b = index / s->oh, i = index % s->oh;
  const ATH_REAL *bias = args->bias;
  for (int64_t j = 0; j < s->ow; ++j) {
    ATH_REAL *y = (ATH_REAL *)args->y + (index * s->ow + j) * s->co;
    for (int64_t k = 0; k < s->co; ++k) y[k] = bias ? bias[k] : 0;
    for (int64_t r = 0; r < s->kh; ++r) {
      for (int64_t t = 0; t < s->kw; ++t) {
        const int64_t xi = i * s->stride_h + r * s->dilation_h - s->pad_top;
        const int64_t xj = j * s->stride_w + t * s->dilation_w - s->pad_left;
        if (!ATH_NAME(inside)(s, xi, xj)) continue;
        const ATH_REAL *x = (const ATH_REAL *)args->x + ((b * s->h + xi) * s->w + xj) * s->ci;
        const ATH_REAL *weights = (const ATH_REAL *)args->weights + (r * s->kw + t) * group_in * s->co;
        for (int64_t g = 0; g < s->groups; ++g) {
          for (int64_t c = 0; c < group_in; ++c) {
            const ATH_REAL value = x[g * group_in + c];
            const ATH_REAL *w = weights + c * s->co + g * group_out;
            for (int64_t k = 0; k < group_out; ++k) y[g * group_out + k] += value * w[k];
          }
        }
      }
    }
    if (args->activation == ATH_ACTIVATION_RELU) {
      for (int64_t k = 0; k < s->co; ++k) y[k] = y[k] < 0 ? 0 : y[k];
    }
  }
}

static void ATH_NAME(conv2d_forward)(const ath_conv2d_forward_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n * args->shape.oh, ATH_NAME(conv2d_forward_row), (void *)args);
}

static size_t ATH_NAME(conv2d_input_gradient_scratch_bytes)(const ath_conv2d_input_gradient_args *args) {
  (void)args;
  return 0;
}

/// Index: one image.
static void ATH_NAME(conv2d_input_gradient_image)(void *context, int64_t b, int worker) {
  (void)worker;
  const ath_conv2d_input_gradient_args *args = context;
  const ath_conv2d_shape *s = &args->shape;
  const int64_t group_in = s->ci / s->groups, group_out = s->co / s->groups;
  ATH_REAL *image = (ATH_REAL *)args->dx + b * s->h * s->w * s->ci;
  for (int64_t e = 0; e < s->h * s->w * s->ci; ++e) image[e] = 0;
  for (int64_t i = 0; i < s->oh; ++i) {
    for (int64_t j = 0; j < s->ow; ++j) {
      const ATH_REAL *dy = (const ATH_REAL *)args->dy + ((b * s->oh + i) * s->ow + j) * s->co;
      for (int64_t r = 0; r < s->kh; ++r) {
        for (int64_t t = 0; t < s->kw; ++t) {
          const int64_t xi = i * s->stride_h + r * s->dilation_h - s->pad_top;
          const int64_t xj = j * s->stride_w + t * s->dilation_w - s->pad_left;
          if (!ATH_NAME(inside)(s, xi, xj)) continue;
          ATH_REAL *dx = image + (xi * s->w + xj) * s->ci;
          const ATH_REAL *weights = (const ATH_REAL *)args->weights + (r * s->kw + t) * group_in * s->co;
          for (int64_t c = 0; c < s->ci; ++c) {
            const int64_t first = c / group_in * group_out;
            const ATH_REAL *w = weights + c % group_in * s->co + first;
            ATH_REAL sum = 0;
            for (int64_t k = 0; k < group_out; ++k) sum += dy[first + k] * w[k];
            dx[c] += sum;
          }
        }
      }
    }
  }
}

static void ATH_NAME(conv2d_input_gradient)(const ath_conv2d_input_gradient_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->shape.n, ATH_NAME(conv2d_input_gradient_image), (void *)args);
}

static size_t ATH_NAME(conv2d_weight_gradient_scratch_bytes)(const ath_conv2d_weight_gradient_args *args) {
  (void)args;
  return 0;
}

/// Index: one row [co] of dweights; the index after the last one is dbias.
static void ATH_NAME(conv2d_weight_gradient_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_conv2d_weight_gradient_args *args = context;
  const ath_conv2d_shape *s = &args->shape;
  const int64_t group_in = s->ci / s->groups, group_out = s->co / s->groups;
  const int64_t rows = s->kh * s->kw * group_in;
  const ATH_REAL *dy = args->dy;
  if (index == rows) {
    ATH_REAL *dbias = args->dbias;
    for (int64_t k = 0; k < s->co; ++k) dbias[k] = 0;
    for (int64_t p = 0; p < s->n * s->oh * s->ow; ++p) {
      for (int64_t k = 0; k < s->co; ++k) dbias[k] += dy[p * s->co + k];
    }
    return;
  }
  const int64_t r = index / (s->kw * group_in), t = index / group_in % s->kw, c = index % group_in;
  ATH_REAL *row = (ATH_REAL *)args->dweights + index * s->co;
  for (int64_t k = 0; k < s->co; ++k) row[k] = 0;
  for (int64_t b = 0; b < s->n; ++b) {
    for (int64_t i = 0; i < s->oh; ++i) {
      for (int64_t j = 0; j < s->ow; ++j) {
        const int64_t xi = i * s->stride_h + r * s->dilation_h - s->pad_top;
        const int64_t xj = j * s->stride_w + t * s->dilation_w - s->pad_left;
        if (!ATH_NAME(inside)(s, xi, xj)) continue;
        const ATH_REAL *x = (const ATH_REAL *)args->x + ((b * s->h + xi) * s->w + xj) * s->ci;
        const ATH_REAL *pixel = dy + ((b * s->oh + i) * s->ow + j) * s->co;
        for (int64_t g = 0; g < s->groups; ++g) {
          const ATH_REAL value = x[g * group_in + c];
          for (int64_t k = 0; k < group_out; ++k) row[g * group_out + k] += value * pixel[g * group_out + k];
        }
      }
    }
  }
}

static void ATH_NAME(conv2d_weight_gradient)(const ath_conv2d_weight_gradient_args *args, ath_pool *pool) {
  const ath_conv2d_shape *s = &args->shape;
  const int64_t rows = s->kh * s->kw * (s->ci / s->groups);
  ath_pool_run(pool, rows + (args->dbias ? 1 : 0), ATH_NAME(conv2d_weight_gradient_row), (void *)args);
}
