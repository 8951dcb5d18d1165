// Vectors of ATH_LANES floats in clang's vector extensions. Names are short because this is the vocabulary of every
// vectorised kernel; they are private to the file of one instruction set.

typedef float vf __attribute__((vector_size(4 * ATH_LANES)));
typedef int32_t vi __attribute__((vector_size(4 * ATH_LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * ATH_LANES)));
typedef float vf_unaligned __attribute__((vector_size(4 * ATH_LANES), aligned(4), may_alias));

#define ATH_INLINE static inline __attribute__((always_inline, unused))
#define ATH_UNROLL _Pragma("clang loop unroll(full)")

ATH_INLINE vf vf_load(const float *p) { return *(const vf_unaligned *)p; }
ATH_INLINE void vf_store(float *p, vf v) { *(vf_unaligned *)p = v; }
ATH_INLINE vf vf_splat(float x) { return x - (vf){0}; } // x - 0 is x for every x, negative zero and NaN included

/// mask ? a : b, where every lane of the mask is all ones or all zeros.
ATH_INLINE vf vf_choose(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

/// max(x, 0), where NaN stays NaN.
ATH_INLINE vf vf_relu(vf x) { return vf_choose(x < (vf){0}, (vf){0}, x); }

/// The first `count` (0 ... ATH_LANES) lanes; the others are zero. Memory behind them is not touched. Masked moves are
/// the one thing that vector extensions lack.
ATH_INLINE vf vf_load_part(const float *p, int64_t count) {
#if defined(__x86_64__) && ATH_LANES == 16
  return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif defined(__x86_64__) && ATH_LANES == 8
  return _mm256_maskload_ps(p, (__m256i)((vi){0, 1, 2, 3, 4, 5, 6, 7} < (int32_t)count));
#else
  float lanes[ATH_LANES] = {0};
  for (int64_t lane = 0; lane < count; ++lane) lanes[lane] = p[lane];
  return vf_load(lanes);
#endif
}

ATH_INLINE void vf_store_part(float *p, vf v, int64_t count) {
#if defined(__x86_64__) && ATH_LANES == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), v);
#elif defined(__x86_64__) && ATH_LANES == 8
  _mm256_maskstore_ps(p, (__m256i)((vi){0, 1, 2, 3, 4, 5, 6, 7} < (int32_t)count), v);
#else
  float lanes[ATH_LANES];
  vf_store(lanes, v);
  for (int64_t lane = 0; lane < count; ++lane) p[lane] = lanes[lane];
#endif
}

/// Lanes below `count` keep their value, the others become `value`.
ATH_INLINE vf vf_keep_part(vf v, int64_t count, float value) {
  vi lane;
  for (int l = 0; l < ATH_LANES; ++l) lane[l] = l;
  return vf_choose(lane < (int32_t)count, v, vf_splat(value));
}

/// a0 b0 a1 b1 ... of the lower half of the lanes, and of the upper half.
#if ATH_LANES == 16
ATH_INLINE vf vf_interleave_low(vf a, vf b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
ATH_INLINE vf vf_interleave_high(vf a, vf b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#elif ATH_LANES == 8
ATH_INLINE vf vf_interleave_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
ATH_INLINE vf vf_interleave_high(vf a, vf b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
ATH_INLINE vf vf_interleave_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
ATH_INLINE vf vf_interleave_high(vf a, vf b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#endif

ATH_INLINE float vf_sum(vf v) {
  float lanes[ATH_LANES];
  vf_store(lanes, v);
  for (int width = ATH_LANES / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

ATH_INLINE float vf_maximum(vf v) {
  float lanes[ATH_LANES];
  vf_store(lanes, v);
  for (int width = ATH_LANES / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) {
      lanes[lane] = lanes[lane + width] > lanes[lane] ? lanes[lane + width] : lanes[lane];
    }
  }
  return lanes[0];
}

/// Appends the lanes of v that are not zero (NaN is not), and those of p beside them, to lists of `count`; returns the new
/// count. Up to ATH_LANES places behind the new end may be written.
ATH_INLINE int64_t vf_append_nonzero(float *values, int32_t *places, int64_t count, vf v, vi p) {
#if defined(__x86_64__) && ATH_LANES == 16
  const __mmask16 kept = _mm512_cmp_ps_mask(v, (vf){0}, _CMP_NEQ_UQ);
  vf_store(values + count, _mm512_maskz_compress_ps(kept, v));
  _mm512_storeu_si512(places + count, _mm512_maskz_compress_epi32(kept, (__m512i)p));
  return count + __builtin_popcount(kept);
#else
  for (int lane = 0; lane < ATH_LANES; ++lane) {
    values[count] = v[lane];
    places[count] = p[lane];
    count += v[lane] != 0;
  }
  return count;
#endif
}
