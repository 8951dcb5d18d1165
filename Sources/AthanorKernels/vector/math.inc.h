// Functions of whole vectors, within 2^-22 of the exact value (relative: four roundings; the normal distribution 2^-21) over the whole range, or
// within 2^-148 where that is more. Infinities, NaN, zeros of both signs and numbers below the normal range give what the C library gives
// (`PointwiseTests`). The polynomials of log, erf and erfc come from `Tools/fit_functions.py`.
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
ATH_INLINE vf vf_sqrt(vf x) { return __builtin_elementwise_sqrt(x); }

ATH_INLINE vf vf_sigmoid(vf x) {
  const vf e = vf_exp(-vf_abs(x));
  return vf_choose(x < 0.0f, e, vf_splat(1)) / (1.0f + e);
}

/// x with the sign of `from`; x must not be negative.
ATH_INLINE vf vf_with_sign(vf x, vf from) { return (vf)((vi)x | ((vi)from & (int32_t)0x80000000)); }

/// tanh |x| = -m / (2 + m), m = exp(-2 |x|) - 1; the sign is put back.
ATH_INLINE vf vf_tanh(vf x) {
  const vf m = vf_expm1_negative(-2.0f * vf_abs(x));
  return vf_with_sign(-m / (2.0f + m), x);
}

/// The coefficients' polynomial in x, highest power first.
#define ATH_POLYNOMIAL(x, ...)                                                                                         \
  ({                                                                                                                   \
    static const float coefficients[] = {__VA_ARGS__};                                                                 \
    vf sum = vf_splat(coefficients[0]);                                                                                \
    for (size_t c = 1; c < sizeof coefficients / sizeof *coefficients; ++c) sum = sum * (x) + coefficients[c];         \
    sum;                                                                                                               \
  })

/// log(1 + f) - f for sqrt(1/2) <= 1 + f <= sqrt(2).
ATH_INLINE vf vf_log_series(vf f) {
  const vf p = ATH_POLYNOMIAL(f, 0.0667527169f, -0.116464347f, 0.11904712f, -0.124112688f, 0.142178908f, -0.166676432f,
                              0.200022042f, -0.250000149f, 0.333333105f);
  return f * f * (f * p - 0.5f);
}

/// log(2^n m) = n ln 2 + log(m), sqrt(1/2) <= m < sqrt(2).
ATH_INLINE vf vf_log(vf x) {
  const vi root_half = (vi)vf_splat(0.70710678118654752440f);
  const vi is_small = x < 0x1p-126f;
  const vi bits = (vi)vf_choose(is_small, x * 0x1p23f, x) - root_half;
  const vf n = __builtin_convertvector((bits >> 23) - (is_small & 23), vf);
  const vf f = (vf)((bits & 0x7fffff) + root_half) - 1.0f;
  vf y = n * 0x1.62e4p-1f + (f + (vf_log_series(f) + n * 1.42860682030941723e-6f)); // ln 2 in two parts as above
  y = vf_choose(x < __builtin_inff(), y, x); // infinity and NaN stay
  y = vf_choose(x == 0.0f, vf_splat(-__builtin_inff()), y);
  return vf_choose(x < 0.0f, vf_splat(__builtin_nanf("")), y);
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + t), t = exp(-|x|); 1 + t is halved where it is above sqrt(2).
ATH_INLINE vf vf_softplus(vf x) {
  const vf t = vf_exp(-vf_abs(x));
  const vi is_large = t > 0.41421356237309504880f;
  const vf f = vf_choose(is_large, t * 0.5f - 0.5f, t);
  return vf_relu(x) + (vf_choose(is_large, vf_splat(0.69314718055994530942f), (vf){0}) + (f + vf_log_series(f)));
}

/// exp(-c x^2) for c of 1 or 1/2: what x^2 loses by rounding is put back, because it counts x^2 times.
ATH_INLINE vf vf_gaussian(vf x, float c) {
  x = vf_abs(x);
  x = vf_choose(x > 16.0f, vf_splat(16.0f), x); // 0 from there on
  const vf square = x * x;
  const vf lost = __builtin_elementwise_fma(x, x, -square);
  const vf y = vf_exp(-c * square);
  return y - y * (c * lost);
}

/// exp(x^2) erfc(x) = p(u) / (x + 3), u = (x - 3) / (x + 3), for x >= 0. What x + 3 and u lose by rounding is put back.
ATH_INLINE vf vf_scaled_erfc(vf x) {
  x = vf_choose(x > 16.0f, vf_splat(16.0f), x); // an infinity has no such rest
  const vf sum = x + 3.0f, scale = 1.0f / sum;
  const vf lost = x - (sum - 3.0f);
  vf u = (x - 3.0f) * scale;
  u += (__builtin_elementwise_fma(-u, sum, x - 3.0f) - u * lost) * scale;
  const vf p = ATH_POLYNOMIAL(u, 1.07974774e-05f, -0.000304977875f, -0.000480795221f, 0.00306711905f, -0.00123057864f,
                              -0.026836805f, 0.11953f, -0.31046629f, 0.59022826f, -0.88339448f, 1.07400692f);
  const vf y = p * scale;
  return y - y * (lost * scale);
}

/// erf(x) for |x| <= 1.
ATH_INLINE vf vf_erf_near(vf x) {
  const vf square = x * x;
  return x + x * ATH_POLYNOMIAL(square, 7.84725926e-05f, -0.000800818903f, 0.00518809911f, -0.0268536918f, 0.112835824f,
                                -0.37612626f, 0.128379166f);
}

/// From 1 on it is 1 - erfc(x), with the sign put back.
ATH_INLINE vf vf_erf(vf x) {
  const vf size = vf_abs(x);
  const vf far = vf_with_sign(1.0f - vf_gaussian(x, 1) * vf_scaled_erfc(size), x);
  return vf_choose(size < 1.0f, vf_erf_near(x), far);
}

/// The normal distribution, (1 + erf(x / sqrt 2)) / 2; further out from its lower tail erfc(|x| / sqrt 2) / 2.
ATH_INLINE vf vf_normal(vf x) {
  const vf tail = vf_gaussian(x, 0.5f) * (0.5f * vf_scaled_erfc(vf_abs(x) * 0.70710678118654752440f));
  return vf_choose(x < 0.0f, tail, 1.0f - tail);
}
