// What the kernels use of Apple's <math.h>.
#pragma once
#define INFINITY __builtin_huge_valf()
#define NAN __builtin_nanf("")
#define isfinite(x) __builtin_isfinite(x)
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)
double exp(double), expm1(double), log(double), log1p(double), tanh(double), erf(double), sqrt(double), pow(double, double), fabs(double);
double round(double), floor(double), fma(double, double, double), fmax(double, double), fmin(double, double), copysign(double, double);
double sin(double), cos(double), tan(double), asin(double), acos(double), atan(double), sinh(double), cosh(double);
double asinh(double), acosh(double), atanh(double), ceil(double), rint(double), fmod(double, double), erfc(double);
float expf(float), expm1f(float), logf(float), log1pf(float), tanhf(float), erff(float), sqrtf(float), powf(float, float), fabsf(float);
float roundf(float), floorf(float), fmaf(float, float, float), fmaxf(float, float), fminf(float, float), copysignf(float, float);
float sinf(float), cosf(float), tanf(float), asinf(float), acosf(float), atanf(float), sinhf(float), coshf(float);
float asinhf(float), acoshf(float), atanhf(float), ceilf(float), rintf(float), fmodf(float, float), erfcf(float);
long lround(double);
