// Reductions along one axis, and what classification metrics need. Sums are kept in double.

/// The axis is cut into parts of so many elements, which are summed on their own. It follows from axis and inner alone, so
/// that a sum within one example has the same bits in every batch.
static int64_t ATH_NAME(reduce_parts)(const ath_reduce_args *args) {
  if (args->axis == 0) return 1;
  return ath_range_count(args->axis, ath_max(1, ATH_POINTWISE_GRAIN / ath_max(1, args->inner)));
}

/// With many rows of outer a task takes a whole one: it needs room for the sum and for one part.
static bool ATH_NAME(reduces_whole_rows)(const ath_reduce_args *args) { return args->outer >= 16; }

static int64_t ATH_NAME(reduce_slots)(const ath_reduce_args *args) {
  const int64_t parts = ATH_NAME(reduce_parts)(args);
  return ATH_NAME(reduces_whole_rows)(args) ? ath_min(2, parts) : parts;
}

static size_t ATH_NAME(reduce_scratch_bytes)(const ath_reduce_args *args) {
  return (size_t)(args->outer * ATH_NAME(reduce_slots)(args) * args->inner) * sizeof(double);
}

/// A contiguous run, summed in eight lanes so that the additions do not wait for each other.
static double ATH_NAME(sum_run)(const ATH_REAL *x, int64_t count) {
  double lanes[8] = {0};
  int64_t e = 0;
  for (; e + 8 <= count; e += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += (double)x[e + lane];
  }
  for (; e < count; ++e) lanes[0] += (double)x[e];
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static inline double ATH_NAME(larger)(double a, double b) { return a > b || a != a ? a : b; }

typedef struct {
  const ath_reduce_args *args;
  int64_t parts, length; // of the axis
  int64_t slots;         // scratch is [outer, slots, inner]
} ATH_NAME(reduce_plan);

/// One part of one row of outer.
static void ATH_NAME(reduce_part)(const ATH_NAME(reduce_plan) * plan, int64_t outer, int64_t part, double *partial) {
  const ath_reduce_args *args = plan->args;
  const int64_t inner = args->inner;
  const int64_t begin = part * plan->length;
  const int64_t end = ath_min(begin + plan->length, args->axis);
  const ATH_REAL *x = (const ATH_REAL *)args->x + outer * args->axis * inner;
  const bool max = args->function == ATH_REDUCE_MAX;
  if (inner == 1 && !max) {
    partial[0] = ATH_NAME(sum_run)(x + begin, end - begin);
    return;
  }
  for (int64_t i = 0; i < inner; ++i) partial[i] = max ? -(double)INFINITY : 0;
  for (int64_t a = begin; a < end; ++a) {
    const ATH_REAL *row = x + a * inner;
    if (max) {
      for (int64_t i = 0; i < inner; ++i) partial[i] = ATH_NAME(larger)((double)row[i], partial[i]);
    } else {
      for (int64_t i = 0; i < inner; ++i) partial[i] += (double)row[i];
    }
  }
}

static inline double ATH_NAME(reduce_join)(ath_reduce function, double sum, double next) {
  return function == ATH_REDUCE_MAX ? ATH_NAME(larger)(sum, next) : sum + next;
}

/// Index: outer * parts + part.
static void ATH_NAME(reduce_one_part)(void *context, int64_t index, int worker) {
  (void)worker;
  const ATH_NAME(reduce_plan) *plan = context;
  ATH_NAME(reduce_part)(plan, index / plan->parts, index % plan->parts,
                        (double *)plan->args->scratch + index * plan->args->inner);
}

/// Index: outer.
static void ATH_NAME(reduce_row)(void *context, int64_t outer, int worker) {
  (void)worker;
  const ATH_NAME(reduce_plan) *plan = context;
  const int64_t inner = plan->args->inner;
  double *sums = (double *)plan->args->scratch + outer * plan->slots * inner, *next = sums + inner;
  ATH_NAME(reduce_part)(plan, outer, 0, sums);
  for (int64_t part = 1; part < plan->parts; ++part) {
    ATH_NAME(reduce_part)(plan, outer, part, next);
    for (int64_t i = 0; i < inner; ++i) sums[i] = ATH_NAME(reduce_join)(plan->args->function, sums[i], next[i]);
  }
}

/// Joins the parts that are not joined yet, in their order.
static void ATH_NAME(reduce_finish)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ATH_NAME(reduce_plan) *plan = context;
  const ath_reduce_args *args = plan->args;
  const int64_t inner = args->inner, parts = ATH_NAME(reduces_whole_rows)(args) ? 1 : plan->parts;
  const double divisor = args->function == ATH_REDUCE_MEAN ? (double)args->axis : 1;
  for (int64_t e = begin, run; e < end; e += run) {
    const int64_t first = e % inner;
    run = ath_min(inner - first, end - e);
    double *sums = (double *)args->scratch + e / inner * plan->slots * inner + first;
    ATH_REAL *y = (ATH_REAL *)args->y + e;
    for (int64_t p = 1; p < parts; ++p) {
      for (int64_t i = 0; i < run; ++i)
        sums[i] = ATH_NAME(reduce_join)(args->function, sums[i], sums[p * inner + i]);
    }
    for (int64_t i = 0; i < run; ++i) y[i] = (ATH_REAL)(sums[i] / divisor);
  }
}

