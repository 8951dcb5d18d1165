// The inner loop of the gradients behind max-pooling, where few numbers of dy are not zero: a sum over a list.
//
//     result[r][:] += sum over e of values[e] * source[r * source_row + offsets[e] ...][:]     (r: rows, [:]: floats)
//
//   weight gradient   one filter's list: the places where it has a gradient.   source: x at that place
//   input gradient    one pixel's list: the filters that have one there.       source: that filter's weights
//
// The sum starts from zero and is added to the result at the end: a short chain rounds less than a long one.

typedef struct {
  const float *values;
  const int32_t *offsets;
  int64_t count;
  const float *source;
  int64_t source_row;
  bool source_whole; // whole vectors may be read from the source; else memory behind `floats` is not touched
  float *result;
  int64_t result_row;
  int64_t rows, floats;
} ATH_NAME(sparse_job);

/// Always called with constant counts, so that every accumulator is a register.
ATH_INLINE void ATH_NAME(sparse_tile)(const int r_count, const int v_count, const ATH_NAME(sparse_job) * job) {
  vf sums[5][12];
  ATH_UNROLL for (int r = 0; r < r_count; ++r) {
    ATH_UNROLL for (int v = 0; v < v_count; ++v) sums[r][v] = (vf){0};
  }
  const int64_t tail = job->floats - (v_count - 1) * ATH_LANES; // lanes of the last vector
  const bool whole = tail == ATH_LANES;
  const float *source = job->source;
  const int64_t source_row = job->source_row, count = job->count;
  if (whole || job->source_whole) {
    for (int64_t e = 0; e < count; ++e) {
      const vf value = vf_splat(job->values[e]);
      const float *from = source + job->offsets[e];
      ATH_UNROLL for (int r = 0; r < r_count; ++r) {
        ATH_UNROLL for (int v = 0; v < v_count; ++v) sums[r][v] +=
            value * vf_load(from + r * source_row + v * ATH_LANES);
      }
    }
  } else {
    for (int64_t e = 0; e < count; ++e) {
      const vf value = vf_splat(job->values[e]);
      const float *from = source + job->offsets[e];
      ATH_UNROLL for (int r = 0; r < r_count; ++r) {
        ATH_UNROLL for (int v = 0; v < v_count - 1; ++v) {
          sums[r][v] += value * vf_load(from + r * source_row + v * ATH_LANES);
        }
        sums[r][v_count - 1] += value * vf_load_part(from + r * source_row + (v_count - 1) * ATH_LANES, tail);
      }
    }
  }
  ATH_UNROLL for (int r = 0; r < r_count; ++r) {
    float *to = job->result + r * job->result_row;
    ATH_UNROLL for (int v = 0; v < v_count - 1; ++v) {
      vf_store(to + v * ATH_LANES, vf_load(to + v * ATH_LANES) + sums[r][v]);
    }
    float *last = to + (v_count - 1) * ATH_LANES;
    if (whole) {
      vf_store(last, vf_load(last) + sums[r][v_count - 1]);
    } else {
      vf_store_part(last, vf_load_part(last, tail) + sums[r][v_count - 1], tail);
    }
  }
}

typedef void (*ATH_NAME(sparse_function))(const ATH_NAME(sparse_job) * job);

#define ATH_SPARSE_NAME(r, v) ATH_NAME(sparse_tile##r##x##v)
#define ATH_DEFINE_SPARSE(r, v)                                                                                        \
  static __attribute__((noinline)) void ATH_SPARSE_NAME(r, v)(const ATH_NAME(sparse_job) * job) {                      \
    ATH_NAME(sparse_tile)(r, v, job);                                                                                  \
  }
#define ATH_DEFINE_SPARSE_ROWS(v) ATH_DEFINE_SPARSE(1, v) ATH_DEFINE_SPARSE(3, v) ATH_DEFINE_SPARSE(5, v)
#define ATH_SPARSE_ROWS(v) {NULL, ATH_SPARSE_NAME(1, v), NULL, ATH_SPARSE_NAME(3, v), NULL, ATH_SPARSE_NAME(5, v)}

