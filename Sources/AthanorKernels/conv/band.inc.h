// A band, for the weight gradient: some images, or some rows of one image, that one sweep reads. Where the convolution
// reaches outside of the image, the band is copied with its zeros into the worker's buffer first.

typedef struct {
  const float *source; // [n, h, w, channels]
  int64_t n, h, w, channels;
  int64_t pad_top, pad_left;
  int64_t kh, kw, oh, ow, stride_h, stride_w, dilation_h, dilation_w;
  bool padded;           // bands are copied
  int64_t padded_width;  // of a copied row, in pixels
  int64_t images, rows;  // of a band: several whole images, or some rows of one
  int64_t image_bands;   // bands of one image when it is cut into rows, else 1
  int64_t bands;
} ATH_NAME(bands);

/// One band in memory: where its pixel (image, row, column) begins.
typedef struct {
  const float *base;
  int64_t image_step, row_step; // of the source, in floats
  int64_t image, images, row, rows; // the outputs that this band covers
} ATH_NAME(band);

/// Source rows that so many output rows reach.
static int64_t ATH_NAME(reach)(int64_t outputs, int64_t stride, int64_t kernel, int64_t dilation) {
  return (outputs - 1) * stride + (kernel - 1) * dilation + 1;
}

static size_t ATH_NAME(band_floats)(const ATH_NAME(bands) * g, int64_t images, int64_t rows) {
  return (size_t)(images * ATH_NAME(reach)(rows, g->stride_h, g->kh, g->dilation_h) * g->padded_width * g->channels);
}

/// Cuts the work into about `wanted` bands of at most `room` floats when they are copied.
static void ATH_NAME(plan_bands)(ATH_NAME(bands) * g, int64_t wanted, size_t room) {
  const int64_t height = ATH_NAME(reach)(g->oh, g->stride_h, g->kh, g->dilation_h);
  g->padded_width = ATH_NAME(reach)(g->ow, g->stride_w, g->kw, g->dilation_w);
  g->padded = g->pad_top != 0 || g->pad_left != 0 || height > g->h || g->padded_width > g->w;
  g->images = ath_max(1, g->n / ath_max(1, wanted));
  g->rows = g->oh;
  if (g->images == 1 && g->n < wanted) {
    g->rows = ath_max(1, ath_divide_up(g->oh * g->n, wanted));
  }
  if (g->padded) {
    while (g->images > 1 && ATH_NAME(band_floats)(g, g->images, g->oh) > room) --g->images;
    while (g->rows > 1 && ATH_NAME(band_floats)(g, 1, g->rows) > room) --g->rows;
  }
  if (g->rows < g->oh) g->images = 1;
  g->image_bands = ath_divide_up(g->oh, g->rows);
  g->bands = g->rows < g->oh ? g->n * g->image_bands : ath_divide_up(g->n, g->images);
}

/// True when even a single output row does not fit into a worker's buffer: then the whole source is copied to scratch.
static bool ATH_NAME(needs_scratch_copy)(const ATH_NAME(bands) * g, size_t room) {
  return g->padded && ATH_NAME(band_floats)(g, 1, 1) > room;
}

static void ATH_NAME(copy_row)(const ATH_NAME(bands) * g, const float *from, float *to) {
  const int64_t channels = g->channels, width = g->padded_width;
  const int64_t left = ath_min(width, g->pad_left), pixels = ath_min(g->w, width - left);
  memset(to, 0, (size_t)(left * channels) * sizeof(float));
  memcpy(to + left * channels, from, (size_t)(pixels * channels) * sizeof(float));
  memset(to + (left + pixels) * channels, 0, (size_t)((width - left - pixels) * channels) * sizeof(float));
}

/// Copies what output rows row ..< row + rows of some images reach, with zeros around.
static void ATH_NAME(copy_band)(const ATH_NAME(bands) * g, int64_t image, int64_t images, int64_t row, int64_t rows,
                                float *to) {
  const int64_t height = ATH_NAME(reach)(rows, g->stride_h, g->kh, g->dilation_h);
  const int64_t row_floats = g->padded_width * g->channels;
  for (int64_t b = image; b < image + images; ++b) {
    for (int64_t i = 0; i < height; ++i, to += row_floats) {
      const int64_t place = row * g->stride_h + i - g->pad_top;
      if (place < 0 || place >= g->h) {
        memset(to, 0, (size_t)row_floats * sizeof(float));
      } else {
        ATH_NAME(copy_row)(g, g->source + (b * g->h + place) * g->w * g->channels, to);
      }
    }
  }
}

static ATH_NAME(band) ATH_NAME(band_extent)(const ATH_NAME(bands) * g, int64_t index) {
  ATH_NAME(band) band = {0};
  if (g->rows < g->oh) {
    band.image = index / g->image_bands;
    band.images = 1;
    band.row = index % g->image_bands * g->rows;
    band.rows = ath_min(g->rows, g->oh - band.row);
  } else {
    band.image = index * g->images;
    band.images = ath_min(g->images, g->n - band.image);
    band.rows = g->oh;
  }
  return band;
}

/// Brings a band into reach: copied to `buffer` when it must be.
static void ATH_NAME(load_band)(const ATH_NAME(bands) * g, ATH_NAME(band) * band, float *buffer) {
  if (g->padded) {
    ATH_NAME(copy_band)(g, band->image, band->images, band->row, band->rows, buffer);
    band->base = buffer;
    band->row_step = g->padded_width * g->channels;
    band->image_step = ATH_NAME(reach)(band->rows, g->stride_h, g->kh, g->dilation_h) * band->row_step;
    return;
  }
  band->row_step = g->w * g->channels;
  band->image_step = g->h * band->row_step;
  band->base = g->source + band->image * band->image_step + band->row * g->stride_h * band->row_step;
}

/// Replaces the source by a copy with all its zeros (every image, every row), for images too wide for the buffers.
static void ATH_NAME(use_scratch_copy)(ATH_NAME(bands) * g, float *scratch) {
  ATH_NAME(copy_band)(g, 0, g->n, 0, g->oh, scratch);
  g->source = scratch;
  g->h = ATH_NAME(reach)(g->oh, g->stride_h, g->kh, g->dilation_h);
  g->w = g->padded_width;
  g->pad_top = g->pad_left = 0;
  g->padded = false;
}