static void ATH_NAME(reduce)(const ath_reduce_args *args, ath_pool *pool) {
  ATH_NAME(reduce_plan) plan = {.args = args, .parts = ATH_NAME(reduce_parts)(args)};
  plan.length = ath_divide_up(args->axis, plan.parts);
  while (plan.parts > 1 && (plan.parts - 1) * plan.length >= args->axis) --plan.parts; // rounding up left some empty
  const bool whole = ATH_NAME(reduces_whole_rows)(args);
  plan.slots = whole ? ATH_NAME(reduce_slots)(args) : plan.parts;
  const int64_t tasks = whole ? args->outer : args->outer * plan.parts;
  const ath_task task = whole ? ATH_NAME(reduce_row) : ATH_NAME(reduce_one_part);
  if (args->outer * args->axis * args->inner < ATH_POINTWISE_GRAIN) {
    for (int64_t index = 0; index < tasks; ++index) task(&plan, index, 0);
  } else {
    ath_pool_run(pool, tasks, task, &plan);
  }
  ath_run_ranges(pool, args->outer * args->inner, ATH_POINTWISE_GRAIN, ATH_NAME(reduce_finish), &plan);
}

static int64_t ATH_NAME(row_grain)(int64_t columns, int64_t grain) {
  return ath_max(1, grain / ath_max(1, columns));
}

static void ATH_NAME(arg_max_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_arg_max_args *args = context;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = (const ATH_REAL *)args->x + row * args->columns;
    int64_t best = 0;
    for (int64_t column = 1; column < args->columns; ++column) {
      if (x[column] > x[best] || (x[column] != x[column] && x[best] == x[best])) best = column;
    }
    args->y[row] = (int32_t)best;
  }
}

static void ATH_NAME(arg_max)(const ath_arg_max_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_POINTWISE_GRAIN), ATH_NAME(arg_max_rows), args);
}

static void ATH_NAME(one_hot_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_one_hot_args *args = context;
  for (int64_t row = begin; row < end; ++row) {
    ATH_REAL *y = (ATH_REAL *)args->y + row * args->columns;
    for (int64_t column = 0; column < args->columns; ++column) y[column] = 0;
    if (args->index[row] >= 0 && args->index[row] < args->columns) y[args->index[row]] = 1;
  }
}

static void ATH_NAME(one_hot)(const ath_one_hot_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_POINTWISE_GRAIN), ATH_NAME(one_hot_rows), args);
}

static void ATH_NAME(in_top_k_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_in_top_k_args *args = context;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = (const ATH_REAL *)args->x + row * args->columns;
    const int64_t wanted = args->index[row];
    bool in = wanted >= 0 && wanted < args->columns && isfinite(x[wanted]);
    if (in) {
      int64_t greater = 0;
      for (int64_t column = 0; column < args->columns; ++column) greater += x[column] > x[wanted];
      in = greater < args->k;
    }
    ((ATH_REAL *)args->y)[row] = in ? 1 : 0;
  }
}

