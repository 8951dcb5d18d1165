// Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016): a tile of 2x2
// outputs of a 3x3 kernel with 16 multiplications for each pair of channels instead of 36.
//
//     Y = A' ((G g G') . (B' d B)) A      d: the 4x4 source pixels of a tile, g: the 3x3 weights, ' : transposed
//
//     B' = 1  0 -1  0     G =  1    0    0      A' = 1  1  1  0
//          0  1  1  0         1/2  1/2  1/2          0  1 -1 -1
//          0 -1  1  0         1/2 -1/2  1/2
//          0  1  0 -1          0    0    1
//
// Tiles are taken some at a time: transformed sources [tile][16][channels], then for each of the 16 places one matrix
// product with that place's weights, giving [tile][16][outputs], all in the worker's buffer. Factors are 1 and 1/2
// alone, so that results are about as exact as the direct computation's.

enum {
  ATH_NAME(winograd_tiles) = 48,       // at a time at most
  ATH_NAME(winograd_least_tiles) = 12, // fewer do not pay
};

/// Floats from one tile's 16 vectors of channels to the next tile's; a vector more than 16, so that not all tiles fall
/// onto the same sets of the first-level cache.
static int64_t ATH_NAME(winograd_step)(int64_t channels) {
  return 16 * ath_round_up(channels, ATH_LANES) + 16;
}

/// How many tiles go into a buffer of `room` floats.
static int64_t ATH_NAME(winograd_fitting)(int64_t source_channels, int64_t output_channels, int64_t room) {
  const int64_t zeros = ath_round_up(source_channels, ATH_LANES);
  return (room - zeros) / (ATH_NAME(winograd_step)(source_channels) + ATH_NAME(winograd_step)(output_channels));
}

/// Where it is faster: channels enough that products outweigh the transforms, and few enough for the buffer.
static bool ATH_NAME(winograd_suits)(const ath_conv2d_shape *s, int64_t room) {
  return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 && s->dilation_w == 1 &&
         s->groups == 1 && s->ci >= 16 && s->co >= 16 && s->oh >= 2 && s->ow >= 2 &&
         ATH_NAME(winograd_fitting)(s->ci, s->co, room) >= ATH_NAME(winograd_least_tiles);
}

static int64_t ATH_NAME(winograd_weight_floats)(const ath_conv2d_shape *s) {
  return 16 * s->ci * ath_round_up(s->co, ATH_LANES);
}

ATH_INLINE void ATH_NAME(winograd_weight_line)(vf a, vf b, vf c, vf out[4]) {
  out[0] = a;
  out[1] = (a + b + c) * 0.5f;
  out[2] = (a - b + c) * 0.5f;
  out[3] = c;
}

typedef struct {
  const ath_conv2d_shape *shape;
  const float *weights; // [3, 3, ci, co]
  float *transformed;   // [16][panels of ci steps]
} ATH_NAME(winograd_weights);

/// Index: a panel of output channels.
static void ATH_NAME(transform_weights)(void *context, int64_t panel, int worker) {
  (void)worker;
  const ATH_NAME(winograd_weights) *w = context;
  const int64_t ci = w->shape->ci, co = w->shape->co;
  const ATH_NAME(panels) panels = ATH_NAME(panels_for)(co);
  const int64_t begin = ATH_NAME(panel_begin)(&panels, panel) * ATH_LANES;
  const int64_t width = ATH_NAME(panel_begin)(&panels, panel + 1) * ATH_LANES - begin;
  for (int64_t c = 0; c < ci; ++c) {
    for (int64_t k = 0; k < width; k += ATH_LANES) {
      vf lines[3][4], columns[4];
      ATH_UNROLL for (int r = 0; r < 3; ++r) {
        vf g[3];
        ATH_UNROLL for (int t = 0; t < 3; ++t) {
          const float *from = w->weights + ((r * 3 + t) * ci + c) * co + begin + k;
          const int64_t lanes = co - begin - k;
          g[t] = lanes >= ATH_LANES ? vf_load(from) : vf_load_part(from, ath_max(0, lanes));
        }
        ATH_NAME(winograd_weight_line)(g[0], g[1], g[2], lines[r]);
      }
      float *to = w->transformed + begin * ci + c * width + k;
      ATH_UNROLL for (int t = 0; t < 4; ++t) {
        ATH_NAME(winograd_weight_line)(lines[0][t], lines[1][t], lines[2][t], columns);
        ATH_UNROLL for (int r = 0; r < 4; ++r) vf_store(to + (r * 4 + t) * ci * panels.vectors * ATH_LANES, columns[r]);
      }
    }
  }
}

