// Dropout with ATH_LANES Philox blocks at a time: lane l computes block first + l, which decides elements 8 l ... 8 l + 7.

typedef uint64_t vu64 __attribute__((vector_size(4 * ATH_LANES)));
typedef float vf_anywhere __attribute__((vector_size(4 * ATH_LANES), aligned(1), may_alias));
typedef uint8_t vu8_unaligned __attribute__((vector_size(ATH_LANES), aligned(1), may_alias));

/// The high half of a * factor; the low half is a * factor itself. Even and odd lanes apart, as 64-bit products.
ATH_INLINE vu ATH_NAME(multiply_high)(vu a, uint32_t factor) {
  const vu64 low = (vu64)a & 0xffffffffu, high = (vu64)a >> 32;
  return (vu)(((low * factor) >> 32) | ((high * factor) & 0xffffffff00000000u));
}

/// Ten rounds as in ath_philox4x32.
ATH_INLINE void ATH_NAME(philox_blocks)(uint64_t key, uint64_t counter, uint64_t first, vu out[4]) {
  vu lanes;
  for (int lane = 0; lane < ATH_LANES; ++lane) lanes[lane] = (uint32_t)lane;
  vu c0 = lanes + (uint32_t)first, c1 = (vu){0} + (uint32_t)(first >> 32);
  c1 -= (vu)(c0 < lanes); // a carry
  vu c2 = (vu){0} + (uint32_t)counter, c3 = (vu){0} + (uint32_t)(counter >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  ATH_UNROLL for (int round = 0; round < 10; ++round) {
    const vu high0 = ATH_NAME(multiply_high)(c0, 0xD2511F53), low0 = c0 * 0xD2511F53;
    const vu high1 = ATH_NAME(multiply_high)(c2, 0xCD9E8D57), low1 = c2 * 0xCD9E8D57;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/// 1 in the lower two bytes of each lane: is the low (high) half of the word at least the threshold?
ATH_INLINE vu ATH_NAME(kept_halves)(vu word, uint32_t threshold) {
  const vu low = (vu)((word & 0xffff) >= threshold), high = (vu)((word >> 16) >= threshold);
  return (low & 1) | (high & 0x100);
}

/// The masks of 8 * ATH_LANES elements.
ATH_INLINE void ATH_NAME(dropout_masks)(const ath_dropout_args *args, int64_t first, uint32_t threshold, uint8_t *mask) {
  vu words[4];
  ATH_NAME(philox_blocks)(args->key, args->counter, (uint64_t)first / 8, words);
  const vu low = ATH_NAME(kept_halves)(words[0], threshold) | ATH_NAME(kept_halves)(words[1], threshold) << 16;
  const vu high = ATH_NAME(kept_halves)(words[2], threshold) | ATH_NAME(kept_halves)(words[3], threshold) << 16;
  // Lane by lane, low before high; little-endian, as every CPU that has these instruction sets is run.
  *(vf_anywhere *)mask = vf_interleave_low((vf)low, (vf)high);
  *(vf_anywhere *)(mask + 4 * ATH_LANES) = vf_interleave_high((vf)low, (vf)high);
}

static void ATH_NAME(fast_dropout_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  const ath_dropout_args *args = context;
  const float *x = args->x;
  float *y = args->y;
  const vf scale = vf_splat((float)(1 / (1 - args->rate)));
  const uint32_t threshold = ATH_NAME(dropout_threshold)(args->rate);
  const int64_t block = 8 * ATH_LANES;
  int64_t e = begin; // ranges begin at multiples of 64, so of 8
  for (; e + block <= end; e += block) {
    ATH_NAME(dropout_masks)(args, e, threshold, args->mask + e);
    ATH_UNROLL for (int part = 0; part < 8; ++part) {
      const int64_t place = e + part * ATH_LANES;
      const vi kept = __builtin_convertvector(*(const vu8_unaligned *)(args->mask + place), vi) != 0;
      vf_store(y + place, vf_choose(kept, vf_load(x + place) * scale, (vf){0}));
    }
  }
  ATH_NAME(dropout_range)(context, index, e, end);
}

static void ATH_NAME(fast_dropout)(const ath_dropout_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN / 2, ATH_NAME(fast_dropout_range), args);
}

static void ATH_NAME(fast_dropout_gradient_range)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_dropout_gradient_args *args = context;
  const float *dy = args->dy;
  float *dx = args->dx;
  const float scale = (float)(1 / (1 - args->rate));
  int64_t e = begin;
  for (; e + ATH_LANES <= end; e += ATH_LANES) {
    const vi kept = __builtin_convertvector(*(const vu8_unaligned *)(args->mask + e), vi) != 0;
    vf_store(dx + e, vf_choose(kept, vf_load(dy + e) * scale, (vf){0}));
  }
  for (; e < end; ++e) dx[e] = args->mask[e] ? dy[e] * scale : 0;
}

static void ATH_NAME(fast_dropout_gradient)(const ath_dropout_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->count, ATH_POINTWISE_GRAIN, ATH_NAME(fast_dropout_gradient_range), args);
}
