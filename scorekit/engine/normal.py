"""The quantile function of the normal distribution, with NumPy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# P(x) / Q(x), from the constant term on, for each of three ranges of the probability
_CENTRAL = (
    (
        3.3871328727963666080,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_MIDDLE = (
    (
        1.42343711074968357734,
        4.63033784615654529590,
        5.76949722146069140550,
        3.64784832476320460504,
        1.27045825245236838258,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187,
        1.67638483018380384940,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_TAIL = (
    (
        6.65790464350110377720,
        5.46378491116411436990,
        1.78482653991729133580,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def normal_ppf(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The deviate that a standard normal variable stays below with this probability.

    Parameters
    ----------
    probability : ndarray
        From 0 (gives minus infinity) to 1 (infinity); NaN gives NaN.

    Returns
    -------
    ndarray
        Of the same shape; relative error about 1e-16.

    References
    ----------
    M. J. Wichura, "Algorithm AS 241: The percentage points of the normal
    distribution", Applied Statistics 37(3), 1988, routine PPND16.
    """
    centred = probability - 0.5
    square = 0.180625 - centred * centred
    out: NDArray[np.float64] = centred * _ratio(square, *_CENTRAL)
    outer = np.abs(centred) > 0.425
    if outer.any():
        tail = np.minimum(probability, 1.0 - probability)[outer]
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(-np.log(tail))
            deviate = np.where(root <= 5.0, _ratio(root - 1.6, *_MIDDLE), _ratio(root - 5.0, *_TAIL))
        deviate[tail == 0.0] = np.inf
        out[outer] = np.copysign(deviate, centred[outer])
    return out


def _ratio(x: NDArray[np.float64], above: tuple[float, ...], below: tuple[float, ...]) -> NDArray[np.float64]:
    """Quotient of two polynomials, by Horner's rule."""
    top = np.full_like(x, above[-1])
    bottom = np.full_like(x, below[-1])
    for a, b in zip(above[-2::-1], below[-2::-1], strict=True):
        top = top * x + a
        bottom = bottom * x + b
    ratio: NDArray[np.float64] = top / bottom
    return ratio
