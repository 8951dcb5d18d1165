// The one inner loop of convolutions and matrix products.
//
// A tile is P rows by V vectors of columns of c, kept in P * V registers while a three-level walk over the summed index
// runs. Row p reads its own pointer, one float a step; all rows share V vectors of b a step:
//
//     for o, m, i:  c[p][:] += rows[p][o * a_outer + m * a_middle + i * a_inner] * b[o * b_outer + m * b_middle + i][:]
//
//   convolution forward   row: a pixel of y.           steps: kernel row, kernel column, input channel
//   its input gradient    row: a pixel of dx.          steps: kernel row, kernel column, output channel
//   its weight gradient   row: a place of the kernel.  steps: image, row of pixels, pixel
//   matrix product        row: a row of a.             steps: k
//
// The layout is that of the BLIS framework (Van Zee and van de Geijn 2015) without its packing of a.

typedef struct {
  int64_t outer, middle, inner;       // numbers of steps
  int64_t a_outer, a_middle, a_inner; // how far a row's pointer moves at each level, in floats
  int64_t b_outer, b_middle;          // how far b moves, in steps; at the inner level it moves one
} ATH_NAME(walk);

typedef struct {
  ATH_NAME(walk) walk;
  int64_t a_offset; // added to every row's pointer
  const float *b;
  int64_t b_step;       // floats from one step to the next
  int64_t c_offset;     // added to every row's pointer into c
  int64_t columns;      // valid columns: those of the last vector may be fewer than ATH_LANES
  const float *initial; // what c begins with, padded to whole vectors; NULL: 0
  bool accumulate;      // c begins with what it holds
  bool relu;
  int64_t ahead_offset, ahead_floats; // what to prefetch of each row of the tile after next
} ATH_NAME(tile_job);

#if ATH_REGISTERS >= 32
#define ATH_TILE_VECTORS 4
#else
#define ATH_TILE_VECTORS 2
#endif
#define ATH_TILE_ROWS 8 // more rows have no general registers left for their pointers (x86: 15 in all)

/// Rows of a tile by its vectors: accumulators, one step's vectors of b and one broadcast value fill the registers.
static const int ATH_NAME(tile_rows)[5] = {0, 8, ATH_REGISTERS >= 32 ? 8 : 6, 8, 6};

/// The sums of one tile. Always called with constant p_count and v_count, so that every accumulator has a constant place: a
/// register.
ATH_INLINE void ATH_NAME(tile_sums)(const int p_count, const int v_count, const float *const *rows,
                                    const ATH_NAME(tile_job) * job, vf sums[ATH_TILE_ROWS][ATH_TILE_VECTORS]) {
  const float *x[ATH_TILE_ROWS];
  ATH_UNROLL for (int p = 0; p < p_count; ++p) {
    x[p] = rows[p] + job->a_offset;
    ATH_UNROLL for (int v = 0; v < v_count; ++v) sums[p][v] = (vf){0};
  }
  const int64_t a_inner = job->walk.a_inner, b_step = job->b_step, inner = job->walk.inner;
  for (int64_t o = 0; o < job->walk.outer; ++o) {
    for (int64_t m = 0; m < job->walk.middle; ++m) {
      int64_t place = o * job->walk.a_outer + m * job->walk.a_middle;
      const float *b = job->b + (o * job->walk.b_outer + m * job->walk.b_middle) * b_step;
      for (int64_t i = 0; i < inner; ++i) {
        vf step[ATH_TILE_VECTORS];
        ATH_UNROLL for (int v = 0; v < v_count; ++v) step[v] = vf_load(b + v * ATH_LANES);
        ATH_UNROLL for (int p = 0; p < p_count; ++p) {
          const vf value = vf_splat(x[p][place]);
          ATH_UNROLL for (int v = 0; v < v_count; ++v) sums[p][v] += value * step[v];
        }
        place += a_inner;
        b += b_step;
        // Hides from the compiler that `place` grows evenly. It would keep and advance one pointer per row instead, and
        // spill them.
        __asm__("" : "+r"(place));
      }
    }
  }
}