ATH_DEFINE_SPARSE_ROWS(1)
ATH_DEFINE_SPARSE_ROWS(2)
ATH_DEFINE_SPARSE(1, 3)
ATH_DEFINE_SPARSE(3, 3)
ATH_DEFINE_SPARSE(1, 4)
ATH_DEFINE_SPARSE(3, 4)
ATH_DEFINE_SPARSE(1, 5)
ATH_DEFINE_SPARSE(1, 6)
ATH_DEFINE_SPARSE(1, 7)
ATH_DEFINE_SPARSE(1, 8)
ATH_DEFINE_SPARSE(1, 9)
ATH_DEFINE_SPARSE(1, 10)
ATH_DEFINE_SPARSE(1, 11)
ATH_DEFINE_SPARSE(1, 12)
#if ATH_REGISTERS >= 32
ATH_DEFINE_SPARSE(5, 3)
ATH_DEFINE_SPARSE(5, 4)
ATH_DEFINE_SPARSE(3, 5)
ATH_DEFINE_SPARSE(3, 6)
ATH_DEFINE_SPARSE(3, 7)
ATH_DEFINE_SPARSE(3, 8)
#define ATH_SPARSE_WIDE(r, v) ATH_SPARSE_NAME(r, v)
#else
#define ATH_SPARSE_WIDE(r, v) NULL
#endif

enum { ATH_NAME(sparse_vectors) = 12 };
static const ATH_NAME(sparse_function) ATH_NAME(sparse_tiles)[ATH_NAME(sparse_vectors) + 1][6] = {
    {NULL},
    ATH_SPARSE_ROWS(1),
    ATH_SPARSE_ROWS(2),
    {NULL, ATH_SPARSE_NAME(1, 3), NULL, ATH_SPARSE_NAME(3, 3), NULL, ATH_SPARSE_WIDE(5, 3)},
    {NULL, ATH_SPARSE_NAME(1, 4), NULL, ATH_SPARSE_NAME(3, 4), NULL, ATH_SPARSE_WIDE(5, 4)},
    {NULL, ATH_SPARSE_NAME(1, 5), NULL, ATH_SPARSE_WIDE(3, 5)},
    {NULL, ATH_SPARSE_NAME(1, 6), NULL, ATH_SPARSE_WIDE(3, 6)},
    {NULL, ATH_SPARSE_NAME(1, 7), NULL, ATH_SPARSE_WIDE(3, 7)},
    {NULL, ATH_SPARSE_NAME(1, 8), NULL, ATH_SPARSE_WIDE(3, 8)},
    {NULL, ATH_SPARSE_NAME(1, 9)},
    {NULL, ATH_SPARSE_NAME(1, 10)},
    {NULL, ATH_SPARSE_NAME(1, 11)},
    {NULL, ATH_SPARSE_NAME(1, 12)},
};

/// Any number of rows and floats, cut into tiles.
static void ATH_NAME(sparse_sum)(const ATH_NAME(sparse_job) * all) {
  const int64_t vectors = ath_divide_up(all->floats, ATH_LANES);
  const int64_t panels = ath_divide_up(vectors, ATH_NAME(sparse_vectors));
  for (int64_t panel = 0; panel < panels; ++panel) {
    const int64_t begin = panel * vectors / panels, end = (panel + 1) * vectors / panels, first = begin * ATH_LANES;
    ATH_NAME(sparse_job) job = *all;
    job.floats = ath_min((end - begin) * ATH_LANES, all->floats - first);
    const ATH_NAME(sparse_function) *tiles = ATH_NAME(sparse_tiles)[end - begin];
    for (int64_t row = 0; row < all->rows;) {
      const int64_t rest = all->rows - row;
      const int64_t rows = rest >= 5 && tiles[5] ? 5 : rest >= 3 && tiles[3] ? 3 : 1;
      job.source = all->source + first + row * all->source_row;
      job.result = all->result + first + row * all->result_row;
      tiles[rows](&job);
      row += rows;
    }
  }
}
