// A block of c: any number of rows by any number of columns, cut into tiles of even size.

/// The columns of b in panels of at most ATH_TILE_VECTORS vectors, as even as possible (five vectors are 3 + 2, because a
/// panel of one vector has too few accumulators to hide the latency of an FMA).
typedef struct {
  int64_t vectors, panels;
} ATH_NAME(panels);

static ATH_NAME(panels) ATH_NAME(panels_for)(int64_t columns) {
  const int64_t vectors = ath_divide_up(columns, ATH_LANES);
  return (ATH_NAME(panels)){vectors, ath_divide_up(vectors, ATH_TILE_VECTORS)};
}

/// The first vector of a panel; that of `panels` is the number of vectors.
static int64_t ATH_NAME(panel_begin)(const ATH_NAME(panels) * p, int64_t panel) {
  return panel * p->vectors / p->panels;
}

/// b[steps, columns] for a block. Packed: panel after panel, each [steps, its vectors]. Else row-major, b_step apart, and
/// `columns` must be whole vectors.
typedef struct {
  const float *data;
  bool packed;
  int64_t step;  // unpacked: floats from one step to the next
  int64_t steps; // packed: how many steps a panel holds
  int64_t first_step; // where this stretch of steps begins
} ATH_NAME(operand);

/// Panel `panel` of some rows. results: column 0 of each row of c; initial: column 0 too.
static void ATH_NAME(multiply_panel)(const float *const *rows, float *const *results, int64_t count,
                                     const ATH_NAME(tile_job) * block, const ATH_NAME(operand) * b,
                                     const ATH_NAME(panels) * panels, int64_t panel) {
  const int64_t begin = ATH_NAME(panel_begin)(panels, panel), end = ATH_NAME(panel_begin)(panels, panel + 1);
  const int64_t first = begin * ATH_LANES, vectors = end - begin;
  ATH_NAME(tile_job) job = *block;
  job.columns = ath_min(vectors * ATH_LANES, block->columns - first);
  job.b_step = b->packed ? vectors * ATH_LANES : b->step;
  job.b = b->data + (b->packed ? first * b->steps : first) + b->first_step * job.b_step;
  job.c_offset = block->c_offset + first;
  if (block->initial) job.initial = block->initial + first;
  const int64_t tiles = ath_divide_up(count, ATH_NAME(tile_rows)[vectors]);
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t row = t * count / tiles, next = (t + 1) * count / tiles;
    if (block->ahead_floats > 0) {
      const int64_t stop = ath_min(count, 3 * next - 2 * row);
      for (int64_t p = 2 * next - row; p < stop; ++p) {
        const float *from = rows[p] + block->ahead_offset;
        for (int64_t f = 0; f < block->ahead_floats; f += 16) __builtin_prefetch(from + f, 0, 3);
      }
    }
    ATH_NAME(tiles)[vectors][next - row](rows + row, results + row, &job);
  }
}

static void ATH_NAME(multiply_block)(const float *const *rows, float *const *results, int64_t count,
                                     const ATH_NAME(tile_job) * block, const ATH_NAME(operand) * b) {
  const ATH_NAME(panels) panels = ATH_NAME(panels_for)(block->columns);
  for (int64_t panel = 0; panel < panels.panels; ++panel) {
    ATH_NAME(multiply_panel)(rows, results, count, block, b, &panels, panel);
  }
}