/// Constants likewise.
ATH_INLINE void ATH_NAME(tile)(const int p_count, const int v_count, const float *const *rows,
                               float *const *results, const ATH_NAME(tile_job) * job) {
  vf sums[ATH_TILE_ROWS][ATH_TILE_VECTORS];
  const int64_t tail = job->columns - (v_count - 1) * ATH_LANES; // lanes of the last vector
  const bool whole = tail == ATH_LANES;
  ATH_NAME(tile_sums)(p_count, v_count, rows, job, sums);
  // What c begins with is added last: a stretch of steps that is summed on its own rounds less than one long chain.
  if (job->accumulate) {
    ATH_UNROLL for (int p = 0; p < p_count; ++p) {
      const float *c = results[p] + job->c_offset;
      ATH_UNROLL for (int v = 0; v < v_count - 1; ++v) sums[p][v] += vf_load(c + v * ATH_LANES);
      const float *last = c + (v_count - 1) * ATH_LANES;
      sums[p][v_count - 1] += whole ? vf_load(last) : vf_load_part(last, tail);
    }
  } else if (job->initial) {
    ATH_UNROLL for (int v = 0; v < v_count; ++v) {
      const vf value = vf_load(job->initial + v * ATH_LANES);
      ATH_UNROLL for (int p = 0; p < p_count; ++p) sums[p][v] += value;
    }
  }
  if (job->relu) {
    ATH_UNROLL for (int p = 0; p < p_count; ++p) {
      ATH_UNROLL for (int v = 0; v < v_count; ++v) sums[p][v] = vf_relu(sums[p][v]);
    }
  }
  ATH_UNROLL for (int p = 0; p < p_count; ++p) {
    float *c = results[p] + job->c_offset;
    ATH_UNROLL for (int v = 0; v < v_count - 1; ++v) vf_store(c + v * ATH_LANES, sums[p][v]);
    float *last = c + (v_count - 1) * ATH_LANES;
    if (whole) {
      vf_store(last, sums[p][v_count - 1]);
    } else {
      vf_store_part(last, sums[p][v_count - 1], tail);
    }
  }
}

typedef void (*ATH_NAME(tile_function))(const float *const *rows, float *const *results,
                                        const ATH_NAME(tile_job) * job);

#define ATH_TILE_NAME(p, v) ATH_NAME(tile##p##x##v)
#define ATH_DEFINE_TILE(p, v)                                                                                          \
  static __attribute__((noinline)) void ATH_TILE_NAME(p, v)(const float *const *rows, float *const *results,           \
                                                            const ATH_NAME(tile_job) * job) {                          \
    ATH_NAME(tile)(p, v, rows, results, job);                                                                          \
  }
#define ATH_DEFINE_TILES(v)                                                                                             \
  ATH_DEFINE_TILE(1, v)                                                                                                \
  ATH_DEFINE_TILE(2, v)                                                                                                \
  ATH_DEFINE_TILE(3, v)                                                                                                \
  ATH_DEFINE_TILE(4, v)                                                                                                \
  ATH_DEFINE_TILE(5, v)                                                                                                \
  ATH_DEFINE_TILE(6, v)
#define ATH_TILES(v)                                                                                                   \
  NULL, ATH_TILE_NAME(1, v), ATH_TILE_NAME(2, v), ATH_TILE_NAME(3, v), ATH_TILE_NAME(4, v), ATH_TILE_NAME(5, v),       \
      ATH_TILE_NAME(6, v)

ATH_DEFINE_TILES(1)
ATH_DEFINE_TILE(7, 1)
ATH_DEFINE_TILE(8, 1)
ATH_DEFINE_TILES(2)
#if ATH_REGISTERS >= 32
ATH_DEFINE_TILE(7, 2)
ATH_DEFINE_TILE(8, 2)
ATH_DEFINE_TILES(3)
ATH_DEFINE_TILE(7, 3)
ATH_DEFINE_TILE(8, 3)
ATH_DEFINE_TILES(4)
#endif

static const ATH_NAME(tile_function) ATH_NAME(tiles)[5][ATH_TILE_ROWS + 1] = {
    {NULL},
    {ATH_TILES(1), ATH_TILE_NAME(7, 1), ATH_TILE_NAME(8, 1)},
#if ATH_REGISTERS >= 32
    {ATH_TILES(2), ATH_TILE_NAME(7, 2), ATH_TILE_NAME(8, 2)},
    {ATH_TILES(3), ATH_TILE_NAME(7, 3), ATH_TILE_NAME(8, 3)},
    {ATH_TILES(4)},
#else
    {ATH_TILES(2)},
#endif
};
