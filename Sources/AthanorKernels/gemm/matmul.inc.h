// Matrix product: c is cut into a grid of blocks, one task each. A task packs what it must (a transposed b, a b whose rows
// are far apart, a transposed a) into its worker's buffer, one stretch of k at a time.

enum {
  ATH_NAME(matmul_rows) = 240,   // rows of a block at most
  ATH_NAME(matmul_steps) = 256,  // a stretch of k, summed on its own: sums over thousands of products keep six digits
  ATH_NAME(matmul_a_rows) = 48,  // rows of a block when a is transposed
};

typedef struct {
  const ath_matmul_args *args;
  ATH_NAME(panels) panels;
  int64_t row_blocks, column_blocks; // of one product
  int64_t stretch;                   // steps of k that are summed on their own
  bool pack_b;
} ATH_NAME(matmul_plan);

static ATH_NAME(matmul_plan) ATH_NAME(plan_matmul)(const ath_matmul_args *args) {
  ATH_NAME(matmul_plan) plan = {.args = args, .panels = ATH_NAME(panels_for)(args->n)};
  // Unpacked rows must be whole vectors. Rows far apart fall onto the same few sets of the first-level cache, which
  // matters as soon as a panel is read more than a few times.
  const bool must_pack = args->transpose_b || args->n % ATH_LANES != 0;
  plan.pack_b = must_pack || (args->n > 256 && args->m > 16);
  // The order of additions is the same for any number of rows: one example's bits do not depend on its batch.
  const bool cut = must_pack || args->n > 256 || args->transpose_a || args->k > 4 * ATH_NAME(matmul_steps) / 3;
  plan.stretch = cut ? ATH_NAME(matmul_steps) : args->k;
  const int64_t most = args->transpose_a ? ATH_NAME(matmul_a_rows) : ATH_NAME(matmul_rows);
  plan.row_blocks = ath_divide_up(args->m, most);
  plan.column_blocks = plan.panels.panels;
  // Aim at 16 tasks, but leave 48 rows to a block: each block reads all of its b.
  const int64_t tasks = args->batch * plan.column_blocks;
  if (tasks * plan.row_blocks < 16) {
    plan.row_blocks = ath_max(plan.row_blocks, ath_min(ath_divide_up(16, tasks), args->m / 48));
  }
  plan.row_blocks = ath_max(1, plan.row_blocks);
  return plan;
}

/// Row pointers for a stretch of k beginning at `step`; packs a when it is transposed.
static void ATH_NAME(matmul_a)(const ath_matmul_args *args, const float *a, int64_t row, int64_t count, int64_t step,
                               int64_t steps, float *buffer, const float **rows, int64_t *a_inner) {
  if (!args->transpose_a) {
    for (int64_t r = 0; r < count; ++r) rows[r] = a + (row + r) * args->k + step;
    *a_inner = 1;
    return;
  }
  const int64_t width = ath_round_up(count, ATH_LANES);
  ATH_NAME(pack_panel)(a + step * args->m + row, args->m, steps, count, width, buffer);
  for (int64_t r = 0; r < count; ++r) rows[r] = buffer + r;
  *a_inner = width;
}

/// Index: (product, column block, row block).
static void ATH_NAME(matmul_task)(const ATH_NAME(matmul_plan) * plan, int64_t index, float *buffer) {
  const ath_matmul_args *args = plan->args;
  const int64_t m = args->m, n = args->n, k = args->k;
  const int64_t row_block = index % plan->row_blocks, panel = index / plan->row_blocks % plan->column_blocks;
  const int64_t product = index / (plan->row_blocks * plan->column_blocks);
  const float *a = (const float *)args->a + product * m * k, *b = (const float *)args->b + product * k * n;
  const int64_t row = row_block * m / plan->row_blocks, count = (row_block + 1) * m / plan->row_blocks - row;
  const int64_t begin = ATH_NAME(panel_begin)(&plan->panels, panel) * ATH_LANES;
  const int64_t width = ATH_NAME(panel_begin)(&plan->panels, panel + 1) * ATH_LANES - begin;
  const int64_t columns = ath_min(width, n - begin);
  float bias[ATH_TILE_VECTORS * ATH_LANES] = {0};
  if (args->bias) memcpy(bias, (const float *)args->bias + begin, (size_t)columns * sizeof(float));
  float *packed_a = buffer, *packed_b = buffer + (args->transpose_a ? ATH_NAME(matmul_steps) * 64 : 0);
  const float *rows[ATH_NAME(matmul_rows)];
  float *results[ATH_NAME(matmul_rows)];
  for (int64_t r = 0; r < count; ++r) results[r] = (float *)args->c + (product * m + row + r) * n + begin;
  int64_t step = 0;
  do {
    const int64_t steps = ath_min(plan->stretch, k - step);
    ATH_NAME(tile_job) job = {.columns = columns, .initial = bias, .accumulate = step > 0,
                              .relu = args->activation == ATH_ACTIVATION_RELU && step + steps == k};
    ATH_NAME(operand) operand = {.data = b + step * n + begin, .step = n, .steps = steps};
    if (plan->pack_b) {
      if (args->transpose_b) {
        ATH_NAME(pack_panel_transposed)(b + begin * k + step, k, steps, columns, width, packed_b);
      } else {
        ATH_NAME(pack_panel)(b + step * n + begin, n, steps, columns, width, packed_b);
      }
      operand.data = packed_b;
      operand.packed = true;
    }
    int64_t a_inner = 1;
    ATH_NAME(matmul_a)(args, a, row, count, step, steps, packed_a, rows, &a_inner);
    job.walk = (ATH_NAME(walk)){.outer = 1, .middle = 1, .inner = steps, .a_inner = a_inner};
    const ATH_NAME(panels) one = {width / ATH_LANES, 1};
    ATH_NAME(multiply_panel)(rows, results, count, &job, &operand, &one, 0);
    step += steps;
  } while (step < k);
}

typedef struct {
  const ATH_NAME(matmul_plan) * plan;
  ath_pool *pool;
} ATH_NAME(matmul_run);

static void ATH_NAME(matmul_block)(void *context, int64_t index, int worker) {
  const ATH_NAME(matmul_run) *run = context;
  ATH_NAME(matmul_task)(run->plan, index, ath_pool_buffer(run->pool, worker));
}

static void ATH_NAME(fast_matmul)(const ath_matmul_args *args, ath_pool *pool) {
  if (args->batch <= 0 || args->m <= 0 || args->n <= 0) return;
  const ATH_NAME(matmul_plan) plan = ATH_NAME(plan_matmul)(args);
  const int64_t tasks = args->batch * plan.row_blocks * plan.column_blocks;
  ATH_NAME(matmul_run) run = {&plan, pool};
  if (args->batch * args->m * args->n * args->k < 20000) {
    for (int64_t index = 0; index < tasks; ++index) ATH_NAME(matmul_block)(&run, index, 0);
    return;
  }
  ath_pool_run(pool, tasks, ATH_NAME(matmul_block), &run);
}
