"""What holds for every method that sets its own noise rate: right labels cost little, stating the rate gains little.

Accuracies are means over the last three epochs on digits, next to plain training in the same setting.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from noisewise.data.dataset import Dataset
from noisewise.methods import METHODS, build
from noisewise.methods.build import card
from noisewise.methods.rate import SELF_SET, NoiseRate
from noisewise.noise import corrupt
from noisewise.training.config import Config
from noisewise.training.observer import Observer
from noisewise.training.trainer import Training

SELECTING = sorted(name for name in METHODS if SELF_SET in card(name).departures)
CONFIG = Config(epochs=20, batch_size=64, lr=0.05)
NAMES = tuple(str(i) for i in range(10))


class Watch(Observer):
    """The noise rate of the method after every epoch."""

    def __init__(self):
        self.rates = []

    def after_epoch(self, training, method):
        self.rates += [part.value for part in method.modules() if isinstance(part, NoiseRate)]
        return {}


@cache
def digits(rate):
    """1,200 rows with symmetric noise and 597 test rows, as vectors in [0, 1]."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    whole = Dataset((x[order] / 16).astype(np.float32), y[order], NAMES, name="digits")
    rows = whole.take(np.arange(1200))
    noisy = corrupt(rows, f"symmetric:{rate}", seed=0) if rate else rows
    return replace(noisy, test=whole.take(np.arange(1200, 1797)))


def small(shape, classes):
    """One hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 64), nn.ReLU(), nn.Linear(64, classes))


@cache
def reached(spec, rate, stated=False):
    """Test accuracy, and the method's noise rate at the end."""
    watch = Watch()
    training = Training(digits(rate), small, CONFIG, noise_rate=rate if stated else None, observers=[watch])
    build(spec)(training)
    accuracy = float(np.mean([row["test_accuracy"] for row in training.history[-3:]]))
    return accuracy, watch.rates[-1] if watch.rates else None


def test_all_that_drop_rows_by_a_rate_say_how_they_set_it():
    some = {"coteaching", "coteaching-plus", "jocor", "self-paced", "mentornet", "cdr", "truncated-gce"}
    assert some <= set(SELECTING)


@pytest.mark.parametrize("name", SELECTING)
def test_right_labels_cost_at_most_two_points(name):
    accuracy, rate = reached(name, 0.0)
    plain = "gce" if name == "truncated-gce" else "ce"
    assert accuracy >= reached(plain, 0.0)[0] - 0.02
    assert rate < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_stating_the_rate_gains_little(rate):
    found = {name: reached(name, rate) for name in SELECTING}
    assert {name: value for name, (_, value) in found.items()} == pytest.approx(dict.fromkeys(found, rate), abs=0.1)
    gains = [reached(name, rate, stated=True)[0] - accuracy for name, (accuracy, _) in found.items()]
    assert np.mean(gains) < 0.01
    assert max(gains) < 0.035


@pytest.mark.slow
@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("name", [*SELECTING, "cores2"])
def test_nothing_ends_at_chance_under_heavy_noise(name, stated):
    assert reached(name, 0.8, stated)[0] > 0.25


def test_a_method_alone_that_knows_no_number_of_steps_waits_for_stable_predictions():
    noise = NoiseRate(Training(digits(0.0), small, CONFIG).task, None)
    assert noise._steps == 19
    noise = NoiseRate(replace(Training(digits(0.0), small, CONFIG).task, steps=None), 0.3)
    assert (noise.value, noise.dropped) == (0.3, 0.0)
    assert torch.equal(noise.before, torch.zeros(0, 10))