static void ATH_NAME(in_top_k)(const ath_in_top_k_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_POINTWISE_GRAIN), ATH_NAME(in_top_k_rows), args);
}

typedef struct {
  const ATH_REAL *x;
  double *sums;
  int64_t *places;
} ATH_NAME(scan);

static void ATH_NAME(sum_of_squares_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ATH_NAME(scan) *scan = context;
  double lanes[8] = {0};
  int64_t e = begin;
  for (; e + 8 <= end; e += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += (double)scan->x[e + lane] * (double)scan->x[e + lane];
  }
  for (; e < end; ++e) lanes[0] += (double)scan->x[e] * (double)scan->x[e];
  scan->sums[index] = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static double ATH_NAME(sum_of_squares)(const ath_sum_of_squares_args *args, ath_pool *pool) {
  double sums[ATH_MAX_RANGES] = {0};
  ATH_NAME(scan) scan = {.x = args->x, .sums = sums};
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(sum_of_squares_range), &scan);
  double sum = 0;
  const int64_t ranges = ath_range_count(args->count, ATH_POINTWISE_GRAIN);
  for (int64_t r = 0; r < ranges; ++r) sum += sums[r];
  return sum;
}

static void ATH_NAME(first_non_finite_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ATH_NAME(scan) *scan = context;
  const int64_t block = 256; // x - x is 0 for finite x alone; a block is tested as a whole, which vectorises
  scan->places[index] = -1;
  for (int64_t first = begin; first < end; first += block) {
    const int64_t last = ath_min(first + block, end);
    int bad = 0;
    for (int64_t e = first; e < last; ++e) bad |= !(scan->x[e] - scan->x[e] == 0);
    if (!bad) continue;
    for (int64_t e = first; e < last; ++e) {
      if (scan->x[e] - scan->x[e] == 0) continue;
      scan->places[index] = e;
      return;
    }
  }
}

static int64_t ATH_NAME(first_non_finite)(const ath_first_non_finite_args *args, ath_pool *pool) {
  int64_t places[ATH_MAX_RANGES];
  ATH_NAME(scan) scan = {.x = args->x, .places = places};
  ath_run_ranges(pool, args->count, 2 * ATH_POINTWISE_GRAIN, ATH_NAME(first_non_finite_range), &scan);
  const int64_t ranges = ath_range_count(args->count, 2 * ATH_POINTWISE_GRAIN);
  for (int64_t r = 0; r < ranges; ++r) {
    if (places[r] >= 0) return places[r];
  }
  return -1;
}

/// Rows of outer begin ..< end; so many neighbouring sums at a time that they stay in registers.
static void ATH_NAME(cumulative_sum_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_cumulative_sum_args *args = context;
  enum { columns = 16 };
  for (int64_t o = begin; o < end; ++o) {
    for (int64_t first = 0; first < args->inner; first += columns) {
      const int64_t count = ath_min(columns, args->inner - first);
      double sums[columns] = {0};
      for (int64_t t = 0; t < args->axis; ++t) {
        const int64_t place = args->reverse ? args->axis - 1 - t : t;
        const int64_t offset = (o * args->axis + place) * args->inner + first;
        const ATH_REAL *x = (const ATH_REAL *)args->x + offset;
        ATH_REAL *y = (ATH_REAL *)args->y + offset;
        for (int64_t i = 0; i < count; ++i) {
          const double before = sums[i];
          sums[i] += (double)x[i];
          y[i] = (ATH_REAL)(args->exclusive ? before : sums[i]);
        }
      }
    }
  }
}

static void ATH_NAME(cumulative_sum)(const ath_cumulative_sum_args *args, ath_pool *pool) {
  const int64_t grain = ath_max(1, ATH_POINTWISE_GRAIN / ath_max(1, args->axis * args->inner));
  ath_run_ranges(pool, args->outer, grain, ATH_NAME(cumulative_sum_range), args);
}
