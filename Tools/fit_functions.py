"""Fits the polynomials of Sources/AthanorKernels/vector/math.inc.h and prints their coefficients. Needs numpy and mpmath.

Each is a weighted least-squares fit at Chebyshev nodes; the number beside it is the largest error of the fitted function relative to
the exact one, before rounding.
"""

import mpmath as mp
import numpy as np

mp.mp.dps = 40


def fit(name, function, low, high, degree, weight):
    nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    values = np.array([float(function(mp.mpf(v))) for v in nodes])
    weights = np.array([float(weight(mp.mpf(v))) for v in nodes])
    system = np.vander(nodes, degree + 1) * weights[:, None]
    coefficients, *_ = np.linalg.lstsq(system, values * weights, rcond=None)
    error = np.abs(system @ coefficients - values * weights).max()
    print(f"{name}: highest power first, relative error 2^{np.log2(error):.1f}")
    print("  " + ", ".join(f"{np.float32(c):.9g}f" for c in coefficients))


# log(1 + f) = f - f^2 / 2 + f^3 p(f)
fit("log", lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, 0.5**0.5 - 1, 2**0.5 - 1, 8, lambda f: abs(f**3 / mp.log1p(f)))

# erf(x) = x + x p(x^2), |x| <= 1
fit("erf", lambda s: mp.erf(mp.sqrt(s)) / mp.sqrt(s) - 1, 0, 1, 6, lambda s: mp.sqrt(s) / mp.erf(mp.sqrt(s)))

# exp(t^2) erfc(t) = p(u) / (t + 3), u = (t - 3) / (t + 3), t >= 0; beyond 10.6 its product with exp(-t^2) is 0.
t = lambda u: 3 * (1 + u) / (1 - u)
scaled = lambda u: mp.exp(t(u) ** 2) * mp.erfc(t(u)) * (t(u) + 3)
fit("erfc", scaled, -1, (10.6 - 3) / (10.6 + 3), 10, lambda u: 1 / scaled(u))
