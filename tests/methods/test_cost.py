"""The passes through a network that every card states are those that are made; the card of `ce` is the unit.

Rows are augmented: without, methods that train on two views of a row leave out the second.
"""

import contextlib
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import nn

from noisewise.data.dataset import Dataset
from noisewise.methods import METHODS, build, card
from noisewise.noise import corrupt
from noisewise.training.config import Config
from noisewise.training.meta import ahead
from noisewise.training.meta.tangent import along
from noisewise.training.trainer import Training

from .cases import CASES

EPOCHS, ROWS, BATCH = 24, 320, 64
# Their passes depend on how far a network has learned or on the number of trusted rows: their cards are for this batch.
SMALLER_BATCH = {"d2l": 32, "glc": 32, "pes": 32}


@dataclass
class Count:
    """Rows that passed."""

    forwards: int = 0
    backwards: int = 0


class Counted(nn.Module):
    """A small network whose passes are counted."""

    def __init__(self, count):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
        self.count = count

    def __deepcopy__(self, memo):
        copied = Counted(self.count)
        copied.load_state_dict(self.state_dict())
        for name, parameter in copied.named_parameters():
            parameter.requires_grad_(self.get_parameter(name).requires_grad)
        return copied

    def forward(self, x):
        logits = self.body(x)
        self.count.forwards += len(logits)
        if logits.requires_grad:
            logits.register_hook(self._backward)
        return logits

    def _backward(self, gradient):
        self.count.backwards += len(gradient)


def digits(batch):
    """Digits with 40 % symmetric noise, and as many trusted rows as a batch."""
    x, y = load_digits(return_X_y=True)
    whole = Dataset((x / 16).astype(np.float32), y, tuple(map(str, range(10))))
    noisy = corrupt(whole.take(np.arange(ROWS)), "symmetric:0.4", seed=0)
    trusted = whole.take(np.arange(ROWS, ROWS + batch))
    return Dataset(noisy.inputs, noisy.given, whole.classes, index=noisy.index, trusted=trusted)


@contextlib.contextmanager
def derivatives_counted(count):
    """Within the block, a derivative along a change of the weights counts as a backward pass."""

    def counted(output, changes):
        count.backwards += output.shape[-2] * output.shape[0]
        return along(output, changes)

    with mock.patch.object(ahead, "along", counted):
        yield


def passes(spec, batch=BATCH):
    """Forward and backward passes per training row and epoch of a training with default options."""
    count = Count()
    config = Config(epochs=EPOCHS, batch_size=batch, lr=0.1, validation=0.0, augment="jitter:0.01")
    with derivatives_counted(count):
        build(spec)(Training(digits(batch), lambda shape, classes: Counted(count), config))
    return count.forwards / (ROWS * EPOCHS), count.backwards / (ROWS * EPOCHS)


def check_cost(counted, stated):
    forwards, backwards = counted
    print(f"{stated.name}: {forwards:.2f} forward, {backwards:.2f} backward")
    assert (forwards + 2 * backwards) / 3 == pytest.approx(stated.relative_cost, rel=0.1)
    assert forwards == pytest.approx(stated.forwards, rel=0.1, abs=0.05)
    assert backwards == pytest.approx(stated.backwards, rel=0.1, abs=0.05)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_the_card_counts_the_passes(name):
    counted = passes(CASES[name].counted or name, SMALLER_BATCH.get(name, BATCH))
    if not CASES[name].passes:
        assert counted == (0, 0)
        return
    check_cost(counted, card(name))


def test_a_card_that_counts_too_few_is_caught():
    with pytest.raises(AssertionError):
        check_cost(passes("sam"), card("ce"))
