// Packing: a panel of b as the tiles read it, one step after the other, each of whole vectors.

/// steps rows of `columns` floats, `source_step` apart, into rows of `width` floats with zeros behind.
static void ATH_NAME(pack_panel)(const float *source, int64_t source_step, int64_t steps, int64_t columns, int64_t width,
                                 float *panel) {
  for (int64_t step = 0; step < steps; ++step) {
    const float *from = source + step * source_step;
    float *to = panel + step * width;
    int64_t column = 0;
    for (; column + ATH_LANES <= columns; column += ATH_LANES) vf_store(to + column, vf_load(from + column));
    for (; column < width; column += ATH_LANES) {
      vf_store(to + column, vf_load_part(from + column, ath_max(0, columns - column)));
    }
  }
}

/// Transposes a square of ATH_LANES vectors: interleaving the first half of the rows with the second, log2 of the rows
/// times, moves row i's lane j to row j's lane i (the perfect shuffle; Stone 1971).
ATH_INLINE void ATH_NAME(transpose)(vf rows[ATH_LANES]) {
  ATH_UNROLL for (int round = 1; round < ATH_LANES; round *= 2) {
    vf mixed[ATH_LANES];
    ATH_UNROLL for (int i = 0; i < ATH_LANES / 2; ++i) {
      mixed[2 * i] = vf_interleave_low(rows[i], rows[i + ATH_LANES / 2]);
      mixed[2 * i + 1] = vf_interleave_high(rows[i], rows[i + ATH_LANES / 2]);
    }
    ATH_UNROLL for (int i = 0; i < ATH_LANES; ++i) rows[i] = mixed[i];
  }
}

/// The same from the transpose: column j of the panel is contiguous, `column_step` after column j - 1.
static void ATH_NAME(pack_panel_transposed)(const float *source, int64_t column_step, int64_t steps, int64_t columns,
                                            int64_t width, float *panel) {
  for (int64_t column = 0; column < width; column += ATH_LANES) {
    const float *from = source + column * column_step;
    for (int64_t step = 0; step < steps; step += ATH_LANES) {
      vf square[ATH_LANES];
      const int64_t here = ath_min(ATH_LANES, steps - step);
      const bool whole = here == ATH_LANES && column + ATH_LANES <= columns;
      if (whole) {
        ATH_UNROLL for (int lane = 0; lane < ATH_LANES; ++lane) square[lane] = vf_load(from + lane * column_step + step);
      } else {
        for (int lane = 0; lane < ATH_LANES; ++lane) {
          const bool exists = column + lane < columns;
          square[lane] = exists ? vf_load_part(from + lane * column_step + step, here) : (vf){0};
        }
      }
      ATH_NAME(transpose)(square);
      float *to = panel + step * width + column;
      if (whole) {
        ATH_UNROLL for (int lane = 0; lane < ATH_LANES; ++lane) vf_store(to + lane * width, square[lane]);
      } else {
        for (int64_t lane = 0; lane < here; ++lane) vf_store(to + lane * width, square[lane]);
      }
    }
  }
}
