import math

import numpy as np
import pytest
import torch

from noisewise.errors import BadInput
from noisewise.theory.decay import decay_rate, knee, share_left


def test_rate_by_hand():
    """Without momentum a step multiplies by 1 - lr wd. With 0.5: x^2 - 1.44 x + 0.5 = 0."""
    assert decay_rate(0.1, 0.5) == pytest.approx(-math.log(0.95))
    assert decay_rate(0.1, 0.6, 0.5) == pytest.approx(-math.log(0.72 + math.sqrt(0.0184)))
    assert decay_rate(0.1, 0.0, 0.9) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("fan_in, epoch", [(784, 76.2), (150, 93.9), (120, 96.2), (400, 83.4)])
def test_knees_of_a_hundred_epochs_of_mnist(fan_in, epoch):
    """469 steps of a rate of 0.01 with a decay of 0.001 and momentum 0.9: 0.0469 per epoch."""
    rate = 469 * decay_rate(0.01, 0.001, 0.9)
    assert rate == pytest.approx(0.0469, rel=0.002)
    assert knee(fan_in, rate) == pytest.approx(epoch, abs=0.15)


def test_knee_by_hand():
    assert knee(100, 0.5, 0.01) == pytest.approx(math.log(10) / 0.5)
    assert knee(100, 0.25, 0.01) == pytest.approx(2 * knee(100, 0.5, 0.01))
    assert knee(10_000, 0.5, 0.01) == 0.0
    assert knee(10_001, 0.5, 0.01) == 0.0


def test_share_left_by_hand():
    """Weights uniform to 0.1, threshold 0.01: nine tenths at first, one half when the largest is 0.02, then none."""
    times = np.log([1.0, 5.0, 10.0, 20.0])
    assert share_left(times, 100, 1.0, 0.01) == pytest.approx([0.9, 0.5, 0.0, 0.0])
    assert share_left(np.array([0.0]), 40_000, 1.0, 0.01).tolist() == [0.0]


@pytest.mark.parametrize("lr, momentum", [(0.05, 0.0), (0.01, 0.9)])
def test_torch_decays_like_this(lr, momentum):
    torch.manual_seed(0)
    layer = torch.nn.Linear(100, 200, bias=False)
    moves = torch.optim.SGD(layer.parameters(), lr, momentum, weight_decay=0.02)
    layer.weight.grad = torch.zeros_like(layer.weight)
    rate, left = decay_rate(lr, 0.02, momentum), []
    steps = int(1.2 * knee(100, rate, 0.02))
    for _ in range(steps):
        moves.step()
        left.append(float((layer.weight.abs() > 0.02).float().mean()))
    delay = momentum / (1 - momentum)
    wanted = share_left(np.arange(1, steps + 1) - delay, 100, rate, 0.02)
    assert np.abs(np.array(left) - wanted).max() < 0.02
    gone = next(step for step, share in enumerate(left, 1) if share == 0)
    assert gone == pytest.approx(knee(100, rate, 0.02) + delay, rel=0.02)


@pytest.mark.parametrize("given", [{"lr": 0.0}, {"weight_decay": -1.0}, {"momentum": 1.0}, {"lr": 9.0}])
def test_bad_rates_are_refused(given):
    with pytest.raises(BadInput, match=next(iter(given))):
        decay_rate(**{"lr": 0.1, "weight_decay": 0.2, "momentum": 0.9, **given})


@pytest.mark.parametrize("given", [{"fan_in": 0}, {"rate": 0.0}, {"threshold": -1.0}])
def test_bad_knees_are_refused(given):
    with pytest.raises(BadInput, match=next(iter(given))):
        knee(**{"fan_in": 100, "rate": 0.1, **given})
