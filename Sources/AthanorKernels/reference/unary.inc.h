// Functions of one element and their gradients.

static inline ATH_REAL ATH_NAME(sigmoid)(ATH_REAL x) {
  const ATH_REAL e = ATH_MATH(exp)(-ATH_MATH(fabs)(x)); // never overflows
  return (x < 0 ? e : 1) / (1 + e);
}

static inline ATH_REAL ATH_NAME(softplus)(ATH_REAL x) {
  return (x > 0 ? x : x != x ? x : 0) + ATH_MATH(log1p)(ATH_MATH(exp)(-ATH_MATH(fabs)(x)));
}

#define ATH_2_OVER_SQRT_PI ((ATH_REAL)1.12837916709551257390)
#define ATH_SQRT_HALF ((ATH_REAL)0.70710678118654752440)
#define ATH_SQRT_2_OVER_PI ((ATH_REAL)0.79788456080286535588)
#define ATH_GELU_CUBIC ((ATH_REAL)0.044715) // Hendrycks and Gimpel 2016, "Gaussian error linear units"

static inline ATH_REAL ATH_NAME(gelu)(ATH_REAL x) { return x * (1 + ATH_MATH(erf)(x * ATH_SQRT_HALF)) / 2; }

static inline ATH_REAL ATH_NAME(gelu_derivative)(ATH_REAL x) {
  const ATH_REAL density = ATH_SQRT_2_OVER_PI / 2 * ATH_MATH(exp)(-x * x / 2);
  return (1 + ATH_MATH(erf)(x * ATH_SQRT_HALF)) / 2 + x * density;
}

static inline ATH_REAL ATH_NAME(gelu_tanh)(ATH_REAL x) {
  return x * (1 + ATH_MATH(tanh)(ATH_SQRT_2_OVER_PI * (x + ATH_GELU_CUBIC * x * x * x))) / 2;
}

static inline ATH_REAL ATH_NAME(gelu_tanh_derivative)(ATH_REAL x) {
  const ATH_REAL t = ATH_MATH(tanh)(ATH_SQRT_2_OVER_PI * (x + ATH_GELU_CUBIC * x * x * x));
  const ATH_REAL inner = ATH_SQRT_2_OVER_PI * (1 + 3 * ATH_GELU_CUBIC * x * x);
  return (1 + t) / 2 + x * (1 - t * t) * inner / 2;
}

static inline ATH_REAL ATH_NAME(silu_derivative)(ATH_REAL x) {
  const ATH_REAL s = ATH_NAME(sigmoid)(x);
  return s * (1 + x * (1 - s));
}

/// With a function of the C library, which is called for one number at a time.
#define ATH_EACH_CALL(expression)                                                                                      \
  for (int64_t e = begin; e < end; ++e) {                                                                              \
    const ATH_REAL x = xs[e];                                                                                          \
    ys[e] = (expression);                                                                                              \
  }                                                                                                                    \
  break
#define ATH_EACH(expression) ATH_INDEPENDENT ATH_EACH_CALL(expression)

static void ATH_NAME(unary_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_unary_args *args = context;
  const ATH_REAL *xs = args->x;
  ATH_REAL *ys = args->y;
  const ATH_REAL alpha = (ATH_REAL)args->alpha;
  switch (args->function) {
  case ATH_UNARY_IDENTITY: ATH_EACH(x);
  case ATH_UNARY_NEGATE: ATH_EACH(-x);
  case ATH_UNARY_ABS: ATH_EACH(ATH_MATH(fabs)(x));
  case ATH_UNARY_SIGN: ATH_EACH((ATH_REAL)((x > 0) - (x < 0)));
  case ATH_UNARY_SQUARE: ATH_EACH(x * x);
  case ATH_UNARY_SQRT: ATH_EACH(__builtin_elementwise_sqrt(x));
  case ATH_UNARY_RSQRT: ATH_EACH(1 / __builtin_elementwise_sqrt(x));
  case ATH_UNARY_RECIPROCAL: ATH_EACH(1 / x);
  case ATH_UNARY_EXP: ATH_EACH_CALL(ATH_MATH(exp)(x));
  case ATH_UNARY_LOG: ATH_EACH_CALL(ATH_MATH(log)(x));
  case ATH_UNARY_RELU: ATH_EACH(x < 0 ? 0 : x);
  case ATH_UNARY_LEAKY_RELU: ATH_EACH(x < 0 ? alpha * x : x);
  case ATH_UNARY_ELU: ATH_EACH_CALL(x < 0 ? alpha * ATH_MATH(expm1)(x) : x);
  case ATH_UNARY_SIGMOID: ATH_EACH_CALL(ATH_NAME(sigmoid)(x));
  case ATH_UNARY_TANH: ATH_EACH_CALL(ATH_MATH(tanh)(x));
  case ATH_UNARY_SOFTPLUS: ATH_EACH_CALL(ATH_NAME(softplus)(x));
  case ATH_UNARY_SILU: ATH_EACH_CALL(x * ATH_NAME(sigmoid)(x));
  case ATH_UNARY_GELU: ATH_EACH_CALL(ATH_NAME(gelu)(x));
  case ATH_UNARY_GELU_TANH: ATH_EACH_CALL(ATH_NAME(gelu_tanh)(x));
  case ATH_UNARY_ERF: ATH_EACH_CALL(ATH_MATH(erf)(x));
  case ATH_UNARY_COUNT: break;
  }
}
#undef ATH_EACH
#undef ATH_EACH_CALL