static void ATH_NAME(winograd_pack)(const ath_conv2d_shape *s, const float *weights, float *transformed,
                                    ath_pool *pool) {
  ATH_NAME(winograd_weights) w = {s, weights, transformed};
  ath_pool_run(pool, ATH_NAME(panels_for)(s->co).panels, ATH_NAME(transform_weights), &w);
}

ATH_INLINE void ATH_NAME(winograd_source_line)(vf a, vf b, vf c, vf d, vf out[4]) {
  out[0] = a - c;
  out[1] = b + c;
  out[2] = c - b;
  out[3] = b - d;
}

/// B' d B of every channel; at: the 16 source pixels.
static void ATH_NAME(transform_source)(const float *const at[16], int64_t channels, float *to) {
  const int64_t width = ath_round_up(channels, ATH_LANES);
  for (int64_t c = 0; c < channels; c += ATH_LANES) {
    const bool whole = c + ATH_LANES <= channels;
    vf lines[4][4];
    ATH_UNROLL for (int r = 0; r < 4; ++r) {
      vf d[4];
      ATH_UNROLL for (int t = 0; t < 4; ++t) {
        const float *from = at[r * 4 + t] + c;
        d[t] = whole ? vf_load(from) : vf_load_part(from, channels - c);
      }
      ATH_NAME(winograd_source_line)(d[0], d[1], d[2], d[3], lines[r]);
    }
    ATH_UNROLL for (int t = 0; t < 4; ++t) {
      vf column[4];
      ATH_NAME(winograd_source_line)(lines[0][t], lines[1][t], lines[2][t], lines[3][t], column);
      ATH_UNROLL for (int r = 0; r < 4; ++r) vf_store(to + (r * 4 + t) * width + c, column[r]);
    }
  }
}

/// A' m A, bias and ReLU, for the outputs of one tile: to[i][j] may be NULL where there is none.
static void ATH_NAME(transform_output)(const float *from, int64_t channels, const float *initial, bool relu,
                                       float *const to[4]) {
  const int64_t width = ath_round_up(channels, ATH_LANES);
  for (int64_t k = 0; k < channels; k += ATH_LANES) {
    vf top[4], bottom[4], y[4];
    ATH_UNROLL for (int t = 0; t < 4; ++t) {
      const float *column = from + t * width + k;
      const vf b = vf_load(column + 4 * width), c = vf_load(column + 8 * width);
      top[t] = vf_load(column) + b + c;
      bottom[t] = b - c - vf_load(column + 12 * width);
    }
    const vf bias = initial ? vf_load(initial + k) : (vf){0};
    y[0] = top[0] + top[1] + top[2] + bias;
    y[1] = top[1] - top[2] - top[3] + bias;
    y[2] = bottom[0] + bottom[1] + bottom[2] + bias;
    y[3] = bottom[1] - bottom[2] - bottom[3] + bias;
    ATH_UNROLL for (int p = 0; p < 4; ++p) {
      if (relu)
        y[p] = vf_relu(y[p]);
      if (!to[p])
        continue;
      if (k + ATH_LANES <= channels) {
        vf_store(to[p] + k, y[p]);
      } else {
        vf_store_part(to[p] + k, y[p], channels - k);
      }
    }
  }
}

/// A convolution's source and outputs, for tiles.
typedef struct {
  const float *source; // [n, h, w, ci]
  int64_t h, w, ci, co, pad_top, pad_left;
  const float *weights; // transformed
  const float *initial; // [whole vectors of co] or NULL
  bool relu;
  int64_t outputs_w;
  float *outputs;                // the first row of the part's first image
  int64_t image_step, first_row; // floats from image to image there; the row that lies first
} ATH_NAME(winograd);

