// The functions that the formulas in `pointwise/functions.def` are made of, for one element. `vector/math.inc.h` has them for vectors.

static inline ATH_REAL ATH_NAME(abs)(ATH_REAL x) { return ATH_MATH(fabs)(x); }
static inline ATH_REAL ATH_NAME(sqrt)(ATH_REAL x) { return __builtin_elementwise_sqrt(x); }
static inline ATH_REAL ATH_NAME(exp)(ATH_REAL x) { return ATH_MATH(exp)(x); }
static inline ATH_REAL ATH_NAME(expm1_negative)(ATH_REAL x) { return ATH_MATH(expm1)(x); }
static inline ATH_REAL ATH_NAME(log)(ATH_REAL x) { return ATH_MATH(log)(x); }
static inline ATH_REAL ATH_NAME(tanh)(ATH_REAL x) { return ATH_MATH(tanh)(x); }
static inline ATH_REAL ATH_NAME(erf)(ATH_REAL x) { return ATH_MATH(erf)(x); }

static inline ATH_REAL ATH_NAME(sigmoid)(ATH_REAL x) {
  const ATH_REAL e = ATH_MATH(exp)(-ATH_MATH(fabs)(x)); // never overflows
  return (x < 0 ? e : 1) / (1 + e);
}

static inline ATH_REAL ATH_NAME(softplus)(ATH_REAL x) {
  return (x < 0 ? 0 : x) + ATH_MATH(log1p)(ATH_MATH(exp)(-ATH_MATH(fabs)(x)));
}

/// exp(-c x^2), in double because the rounding of a large x^2 counts x^2 times.
static inline ATH_REAL ATH_NAME(gaussian)(ATH_REAL x, double c) { return (ATH_REAL)exp(-c * ((double)x * (double)x)); }

/// The normal distribution, (1 + erf(x / sqrt 2)) / 2; in double for the same reason.
static inline ATH_REAL ATH_NAME(normal)(ATH_REAL x) {
  return (ATH_REAL)(erfc(-0.70710678118654752440 * (double)x) / 2);
}
