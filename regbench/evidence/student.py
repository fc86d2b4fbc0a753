"""Student's t distribution: its quantiles and tails, with scipy imported when first needed."""

from __future__ import annotations

import math
from statistics import NormalDist


def t_quantile(share: float, freedom: float) -> float:
    """Return the value below which `share` of the t distribution lies.

    >>> round(t_quantile(0.975, 9), 4)
    2.2622
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def t_below(value: float, freedom: float) -> float:
    """Return the share of the t distribution below a value; `t_below(-x, f)` is the upper tail without cancellation.

    >>> round(t_below(2.2622, 9), 4)
    0.975
    """
    from scipy.special import stdtr

    return float(stdtr(freedom, value))


def rescale_critical(critical: float, freedom: float, other: float) -> float:
    """Return the critical value that cuts off the same tail of t with `other` degrees of freedom as `critical` here.

    `other` may be infinite: the normal distribution.

    >>> round(rescale_critical(2.2622, 9, 39), 4), round(rescale_critical(2.2622, 9, float("inf")), 3)
    (2.0227, 1.96)
    """
    if math.isinf(critical):
        return critical
    return -t_quantile(t_below(-critical, freedom), other)


def normal_quantile(share: float) -> float:
    """Return the value below which `share` of the standard normal distribution lies."""
    return NormalDist().inv_cdf(share)
