// Functions with an exponential in them, a vector at a time. The others are simple enough for the compiler to vectorise.

#define ATH_EACH(expression)                                                                                           \
  for (int64_t e = begin; e < end; e += ATH_LANES) {                                                                   \
    const int64_t lanes = end - e;                                                                                     \
    const vf x = lanes >= ATH_LANES ? vf_load(xs + e) : vf_load_part(xs + e, lanes);                                   \
    const vf y = (expression);                                                                                         \
    if (lanes >= ATH_LANES) {                                                                                          \
      vf_store(ys + e, y);                                                                                             \
    } else {                                                                                                           \
      vf_store_part(ys + e, y, lanes);                                                                                 \
    }                                                                                                                  \
  }                                                                                                                    \
  break

ATH_INLINE vf ATH_NAME(gelu_tanh_inner)(vf x) {
  return vf_tanh(ATH_SQRT_2_OVER_PI * (x + ATH_GELU_CUBIC * x * x * x));
}

static void ATH_NAME(fast_unary_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ath_unary_args *args = context;
  const float *xs = args->x;
  float *ys = args->y;
  const float alpha = (float)args->alpha;
  switch (args->function) {
  case ATH_UNARY_EXP: ATH_EACH(vf_exp(x));
  case ATH_UNARY_ELU: ATH_EACH(vf_choose(x < 0.0f, alpha * vf_expm1_negative(x), x));
  case ATH_UNARY_SIGMOID: ATH_EACH(vf_sigmoid(x));
  case ATH_UNARY_TANH: ATH_EACH(vf_tanh(x));
  case ATH_UNARY_SILU: ATH_EACH(x * vf_sigmoid(x));
  case ATH_UNARY_GELU_TANH: ATH_EACH(x * (1.0f + ATH_NAME(gelu_tanh_inner)(x)) * 0.5f);
  default: ATH_NAME(unary_range)(context, index, begin, end); break;
  }
}
#undef ATH_EACH

static void ATH_NAME(fast_unary)(const ath_unary_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(fast_unary_range), args);
}

ATH_INLINE vf ATH_NAME(fast_silu_derivative)(vf x) {
  const vf s = vf_sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}

ATH_INLINE vf ATH_NAME(fast_gelu_tanh_derivative)(vf x) {
  const vf t = ATH_NAME(gelu_tanh_inner)(x);
  const vf inner = ATH_SQRT_2_OVER_PI * (1.0f + 3 * ATH_GELU_CUBIC * x * x);
  return (1.0f + t) * 0.5f + x * (1.0f - t * t) * inner * 0.5f;
}

#define ATH_EACH(derivative)                                                                                           \
  for (int64_t e = begin; e < end; e += ATH_LANES) {                                                                   \
    const int64_t lanes = end - e;                                                                                     \
    if (lanes >= ATH_LANES) {                                                                                          \
      const vf x = vf_load(xs + e);                                                                                    \
      vf_store(dx + e, vf_load(dy + e) * (derivative));                                                                \
    } else {                                                                                                           \
      const vf x = vf_load_part(xs + e, lanes);                                                                        \
      vf_store_part(dx + e, vf_load_part(dy + e, lanes) * (derivative), lanes);                                        \
    }                                                                                                                  \
  }                                                                                                                    \
  break

static void ATH_NAME(fast_unary_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ath_unary_gradient_args *args = context;
  const float *xs = args->x, *dy = args->dy;
  float *dx = args->dx;
  switch (args->function) {
  case ATH_UNARY_SOFTPLUS: ATH_EACH(vf_sigmoid(x));
  case ATH_UNARY_SILU: ATH_EACH(ATH_NAME(fast_silu_derivative)(x));
  case ATH_UNARY_GELU_TANH: ATH_EACH(ATH_NAME(fast_gelu_tanh_derivative)(x));
  default: ATH_NAME(unary_gradient_range)(context, index, begin, end); break;
  }
}
#undef ATH_EACH

static void ATH_NAME(fast_unary_gradient)(const ath_unary_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(fast_unary_gradient_range), args);
}
