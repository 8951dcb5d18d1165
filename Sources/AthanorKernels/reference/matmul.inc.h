// Matrix product by its definition.

static size_t ATH_NAME(matmul_scratch_bytes)(const ath_matmul_args *args) {
  (void)args;
  return 0;
}

/// Index: one row of c.
static void ATH_NAME(matmul_row)(void *context, int64_t index, int worker) {
  (void)worker;
  const ath_matmul_args *args = context;
  const int64_t m = args->m, n = args->n, k = args->k;
  const int64_t product = index / m, i = index % m;
  const ATH_REAL *a = (const ATH_REAL *)args->a + product * m * k;
  const ATH_REAL *b = (const ATH_REAL *)args->b + product * k * n;
  const ATH_REAL *bias = args->bias;
  ATH_REAL *c = (ATH_REAL *)args->c + index * n;
  for (int64_t j = 0; j < n; ++j) c[j] = bias ? bias[j] : 0;
  for (int64_t e = 0; e < k; ++e) {
    const ATH_REAL value = args->transpose_a ? a[e * m + i] : a[i * k + e];
    if (args->transpose_b) {
      for (int64_t j = 0; j < n; ++j) c[j] += value * b[j * k + e];
    } else {
      for (int64_t j = 0; j < n; ++j) c[j] += value * b[e * n + j];
    }
  }
  if (args->activation == ATH_ACTIVATION_RELU) {
    for (int64_t j = 0; j < n; ++j) c[j] = c[j] < 0 ? 0 : c[j];
  }
}

static void ATH_NAME(matmul)(const ath_matmul_args *args, ath_pool *pool) {
  ath_pool_run(pool, args->batch * args->m, ATH_NAME(matmul_row), (void *)args);
}