typedef struct {
  int64_t image, row, column; // of its first output
} ATH_NAME(winograd_place);

static void ATH_NAME(winograd_sources)(const ATH_NAME(winograd) * job, const ATH_NAME(winograd_place) * place,
                                       const float *zeros, float *to) {
  const float *at[16];
  const int64_t row = place->row - job->pad_top, column = place->column - job->pad_left;
  const float *image = job->source + place->image * job->h * job->w * job->ci;
  for (int64_t r = 0; r < 4; ++r) {
    for (int64_t t = 0; t < 4; ++t) {
      const int64_t i = row + r, j = column + t;
      const bool inside = i >= 0 && i < job->h && j >= 0 && j < job->w;
      at[r * 4 + t] = inside ? image + (i * job->w + j) * job->ci : zeros;
    }
  }
  ATH_NAME(transform_source)(at, job->ci, to);
}

/// Rows begin ..< end of images first ..< first + images. Tiles begin at even rows of the image however it is cut into parts,
/// because a row's place in its tile decides how it is rounded.
static void ATH_NAME(winograd_part)(const ATH_NAME(winograd) * job, int64_t first, int64_t images, int64_t begin,
                                    int64_t end, float *buffer, int64_t room) {
  const int64_t source_step = ATH_NAME(winograd_step)(job->ci), product_step = ATH_NAME(winograd_step)(job->co);
  const int64_t most = ath_min(ATH_NAME(winograd_tiles), ATH_NAME(winograd_fitting)(job->ci, job->co, room));
  const int64_t width = ath_round_up(job->ci, ATH_LANES), product_width = ath_round_up(job->co, ATH_LANES);
  const int64_t top = begin - begin % 2;
  const int64_t down = ath_divide_up(end - top, 2), across = ath_divide_up(job->outputs_w, 2);
  const int64_t tiles = images * down * across, blocks = ath_divide_up(tiles, most);
  float *zeros = buffer, *sources = zeros + width, *products = sources + most * source_step;
  memset(zeros, 0, (size_t)width * sizeof(float));
  ATH_NAME(winograd_place) places[ATH_NAME(winograd_tiles)];
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t start = block * tiles / blocks, count = (block + 1) * tiles / blocks - start;
    for (int64_t t = 0; t < count; ++t) {
      const int64_t tile = start + t;
      places[t] = (ATH_NAME(winograd_place)){first + tile / (down * across), top + tile / across % down * 2,
                                             tile % across * 2};
      ATH_NAME(winograd_sources)(job, &places[t], zeros, sources + t * source_step);
    }
    const float *rows[ATH_NAME(winograd_tiles)];
    float *results[ATH_NAME(winograd_tiles)];
    for (int64_t p = 0; p < 16; ++p) {
      for (int64_t t = 0; t < count; ++t) {
        rows[t] = sources + t * source_step + p * width;
        results[t] = products + t * product_step + p * product_width;
      }
      const ATH_NAME(operand)
          b = {.data = job->weights + p * job->ci * product_width, .packed = true, .steps = job->ci};
      const ATH_NAME(tile_job)
          product = {.walk = {.outer = 1, .middle = 1, .inner = job->ci, .a_inner = 1}, .columns = product_width};
      ATH_NAME(multiply_block)(rows, results, count, &product, &b);
    }
    for (int64_t t = 0; t < count; ++t) {
      const ATH_NAME(winograd_place) *place = &places[t];
      float *to[4];
      for (int64_t p = 0; p < 4; ++p) {
        const int64_t row = place->row + p / 2, column = place->column + p % 2;
        const bool wanted = row >= begin && row < end && column < job->outputs_w;
        to[p] = wanted ? job->outputs + (place->image - first) * job->image_step +
                             ((row - job->first_row) * job->outputs_w + column) * job->co
                       : NULL;
      }
      ATH_NAME(transform_output)(products + t * product_step, job->co, job->initial, job->relu, to);
    }
  }
}
