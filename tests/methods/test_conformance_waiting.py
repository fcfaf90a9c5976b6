"""No step of any method waits for the device, and a training on another device ends where it does on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from tests.pretend_device import PretendDevice, Waits
from torch import nn
from torch.testing import assert_close

from noisewise.data.dataset import Dataset
from noisewise.methods import build
from noisewise.noise import corrupt
from noisewise.training.config import Config
from noisewise.training.streams import Streams
from noisewise.training.trainer import Training

from .cases import CASES

pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")

# Methods whose steps wait, and why.
WAITING = {"promix": "the reliable rows of a batch are mixed among themselves: shapes depend on how many there are"}
# What is as large as the inputs is drawn on the device, by another generator than on the CPU.
DRAWS_THERE = {"gradient-noise", "perturbed-gd", "pgd-training", "sop-plus"}


@pytest.fixture(scope="module")
def few():
    """60 handwritten digits with 40 % symmetric noise, 30 trusted and 20 validation rows."""
    x, y = load_digits(return_X_y=True)
    whole = Dataset((x / 16).astype(np.float32), y, tuple("0123456789"), name="digits")
    rows = corrupt(whole.take(np.arange(60)), "symmetric:0.4", seed=0)
    return replace(rows, trusted=whole.take(np.arange(60, 90)), validation=whole.take(np.arange(90, 110)))


def small(shape, classes):
    """One hidden layer, with dropout."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, classes))


def weights(data, spec):
    """The weights at the end of a training, on the host."""
    training = Training(data, small, Config(epochs=4, batch_size=20, lr=0.05, precision="fp32"))
    build(spec)(training)
    training.finish()
    return {name: value.cpu() for name, value in training.predictor.nets.state_dict().items()}


@pytest.mark.parametrize("name", sorted(set(CASES) - set(WAITING)))
def test_no_step_waits(name, few):
    with PretendDevice() as device, device.steps_do_not_wait():
        there = weights(few, CASES[name].spec)
    if name not in DRAWS_THERE:
        assert_close(there, weights(few, CASES[name].spec))


@pytest.mark.parametrize("options", ["order=first", "order=last-layer", "derivative=difference"])
def test_no_form_of_the_meta_gradient_waits(options, few):
    with PretendDevice() as device, device.steps_do_not_wait():
        there = weights(few, f"meta-weight-net:{options}")
    # A difference divides rounding by its small step.
    assert_close(there, weights(few, f"meta-weight-net:{options}"), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", sorted(WAITING))
def test_steps_that_wait_are_known(name, few):
    with PretendDevice() as device, device.steps_do_not_wait(), pytest.raises(Waits):
        weights(few, CASES[name].spec)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_no_step_waits_for_a_gpu(few, monkeypatch):
    original = Streams.epoch

    def epoch(streams, rng):
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield from original(streams, rng)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Streams, "epoch", epoch)
    waiting = {}
    for name in sorted(set(CASES) - set(WAITING)):
        try:
            weights(few, CASES[name].spec)
        except RuntimeError as error:
            waiting[name] = error
    assert not waiting
