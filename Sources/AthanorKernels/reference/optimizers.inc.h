// Optimiser steps over flat arrays, one pass over memory each. The formulas are those of Keras 3.

static void ATH_NAME(sgd_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_sgd_args *args = context;
  const ATH_REAL rate = (ATH_REAL)args->rate, momentum = (ATH_REAL)args->momentum;
  const ATH_REAL keep = (ATH_REAL)(1 - args->rate * args->decay);
  const ATH_REAL *g = args->gradient;
  ATH_REAL *w = args->weights, *v = args->velocity;
  if (!v) {
    for (int64_t e = begin; e < end; ++e) w[e] = w[e] * keep - rate * g[e];
  } else if (args->nesterov) {
    for (int64_t e = begin; e < end; ++e) {
      const ATH_REAL velocity = momentum * v[e] - rate * g[e];
      v[e] = velocity;
      w[e] = w[e] * keep + (momentum * velocity - rate * g[e]);
    }
  } else {
    for (int64_t e = begin; e < end; ++e) {
      const ATH_REAL velocity = momentum * v[e] - rate * g[e];
      v[e] = velocity;
      w[e] = w[e] * keep + velocity;
    }
  }
}

static void ATH_NAME(sgd)(const ath_sgd_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(sgd_range), args);
}

static void ATH_NAME(rmsprop_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_rmsprop_args *args = context;
  const ATH_REAL rate = (ATH_REAL)args->rate, rho = (ATH_REAL)args->rho, rest = (ATH_REAL)(1 - args->rho);
  const ATH_REAL momentum = (ATH_REAL)args->momentum, epsilon = (ATH_REAL)args->epsilon;
  const ATH_REAL keep = (ATH_REAL)(1 - args->rate * args->decay);
  const ATH_REAL *g = args->gradient;
  ATH_REAL *w = args->weights, *s = args->square, *a = args->average, *m = args->velocity;
  if (!a && !m) {
    for (int64_t e = begin; e < end; ++e) {
      s[e] = rho * s[e] + rest * g[e] * g[e];
      w[e] = w[e] * keep - rate * g[e] / __builtin_elementwise_sqrt(s[e] + epsilon);
    }
    return;
  }
  for (int64_t e = begin; e < end; ++e) {
    s[e] = rho * s[e] + rest * g[e] * g[e];
    ATH_REAL d = s[e] + epsilon;
    if (a) {
      a[e] = rho * a[e] + rest * g[e];
      d = s[e] - a[e] * a[e] + epsilon;
    }
    ATH_REAL step = rate * g[e] / __builtin_elementwise_sqrt(d);
    if (m) {
      m[e] = momentum * m[e] + step;
      step = m[e];
    }
    w[e] = w[e] * keep - step;
  }
}

static void ATH_NAME(rmsprop)(const ath_rmsprop_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(rmsprop_range), args);
}

/// Kingma and Ba 2015, algorithm 1 with the efficient order of computation of its section 2.
static void ATH_NAME(adam_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_adam_args *args = context;
  const ATH_REAL alpha = (ATH_REAL)args->alpha, epsilon = (ATH_REAL)args->epsilon;
  const ATH_REAL rest1 = (ATH_REAL)(1 - args->beta1), rest2 = (ATH_REAL)(1 - args->beta2);
  const ATH_REAL keep = (ATH_REAL)(1 - args->rate * args->decay);
  const ATH_REAL *g = args->gradient;
  ATH_REAL *w = args->weights, *m = args->first, *v = args->second;
  for (int64_t e = begin; e < end; ++e) {
    const ATH_REAL first = m[e] + (g[e] - m[e]) * rest1;
    const ATH_REAL second = v[e] + (g[e] * g[e] - v[e]) * rest2;
    m[e] = first;
    v[e] = second;
    w[e] = w[e] * keep - first * alpha / (__builtin_elementwise_sqrt(second) + epsilon);
  }
}

static void ATH_NAME(adam)(const ath_adam_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(adam_range), args);
}
