// The engine under the forward pass and the input gradient: a convolution from a source to outputs, in parallel over bands
// of images or rows, region by region.

#define ATH_WORKER_FLOATS (ATH_WORKER_BYTES / sizeof(float))

enum { ATH_NAME(conv_pixels) = 240 }; // pixels whose pointers a block holds at most

typedef struct {
  ATH_NAME(axis) rows, columns;
  int64_t n, groups;
  int64_t source_channels, output_channels; // of all groups
  const float *source;                      // [n, rows.source, columns.source, source_channels]
  const float *weights;                     // [taps, source_channels / groups, output_channels], if not packed
  const float *packed;                      // [groups][panels of all steps]
  const float *initial;                     // [groups][whole vectors], or NULL
  const float *winograd;                    // weights transformed for 3x3 kernels, or NULL
  bool depthwise; // weights as they are given, whichever way: [taps, channels]; initial: [channels]
  bool relu, prefetches;
  float *outputs;              // [n, rows.outputs, columns.outputs, output_channels]
  int64_t images, rows_of_one; // of a band: several whole images, or some rows of one
  ath_pool *pool;
} ATH_NAME(convolution);

/// The outputs begin ..< end (rows) of some images, and where they go: row `begin` of the first image comes first.
typedef struct {
  int64_t image, images, begin, end;
  float *outputs;
  int64_t image_step; // floats
} ATH_NAME(part);

/// The pixels of one region of a part.
typedef struct {
  const ATH_NAME(part) * part;
  ATH_NAME(stretch) rows, columns;
} ATH_NAME(region);

/// One group's channels of a block of pixels whose pointers are given.
static void ATH_NAME(convolve_group)(const ATH_NAME(convolution) * conv, const ATH_NAME(region) * region, int64_t group,
                                     const float *const *rows, float *const *results, int64_t count) {
  const int64_t group_in = conv->source_channels / conv->groups, group_out = conv->output_channels / conv->groups;
  const int64_t width = ath_round_up(group_out, ATH_LANES);
  const int64_t row_floats = conv->columns.source * conv->source_channels;
  const ATH_NAME(stretch) *r = &region->rows, *t = &region->columns;
  // Neighbouring taps read neighbouring floats: one long run instead of one per tap.
  const bool joined = t->source_tap == 1 && t->tap_step == 1 && conv->groups == 1;
  ATH_NAME(walk) walk = {.middle = joined ? 1 : t->taps, .inner = joined ? t->taps * group_in : group_in, .a_inner = 1};
  walk.a_outer = r->source_tap * row_floats;
  walk.a_middle = t->source_tap * conv->source_channels;
  walk.b_outer = r->tap_step * conv->columns.taps * group_in;
  walk.b_middle = t->tap_step * group_in;
  const int64_t steps = conv->rows.taps * conv->columns.taps * group_in; // of all taps
  ATH_NAME(operand) b = {.step = conv->output_channels, .steps = steps, .packed = conv->packed != NULL};
  b.data = b.packed ? conv->packed + group * steps * width : conv->weights + group * group_out;
  // Kernel rows are taken a few at a time, so that their share of a panel stays in the second-level cache.
  const int64_t few = ath_max(1, 1024 / ath_max(1, t->taps * group_in));
  int64_t done = 0;
  do {
    walk.outer = ath_min(few, r->taps - done);
    b.first_step = ((r->tap + done * r->tap_step) * conv->columns.taps + t->tap) * group_in;
    ATH_NAME(tile_job) job = {.walk = walk, .a_offset = group * group_in + done * walk.a_outer,
                              .c_offset = group * group_out, .columns = group_out,
                              .initial = conv->initial ? conv->initial + group * width : NULL, .accumulate = done > 0};
    // The kernel row furthest down is the one whose pixels no tile has read yet. Worth it when they come from memory.
    job.ahead_offset = group * group_in + ath_max(0, walk.a_outer * (r->taps - 1));
    job.ahead_floats = conv->prefetches ? group_in : 0;
    done += walk.outer;
    job.relu = conv->relu && done >= r->taps;
    ATH_NAME(multiply_block)(rows, results, count, &job, &b);
  } while (done < r->taps);
}

/// All channels of a block of pixels of a depthwise convolution.
static void ATH_NAME(convolve_depthwise)(const ATH_NAME(convolution) * conv, const ATH_NAME(region) * region,
                                         const float *const *rows, float *const *results, int64_t count) {
  const ATH_NAME(stretch) *r = &region->rows, *t = &region->columns;
  const int64_t channels = conv->source_channels, weights_row = conv->columns.taps * channels;
  const ATH_NAME(depthwise_job) job = {
      .rows = t->taps > 0 ? r->taps : 0, .columns = t->taps,
      .source_row = r->source_tap * conv->columns.source * channels, .source_column = t->source_tap * channels,
      .weights_row = r->tap_step * weights_row, .weights_column = t->tap_step * channels,
      .weights = conv->weights + r->tap * weights_row + t->tap * channels,
      .initial = conv->initial, .relu = conv->relu, .channels = channels};
  ATH_NAME(depthwise_pixels)(&job, rows, results, count);
}

