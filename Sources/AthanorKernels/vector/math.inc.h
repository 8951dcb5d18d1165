// Exponentials of whole vectors, accurate to about one unit in the last place over the whole range.
//
// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2. ln 2 is subtracted in two parts (Cody and Waite 1980), and the
// Taylor series to r^7 leaves out r^8 / 8! < 5.2e-9, a tenth of a rounding.

/// exp(r) - 1 for |r| <= ln 2 / 2.
ATH_INLINE vf vf_exp_series(vf r) {
  vf sum = vf_splat(1.0f / 5040);
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  return r * r * sum + r;
}

/// x - n ln 2, with n = round(x / ln 2) beside it. NaN gives n = 0 and a NaN.
ATH_INLINE vf vf_reduce_exponent(vf x, vi *n) {
  vf whole = __builtin_elementwise_rint(x * 1.44269504088896341f);
  whole = vf_choose(whole == whole, whole, (vf){0});
  *n = __builtin_convertvector(whole, vi);
  // 0x1.62e4p-1 has 15 significant bits, so that n times it is exact.
  return (x - whole * 0x1.62e4p-1f) - whole * 1.42860682030941723e-6f;
}

/// 2^n for -126 <= n <= 127.
ATH_INLINE vf vf_power_of_two(vi n) { return (vf)((n + 127) << 23); }

ATH_INLINE vf vf_exp(vf x) {
  x = vf_choose(x > 89.0f, vf_splat(89.0f), x);     // overflows to infinity from 88.73 on
  x = vf_choose(x < -104.0f, vf_splat(-104.0f), x); // 0 from -103.98 on
  vi n;
  const vf series = vf_exp_series(vf_reduce_exponent(x, &n));
  const vi half = n >> 1; // in two steps, so that neither leaves the range of exponents
  return (series + 1.0f) * vf_power_of_two(half) * vf_power_of_two(n - half);
}

/// exp(x) - 1 for x <= 0, without cancellation near 0.
ATH_INLINE vf vf_expm1_negative(vf x) {
  x = vf_choose(x < -40.0f, vf_splat(-40.0f), x);
  vi n;
  const vf series = vf_exp_series(vf_reduce_exponent(x, &n));
  const vf scale = vf_power_of_two(n);
  return scale * series + (scale - 1.0f);
}

ATH_INLINE vf vf_abs(vf x) { return (vf)((vi)x & 0x7fffffff); }

ATH_INLINE vf vf_sigmoid(vf x) {
  const vf e = vf_exp(-vf_abs(x));
  return vf_choose(x < 0.0f, e, vf_splat(1)) / (1.0f + e);
}

/// tanh |x| = -m / (2 + m), m = exp(-2 |x|) - 1; the sign is put back.
ATH_INLINE vf vf_tanh(vf x) {
  const vf m = vf_expm1_negative(-2.0f * vf_abs(x));
  const vi sign = (vi)x & (int32_t)0x80000000;
  return (vf)((vi)(-m / (2.0f + m)) | sign);
}
