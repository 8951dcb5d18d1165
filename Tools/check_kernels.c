// Compares the fast kernels of this machine with the reference in double, at 1 and 3 threads: for machines on which the
// Swift tests cannot run, such as an emulated one. `make neon` builds and runs it for 64-bit ARM under qemu-user
// (Debian).
#include "athanor_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0, checks = 0;
static uint64_t state = 1;

static double next(void) { // SplitMix64, as a float in -1 ... 1
  uint64_t z = (state += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return (float)((double)((z ^ (z >> 31)) >> 40) / (1 << 23) - 1);
}

/// The same numbers in both precisions.
typedef struct {
  int64_t count;
  double *f64;
  float *f32;
} numbers;

static numbers make(int64_t count) {
  numbers n = {count, aligned_alloc(64, (size_t)(count * 8 + 127) / 64 * 64),
               aligned_alloc(64, (size_t)(count * 4 + 127) / 64 * 64)};
  for (int64_t i = 0; i < count; ++i)
    n.f32[i] = (float)(n.f64[i] = next());
  return n;
}

static void compare(const char *what, const float *got, const double *want, int64_t count) {
  double scale = 1, worst = 0;
  for (int64_t i = 0; i < count; ++i)
    scale = fmax(scale, fabs(want[i]));
  for (int64_t i = 0; i < count; ++i) {
    if (want[i] != want[i] && got[i] != got[i]) continue; // outside the function's domain, for both
    const double error = fabs(got[i] - want[i]) / scale;
    worst = error > worst || error != error ? error : worst;
  }
  ++checks;
  if (worst < 5e-6)
    return;
  ++failures;
  printf("FAIL %s: off by %.2e\n", what, worst);
}

#define RUN(table, kernel, arguments, pool)                                                                            \
  do {                                                                                                                 \
    (arguments).scratch = aligned_alloc(64, ((table)->kernel##_scratch_bytes(&(arguments)) + 127) / 64 * 64);          \
    (table)->kernel(&(arguments), pool);                                                                               \
    free((arguments).scratch);                                                                                         \
  } while (0)

static void check_convolution(const ath_kernel_table *fast, ath_pool *pool, ath_conv2d_shape s) {
  const ath_kernel_table *exact = ath_kernels_f64();
  numbers x = make(s.n * s.h * s.w * s.ci), weights = make(s.kh * s.kw * s.ci / s.groups * s.co), bias = make(s.co);
  numbers dy = make(s.n * s.oh * s.ow * s.co), y = make(dy.count), dx = make(x.count), dw = make(weights.count),
          db = make(s.co);
  ath_conv2d_forward_args f = {
      .shape = s, .x = x.f32, .weights = weights.f32, .bias = bias.f32, .y = y.f32, .activation = ATH_ACTIVATION_RELU};
  RUN(fast, conv2d_forward, f, pool);
  f = (ath_conv2d_forward_args){
      .shape = s, .x = x.f64, .weights = weights.f64, .bias = bias.f64, .y = y.f64, .activation = ATH_ACTIVATION_RELU};
  RUN(exact, conv2d_forward, f, pool);
  compare("conv2d forward", y.f32, y.f64, y.count);
  ath_conv2d_input_gradient_args i = {.shape = s, .dy = dy.f32, .weights = weights.f32, .dx = dx.f32};
  RUN(fast, conv2d_input_gradient, i, pool);
  i = (ath_conv2d_input_gradient_args){.shape = s, .dy = dy.f64, .weights = weights.f64, .dx = dx.f64};
  RUN(exact, conv2d_input_gradient, i, pool);
  compare("conv2d input gradient", dx.f32, dx.f64, dx.count);
  ath_conv2d_weight_gradient_args w = {.shape = s, .x = x.f32, .dy = dy.f32, .dweights = dw.f32, .dbias = db.f32};
  RUN(fast, conv2d_weight_gradient, w, pool);
  w = (ath_conv2d_weight_gradient_args){.shape = s, .x = x.f64, .dy = dy.f64, .dweights = dw.f64, .dbias = db.f64};
  RUN(exact, conv2d_weight_gradient, w, pool);
  compare("conv2d weight gradient", dw.f32, dw.f64, dw.count);
  compare("conv2d bias gradient", db.f32, db.f64, db.count);

  if (s.groups != 1 || s.stride_h != 1 || s.stride_w != 1 || s.dilation_h != 1 || s.oh < 2 || s.ow < 2)
    return;
  const ath_pool2d_shape p = {.n = s.n,
                              .h = s.oh,
                              .w = s.ow,
                              .c = s.co,
                              .kh = 2,
                              .kw = 2,
                              .oh = s.oh / 2,
                              .ow = s.ow / 2,
                              .stride_h = 2,
                              .stride_w = 2};
  const int64_t count = p.n * p.oh * p.ow * p.c;
  numbers pooled = make(count), dpooled = make(count);
  uint16_t *index = malloc((size_t)count * 2), *other = malloc((size_t)count * 2);
  ath_conv2d_pooled_forward_args pf = {.shape = s,
                                       .pool = p,
                                       .x = x.f32,
                                       .weights = weights.f32,
                                       .bias = bias.f32,
                                       .activation = ATH_ACTIVATION_RELU,
                                       .y = pooled.f32,
                                       .index = index};
  RUN(fast, conv2d_pooled_forward, pf, pool);
  pf = (ath_conv2d_pooled_forward_args){.shape = s,
                                        .pool = p,
                                        .x = x.f64,
                                        .weights = weights.f64,
                                        .bias = bias.f64,
                                        .activation = ATH_ACTIVATION_RELU,
                                        .y = pooled.f64,
                                        .index = other};
  RUN(exact, conv2d_pooled_forward, pf, pool);
  compare("pooled conv2d forward", pooled.f32, pooled.f64, count);
  for (int64_t e = 0; e < count; ++e)
    pooled.f32[e] = (float)pooled.f64[e]; // the same decisions in both
  ath_conv2d_pooled_input_gradient_args pi = {
      .shape = s, .dy = {p, dpooled.f32, index, pooled.f32}, .weights = weights.f32, .relu = x.f32, .dx = dx.f32};
  RUN(fast, conv2d_pooled_input_gradient, pi, pool);
  pi = (ath_conv2d_pooled_input_gradient_args){
      .shape = s, .dy = {p, dpooled.f64, index, pooled.f64}, .weights = weights.f64, .relu = x.f64, .dx = dx.f64};
  RUN(exact, conv2d_pooled_input_gradient, pi, pool);
  compare("pooled conv2d input gradient", dx.f32, dx.f64, dx.count);
  ath_conv2d_pooled_weight_gradient_args pw = {
      .shape = s, .dy = {p, dpooled.f32, index, pooled.f32}, .x = x.f32, .dweights = dw.f32, .dbias = db.f32};
  RUN(fast, conv2d_pooled_weight_gradient, pw, pool);
  pw = (ath_conv2d_pooled_weight_gradient_args){
      .shape = s, .dy = {p, dpooled.f64, index, pooled.f64}, .x = x.f64, .dweights = dw.f64, .dbias = db.f64};
  RUN(exact, conv2d_pooled_weight_gradient, pw, pool);
  compare("pooled conv2d weight gradient", dw.f32, dw.f64, dw.count);
  compare("pooled conv2d bias gradient", db.f32, db.f64, db.count);
}

static void check_product(const ath_kernel_table *fast, ath_pool *pool, int64_t m, int64_t n, int64_t k, bool ta,
                          bool tb) {
  numbers a = make(m * k), b = make(k * n), bias = make(n), c = make(m * n);
  ath_matmul_args p = {.batch = 1,
                       .m = m,
                       .n = n,
                       .k = k,
                       .transpose_a = ta,
                       .transpose_b = tb,
                       .a = a.f32,
                       .b = b.f32,
                       .bias = bias.f32,
                       .c = c.f32};
  RUN(fast, matmul, p, pool);
  p.a = a.f64, p.b = b.f64, p.bias = bias.f64, p.c = c.f64;
  RUN(ath_kernels_f64(), matmul, p, pool);
  compare("matmul", c.f32, c.f64, c.count);
}

static void check_pointwise(const ath_kernel_table *fast, ath_pool *pool) {
  numbers drawn = make(1003), above_one = make(1003), y = make(1003), dy = make(1003), dx = make(1003);
  for (int64_t i = 0; i < above_one.count; ++i)
    above_one.f32[i] = (float)(above_one.f64[i] = (float)(fabs(drawn.f64[i]) + 1));
  for (int trial = 0; trial < 2 * ATH_UNARY_COUNT; ++trial) {
    const int function = trial / 2;
    const numbers x = trial % 2 ? above_one : drawn; // some functions are defined between -1 and 1 only, some above 1 only
    ath_unary_args u = {.function = (ath_unary)function, .count = x.count, .alpha = 0.3, .x = x.f32, .y = y.f32};
    fast->unary(&u, pool);
    u.x = x.f64, u.y = y.f64;
    ath_kernels_f64()->unary(&u, pool);
    compare("unary", y.f32, y.f64, y.count);
    for (int64_t i = 0; i < y.count; ++i)
      y.f32[i] = (float)(y.f64[i] = (float)y.f64[i]);
    ath_unary_gradient_args g = {.function = (ath_unary)function,
                                 .count = x.count,
                                 .alpha = 0.3,
                                 .x = x.f32,
                                 .y = y.f32,
                                 .dy = dy.f32,
                                 .dx = dx.f32};
    fast->unary_gradient(&g, pool);
    g.x = x.f64, g.y = y.f64, g.dy = dy.f64, g.dx = dx.f64;
    ath_kernels_f64()->unary_gradient(&g, pool);
    compare("unary gradient", dx.f32, dx.f64, dx.count);
  }
  uint8_t masks[2][1003];
  ath_dropout_args d = {.count = 1003, .rate = 0.4, .key = 3, .counter = 5, .x = drawn.f32, .y = y.f32, .mask = masks[0]};
  fast->dropout(&d, pool);
  d.x = drawn.f64, d.y = y.f64, d.mask = masks[1];
  ath_kernels_f64()->dropout(&d, pool);
  compare("dropout", y.f32, y.f64, y.count);
  ++checks;
  if (memcmp(masks[0], masks[1], sizeof masks[0]) != 0) {
    ++failures;
    puts("FAIL dropout: other masks");
  }
}

int main(void) {
  const ath_instructions best = ath_best_instructions();
  const ath_kernel_table *fast = ath_kernels_f32(best);
  for (int threads = 1; threads <= 3; threads += 2) {
    ath_pool *pool = ath_pool_create(threads);
    const int64_t channels[] = {1, 3, 5, 16, 17, 33, 64};
    for (int a = 0; a < 7; ++a) {
      for (int64_t k = 1; k <= 5; k += 2) {
        for (int64_t pad = 0; pad <= k / 2; ++pad) {
          const int64_t ci = channels[a], co = channels[(a * 3 + k) % 7], h = 9, w = 8;
          check_convolution(fast, pool,
                            (ath_conv2d_shape){2, h, w, ci, k, k, co, h + 2 * pad - k + 1, w + 2 * pad - k + 1, 1, 1, 1,
                                               1, pad, pad, 1});
          check_convolution(fast, pool,
                            (ath_conv2d_shape){2, h, w, ci, k, k, co, (h + 2 * pad - k) / 2 + 1,
                                               (w + 2 * pad - k) / 3 + 1, 2, 3, 1, 1, pad, pad, 1});
          check_convolution(fast, pool,
                            (ath_conv2d_shape){2, h, w, ci, k, k, ci, h + 2 * pad - k + 1, w + 2 * pad - k + 1, 1, 1, 1,
                                               1, pad, pad, ci});
        }
      }
    }
    for (int transposes = 0; transposes < 4; ++transposes) {
      check_product(fast, pool, 37, 53, 71, transposes & 1, transposes & 2);
      check_product(fast, pool, 5, 128, 600, transposes & 1, transposes & 2);
    }
    check_pointwise(fast, pool);
    ath_pool_destroy(pool);
  }
  printf("%s: %d passed, %d failed\n", fast->name, checks - failures, failures);
  return failures > 0 || best == ATH_INSTRUCTIONS_REFERENCE;
}