static void ATH_NAME(convolve_region)(const ATH_NAME(convolution) * conv, const ATH_NAME(region) * region) {
  const ATH_NAME(stretch) *r = &region->rows, *t = &region->columns;
  const int64_t source_row = conv->columns.source * conv->source_channels;
  const int64_t output_row = conv->columns.outputs * conv->output_channels;
  const int64_t source_pixel = t->source_step * conv->source_channels, output_pixel = t->step * conv->output_channels;
  const float *rows[ATH_NAME(conv_pixels)];
  float *results[ATH_NAME(conv_pixels)];
  const ATH_NAME(part) *part = region->part;
  const int64_t pixels = part->images * r->count * t->count, blocks = ath_divide_up(pixels, ATH_NAME(conv_pixels));
  int64_t image = part->image, i = 0, j = 0;
  const float *from = NULL;
  float *to = NULL;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t count = (block + 1) * pixels / blocks - block * pixels / blocks;
    for (int64_t p = 0; p < count; ++p) {
      if (j == 0) {
        from = conv->source + (image * conv->rows.source + r->source + i * r->source_step) * source_row +
               t->source * conv->source_channels;
        to = part->outputs + (image - part->image) * part->image_step +
             (r->first + i * r->step - part->begin) * output_row + t->first * conv->output_channels;
      }
      rows[p] = from + j * source_pixel;
      results[p] = to + j * output_pixel;
      if (++j < t->count) continue;
      j = 0;
      if (++i < r->count) continue;
      i = 0;
      ++image;
    }
    if (conv->depthwise) {
      ATH_NAME(convolve_depthwise)(conv, region, rows, results, count);
      continue;
    }
    for (int64_t group = 0; group < conv->groups; ++group) {
      ATH_NAME(convolve_group)(conv, region, group, rows, results, count);
    }
  }
}

/// Computes a part: by tiles of Winograd's, or by regions, the pairs of a stretch of rows and a stretch of columns.
static void ATH_NAME(convolve_part)(const ATH_NAME(convolution) * conv, const ATH_NAME(part) * part, float *buffer,
                                    int64_t room) {
  if (conv->winograd) {
    const ATH_NAME(winograd) job = {
        .source = conv->source, .h = conv->rows.source, .w = conv->columns.source, .ci = conv->source_channels,
        .co = conv->output_channels, .pad_top = conv->rows.pad, .pad_left = conv->columns.pad,
        .weights = conv->winograd, .initial = conv->initial, .relu = conv->relu, .outputs_w = conv->columns.outputs,
        .outputs = part->outputs, .image_step = part->image_step, .first_row = part->begin};
    ATH_NAME(winograd_part)(&job, part->image, part->images, part->begin, part->end, buffer, room);
    return;
  }
  ATH_NAME(region) region = {.part = part};
  for (int64_t row_phase = 0; row_phase < ATH_NAME(phases)(&conv->rows); ++row_phase) {
    for (int64_t row = part->begin + row_phase; row < part->end; row += region.rows.count * region.rows.step) {
      region.rows = ATH_NAME(stretch_at)(&conv->rows, row, part->end);
      for (int64_t phase = 0; phase < ATH_NAME(phases)(&conv->columns); ++phase) {
        for (int64_t column = phase; column < conv->columns.outputs;
             column += region.columns.count * region.columns.step) {
          region.columns = ATH_NAME(stretch_at)(&conv->columns, column, conv->columns.outputs);
          ATH_NAME(convolve_region)(conv, &region);
        }
      }
    }
  }
}

/// Index: a band.
static void ATH_NAME(convolve_band)(void *context, int64_t index, int worker) {
  const ATH_NAME(convolution) *conv = context;
  const int64_t parts = ath_divide_up(conv->rows.outputs, conv->rows_of_one);
  const int64_t row = conv->columns.outputs * conv->output_channels;
  ATH_NAME(part) part = {.image = index / parts * conv->images, .image_step = conv->rows.outputs * row};
  part.images = ath_min(conv->images, conv->n - part.image);
  part.begin = index % parts * conv->rows_of_one;
  part.end = ath_min(part.begin + conv->rows_of_one, conv->rows.outputs);
  part.outputs = conv->outputs + part.image * part.image_step + part.begin * row;
  ATH_NAME(convolve_part)(conv, &part, ath_pool_buffer(conv->pool, worker), ATH_WORKER_FLOATS);
}

/// Work below this many multiplications is not worth waking a thread for.
#define ATH_SMALL_WORK 20000

static void ATH_NAME(convolve)(ATH_NAME(convolution) * conv, ath_pool *pool) {
  conv->pool = pool;
  const int64_t taps = ath_divide_up(conv->rows.taps * conv->columns.taps,
                                     ATH_NAME(phases)(&conv->rows) * ATH_NAME(phases)(&conv->columns));
  const int64_t work = conv->n * conv->rows.outputs * conv->columns.outputs * taps *
                       (conv->source_channels / conv->groups) * conv->output_channels;
  // About a million multiplications to a band, in 64 bands if that is less. Several images in a band fill the tiles of its
  // small regions at the border, but the band should stay in the second-level cache while its regions pass over it.
  const int64_t wanted = ath_min(64, ath_max(1, work / 1000000));
  const int64_t image_floats = conv->rows.source * conv->columns.source * conv->source_channels +
                               conv->rows.outputs * conv->columns.outputs * conv->output_channels;
  const int64_t fitting = ath_max(1, (int64_t)ATH_WORKER_FLOATS / ath_max(1, image_floats));
  conv->prefetches = conv->n * image_floats > 8 * 1024 * 1024;
  conv->images = ath_max(1, ath_min(ath_max(conv->n / wanted, ath_min(6, conv->n / 16)), fitting));
  conv->rows_of_one = conv->rows.outputs;
  if (conv->n < wanted && conv->images == 1) {
    conv->rows_of_one = ath_round_up(ath_divide_up(conv->rows.outputs * conv->n, wanted), 2);
  }
  const int64_t bands =
      ath_divide_up(conv->n, conv->images) * ath_divide_up(conv->rows.outputs, conv->rows_of_one);
  if (work < ATH_SMALL_WORK) {
    for (int64_t band = 0; band < bands; ++band) ATH_NAME(convolve_band)(conv, band, 0);
  } else {
    ath_pool_run(pool, bands, ATH_NAME(convolve_band), conv);
  }
}
