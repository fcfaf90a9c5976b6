"""How weights that get no gradient decay, and when the last of a tensor is counted as gone.

SGD with momentum m, learning rate lr and L2 decay wd moves a weight without a gradient by

    v <- m v + wd w,   w <- w - lr v

After its first steps such a weight falls by a constant factor per step: the larger root x of

    x^2 - (1 + m - lr wd) x + m = 0,   -ln x = lr wd / (1 - m) for small lr wd

Linear and convolutional layers start from weights uniform on +-1 / sqrt(fan_in). Of a tensor that only decays, the
share above a threshold so falls along an exponential that reaches zero at the knee, ln(bound / threshold) / rate. The
counting of what is above 0.001 in absolute value is that of re-examinations of Xia et al., Robust Early-Learning:
Hindering the Memorization of Noisy Labels, ICLR 2021, whose method leaves most weights without a gradient.
"""

from __future__ import annotations

import math

import numpy as np

from noisewise.errors import BadInput


def decay_rate(lr: float, weight_decay: float, momentum: float = 0.0) -> float:
    """By how much the logarithm of a weight without a gradient falls in a step.

    Args:
        lr: learning rate, above 0.
        weight_decay: L2 coefficient, at least 0.
        momentum: in [0, 1).

    Raises:
        BadInput: an argument outside its range, or a decay so strong that weights swing around zero.
    """
    if not lr > 0 or not weight_decay >= 0 or not 0 <= momentum < 1:
        given = f"lr={lr!r}, weight_decay={weight_decay!r}, momentum={momentum!r}"
        raise BadInput(f"{given}: lr must be above 0, weight_decay at least 0 and momentum in [0, 1)")
    half = (1 + momentum - lr * weight_decay) / 2
    inside = half * half - momentum
    if lr * weight_decay >= 1 or inside < 0:
        raise BadInput(f"lr={lr!r} times weight_decay={weight_decay!r} is so large that weights swing around zero")
    return -math.log(half + math.sqrt(inside))


def knee(fan_in: int, rate: float, threshold: float = 1e-3) -> float:
    """When the last weight of a tensor falls to the threshold, in units of time of `rate`.

        ln(1 / (threshold sqrt(fan_in))) / rate

    Zero where all weights start below it.

    Args:
        fan_in: of the layer: inputs of a linear layer, channels times kernel of a convolution; from 1.
        rate: by which the logarithm of a weight falls in a unit of time, above 0.
        threshold: at most so large weights are gone, above 0.

    Raises:
        BadInput: an argument outside its range.
    """
    if not fan_in >= 1 or not rate > 0 or not threshold > 0:
        given = f"fan_in={fan_in!r}, rate={rate!r}, threshold={threshold!r}"
        raise BadInput(f"{given}: fan_in must be at least 1, and the others above 0")
    return max(0.0, -math.log(threshold * math.sqrt(fan_in)) / rate)


def share_left(times: np.ndarray, fan_in: int, rate: float, threshold: float = 1e-3) -> np.ndarray:
    """(times,) the expected share of a tensor's weights above the threshold after some time of decay alone.

        1 - exp(rate (t - knee)) until the knee, 0 after it

    Args:
        times: (times,), in units of time of `rate`, from 0.
        fan_in: see `knee`.
        rate: see `knee`.
        threshold: see `knee`.

    Raises:
        BadInput: an argument outside its range.
    """
    ahead = np.asarray(times, dtype=float) - knee(fan_in, rate, threshold)
    below = threshold * math.sqrt(fan_in)
    return np.clip(1 - np.exp(rate * ahead), 0.0, max(0.0, 1 - below))
