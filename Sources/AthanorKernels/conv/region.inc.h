// Which taps of the kernel an output pixel sees: near the border some fall outside of the source, and the input gradient
// of a strided convolution has a pattern that repeats with the stride. Outputs that see the same taps form a region;
// tiles work region by region, so that nothing is padded and no zero is multiplied.

/// One axis of a convolution from a source to outputs.
///   forward:         source = output * stride + tap * dilation - pad
///   input gradient:  source = (output + pad - tap * dilation) / stride, where that is whole
typedef struct {
  int64_t outputs, taps, source; // sizes
  int64_t stride, dilation, pad;
  bool gradient;
} ATH_NAME(axis);

/// A stretch of outputs first, first + step, ... that see the taps tap, tap + tap_step, ...
typedef struct {
  int64_t first, step, count;
  int64_t tap, tap_step, taps;
  int64_t source;      // of the first output and tap
  int64_t source_step; // from one output of the stretch to the next
  int64_t source_tap;  // from one tap to the next
} ATH_NAME(stretch);

static int64_t ATH_NAME(common_divisor)(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static int64_t ATH_NAME(floor_divide)(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// The taps that one output sees (count 1).
static ATH_NAME(stretch) ATH_NAME(taps_of)(const ATH_NAME(axis) * axis, int64_t output) {
  ATH_NAME(stretch) s = {.first = output, .count = 1};
  int64_t low, high; // taps whose source would be at or above 0 and below its size
  if (axis->gradient) {
    const int64_t divisor = ATH_NAME(common_divisor)(axis->stride, axis->dilation);
    s.step = axis->stride;
    s.tap_step = axis->stride / divisor;
    s.source_step = 1;
    s.source_tap = -axis->dilation / divisor;
    const int64_t place = output + axis->pad;
    low = ath_max(0, -ATH_NAME(floor_divide)((axis->source - 1) * axis->stride - place, axis->dilation));
    high = ath_min(axis->taps - 1, ATH_NAME(floor_divide)(place, axis->dilation));
    while (low <= high && (place - low * axis->dilation) % axis->stride != 0) ++low;
    s.source = (place - low * axis->dilation) / axis->stride;
  } else {
    s.step = 1;
    s.tap_step = 1;
    s.source_step = axis->stride;
    s.source_tap = axis->dilation;
    const int64_t place = output * axis->stride - axis->pad;
    low = ath_max(0, -ATH_NAME(floor_divide)(place, axis->dilation));
    high = ath_min(axis->taps - 1, ATH_NAME(floor_divide)(axis->source - 1 - place, axis->dilation));
    s.source = place + low * axis->dilation;
  }
  s.tap = low;
  s.taps = high < low ? 0 : (high - low) / s.tap_step + 1;
  if (s.taps == 0) s.tap = s.source = 0; // nothing will be read
  return s;
}

/// The stretch that begins at `output` and ends before `end`.
static ATH_NAME(stretch) ATH_NAME(stretch_at)(const ATH_NAME(axis) * axis, int64_t output, int64_t end) {
  ATH_NAME(stretch) s = ATH_NAME(taps_of)(axis, output);
  for (int64_t next = output + s.step; next < end; next += s.step) {
    const ATH_NAME(stretch) other = ATH_NAME(taps_of)(axis, next);
    if (other.tap != s.tap || other.taps != s.taps) break;
    ++s.count;
  }
  return s;
}

/// How many interleaved patterns an axis has: begin + 0 ... begin + phases - 1 start one each.
static int64_t ATH_NAME(phases)(const ATH_NAME(axis) * axis) { return axis->gradient ? axis->stride : 1; }
