"""Decay of weights that receive no gradient, and the time at which all weights of a tensor fall below a threshold.

SGD with momentum m, learning rate lr and L2 decay wd moves a weight without a gradient by

    v <- m v + wd w,   w <- w - lr v

After its first steps such a weight falls by a constant factor per step: the larger root x of

    x^2 - (1 + m - lr wd) x + m = 0,   -ln x = lr wd / (1 - m) for small lr wd

Weights of linear and convolutional layers are initially uniform on +-1 / sqrt(fan_in). If a tensor only decays, the
share of its weights above a threshold therefore falls along an exponential that reaches zero at the knee,
ln(bound / threshold) / rate. Counting weights above 0.001 in absolute value follows re-examinations of Xia et al.,
Robust Early-Learning: Hindering the Memorization of Noisy Labels, ICLR 2021, whose method leaves most weights without
a gradient.
"""

from __future__ import annotations

import math

import numpy as np

from noisewise.errors import BadInput


def decay_rate(lr: float, weight_decay: float, momentum: float = 0.0) -> float:
    """The decrease per step of the logarithm of a weight without a gradient.

    Args:
        lr: learning rate, above 0.
        weight_decay: L2 coefficient, at least 0.
        momentum: in [0, 1).

    Raises:
        BadInput: an argument is out of range, or the decay is so strong that weights oscillate around zero.
    """
    if not lr > 0 or not weight_decay >= 0 or not 0 <= momentum < 1:
        given = f"lr={lr!r}, weight_decay={weight_decay!r}, momentum={momentum!r}"
        raise BadInput(f"{given}: lr must be above 0, weight_decay at least 0 and momentum in [0, 1)")
    half = (1 + momentum - lr * weight_decay) / 2
    inside = half * half - momentum
    if lr * weight_decay >= 1 or inside < 0:
        raise BadInput(f"lr={lr!r} times weight_decay={weight_decay!r} is too large: weights oscillate around zero")
    return -math.log(half + math.sqrt(inside))


def knee(fan_in: int, rate: float, threshold: float = 1e-3) -> float:
    """The time at which the last weight of a tensor falls to the threshold, in the unit of time of `rate`.

        ln(1 / (threshold sqrt(fan_in))) / rate

    It is zero if all weights start below the threshold.

    Args:
        fan_in: inputs of a linear layer, or channels times kernel size of a convolution; from 1.
        rate: decrease of the logarithm of a weight per unit of time, above 0.
        threshold: weights up to this absolute value are not counted, above 0.

    Raises:
        BadInput: an argument is out of range.
    """
    if not fan_in >= 1 or not rate > 0 or not threshold > 0:
        given = f"fan_in={fan_in!r}, rate={rate!r}, threshold={threshold!r}"
        raise BadInput(f"{given}: fan_in must be at least 1, and the others above 0")
    return max(0.0, -math.log(threshold * math.sqrt(fan_in)) / rate)


def share_left(times: np.ndarray, fan_in: int, rate: float, threshold: float = 1e-3) -> np.ndarray:
    """(times,) the expected share of a tensor's weights above the threshold, after a time of decay only.

        1 - exp(rate (t - knee)) until the knee, 0 after it

    Args:
        times: (times,), in the unit of time of `rate`, from 0.
        fan_in: see `knee`.
        rate: see `knee`.
        threshold: see `knee`.

    Raises:
        BadInput: an argument outside its range.
    """
    ahead = np.asarray(times, dtype=float) - knee(fan_in, rate, threshold)
    below = threshold * math.sqrt(fan_in)
    return np.clip(1 - np.exp(rate * ahead), 0.0, max(0.0, 1 - below))