static void ATH_NAME(unary)(const ath_unary_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(unary_range), args);
}

#define ATH_EACH_X_CALL(derivative)                                                                                    \
  for (int64_t e = begin; e < end; ++e) {                                                                              \
    const ATH_REAL x = xs[e];                                                                                          \
    dx[e] = dy[e] * (derivative);                                                                                      \
  }                                                                                                                    \
  break
#define ATH_EACH_X(derivative) ATH_INDEPENDENT ATH_EACH_X_CALL(derivative)
#define ATH_EACH_Y(derivative)                                                                                         \
  ATH_INDEPENDENT for (int64_t e = begin; e < end; ++e) {                                                              \
    const ATH_REAL y = ys[e];                                                                                          \
    dx[e] = dy[e] * (derivative);                                                                                      \
  }                                                                                                                    \
  break

static void ATH_NAME(unary_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_unary_gradient_args *args = context;
  const ATH_REAL *xs = args->x, *ys = args->y, *dy = args->dy;
  ATH_REAL *dx = args->dx;
  const ATH_REAL alpha = (ATH_REAL)args->alpha;
  switch (args->function) {
  case ATH_UNARY_IDENTITY:
    ATH_INDEPENDENT for (int64_t e = begin; e < end; ++e) dx[e] = dy[e];
    break;
  case ATH_UNARY_NEGATE:
    ATH_INDEPENDENT for (int64_t e = begin; e < end; ++e) dx[e] = -dy[e];
    break;
  case ATH_UNARY_SIGN:
    for (int64_t e = begin; e < end; ++e) dx[e] = 0;
    break;
  case ATH_UNARY_RELU: // a choice, not a product: a blocked gradient is 0 even when it is infinite
    ATH_INDEPENDENT for (int64_t e = begin; e < end; ++e) {
      const ATH_REAL y = ys[e], gradient = dy[e];
      dx[e] = y > 0 ? gradient : 0;
    }
    break;
  case ATH_UNARY_LEAKY_RELU: ATH_EACH_Y(signbit(y) ? alpha : 1); // with alpha 0 a negative x leaves y = -0
  case ATH_UNARY_ELU: ATH_EACH_Y(signbit(y) ? y + alpha : 1);
  case ATH_UNARY_SIGMOID: ATH_EACH_Y(y * (1 - y));
  case ATH_UNARY_TANH: ATH_EACH_Y(1 - y * y);
  case ATH_UNARY_EXP: ATH_EACH_Y(y);
  case ATH_UNARY_SQRT: ATH_EACH_Y((ATH_REAL)0.5 / y);
  case ATH_UNARY_RSQRT: ATH_EACH_Y((ATH_REAL)-0.5 * y * y * y);
  case ATH_UNARY_RECIPROCAL: ATH_EACH_Y(-y * y);
  case ATH_UNARY_ABS: ATH_EACH_X((ATH_REAL)((x > 0) - (x < 0)));
  case ATH_UNARY_SQUARE: ATH_EACH_X(2 * x);
  case ATH_UNARY_LOG: ATH_EACH_X(1 / x);
  case ATH_UNARY_SOFTPLUS: ATH_EACH_X_CALL(ATH_NAME(sigmoid)(x));
  case ATH_UNARY_SILU: ATH_EACH_X_CALL(ATH_NAME(silu_derivative)(x));
  case ATH_UNARY_GELU: ATH_EACH_X_CALL(ATH_NAME(gelu_derivative)(x));
  case ATH_UNARY_GELU_TANH: ATH_EACH_X_CALL(ATH_NAME(gelu_tanh_derivative)(x));
  case ATH_UNARY_ERF: ATH_EACH_X_CALL(ATH_2_OVER_SQRT_PI * ATH_MATH(exp)(-x * x));
  case ATH_UNARY_COUNT: break;
  }
}
#undef ATH_EACH_X
#undef ATH_EACH_X_CALL
#undef ATH_EACH_Y

static void ATH_NAME(unary_gradient)(const ath_unary_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(unary_gradient_range), args);
}
