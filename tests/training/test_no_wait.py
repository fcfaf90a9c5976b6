"""Steps ask nothing of the device that the host would have to wait for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.pretend_device import DEVICE, PretendDevice, Waits
from torch import Tensor, nn

from noisewise.data import load, subset
from noisewise.data.dataset import Dataset
from noisewise.devices import generator_on, sent
from noisewise.errors import Diverged
from noisewise.methods import METHODS
from noisewise.training import Config
from noisewise.training.batch import Batch, Clock
from noisewise.training.ledger import Ledger
from noisewise.training.step import LateCheck
from noisewise.training.trainer import Training

COLOURED = "crop:1+flip+cutout:2+jitter:0.1+randaugment:2+autoaugment:cifar10"


def images(rows: int) -> Dataset:
    """Small colour images of random bytes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (rows, 8, 8, 3), dtype=np.uint8)
    return Dataset(pixels, rng.integers(0, 3, rows), ("a", "b", "c"), kind="image", name="noise")


def small(shape: tuple[int, ...], classes: int) -> nn.Module:
    """One hidden layer, with dropout."""
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, classes))


def trained(augment: str, **settings: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights and the ledger at the end of a training, on the host."""
    config = Config(epochs=2, batch_size=10, lr=0.05, augment=augment, precision="fp32", **settings)
    training = Training(images(330), small, config)  # more batches than the ledger records together
    training.fit(training.learner(), METHODS["ce"]())
    parts = (training.learner().nets, training.ledger)
    return tuple({name: value.cpu() for name, value in part.state_dict().items()} for part in parts)


@pytest.mark.parametrize("settings", [{}, {"clip_norm": 1.0}, {"optimizer": "adamw", "schedule": "cosine"}])
def test_a_training_that_waits_for_nothing_is_that_of_the_cpu(settings: dict[str, Any]) -> None:
    with PretendDevice() as device, device.steps_do_not_wait():
        there = trained("crop:1+flip+cutout:2", **settings)
    here = trained("crop:1+flip+cutout:2", **settings)
    for one, other in zip(there, here, strict=True):
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_no_augmentation_waits() -> None:
    with PretendDevice() as device, device.steps_do_not_wait():
        trained(COLOURED)


WAITS: dict[str, Callable[[Tensor], object]] = {
    "a value": lambda x: x.sum().item(),
    "a number": lambda x: float(x.sum()),
    "a decision": lambda x: bool(x.any()),
    "a mask": lambda x: x[x > 0],
    "an assignment by a mask": lambda x: x.clone().masked_fill_(x > 0, 1.0).__setitem__(x > 0, 0.0),
    "places": torch.nonzero,
    "a copy to the host": lambda x: x.cpu(),
    "a copy to the device": lambda x: torch.ones(3).to(x.device),
    "a copy into a tensor": lambda x: x.clone().copy_(torch.ones(3)),
    "a constant": lambda x: torch.tensor(1.0, device=x.device),
    "a new constant": lambda x: x.new_tensor([1.0]),
    "an index on the host": lambda x: x[torch.tensor([0, 1])],
    "an index of the device as a number": lambda x: x[torch.zeros((), dtype=torch.int64, device=x.device)],
}
FREE: dict[str, Callable[[Tensor], object]] = {
    "arithmetic": lambda x: torch.where(x > 0, 2 * x + 1, x.exp()).mean(),
    "a number of the host": lambda x: x * torch.tensor(2.0),
    "a copy that nothing waits for": lambda x: sent(torch.ones(3), x.device) + x,
    "a draw": lambda x: torch.rand(3, generator=generator_on(x.device, torch.Generator()), device=x.device) + x,
}


@pytest.mark.parametrize("what", [*WAITS, *FREE])
def test_the_stand_in_notices_what_waits(what: str) -> None:
    with PretendDevice() as device:
        x = torch.ones(3, device=DEVICE)
        if what in FREE:
            with device.no_waits():
                FREE[what](x)
            return
        WAITS[what](x)
        with device.no_waits(), pytest.raises(Waits):
            WAITS[what](x)


def test_the_stand_in_refuses_what_a_device_refuses() -> None:
    with PretendDevice():
        x = torch.ones(3, device=DEVICE)
        with pytest.raises(AssertionError, match="mixes tensors"):
            x + torch.ones(3)
        with pytest.raises(AssertionError, match="generator of the host"):
            torch.rand(3, generator=torch.Generator(), device=DEVICE)


def test_a_late_check_names_the_first_step_that_was_not_finite() -> None:
    late = LateCheck()
    for number, value in enumerate((1.0, float("nan"), float("inf"))):
        late(torch.tensor(value), Clock(2, 5, number, 3))
    with pytest.raises(Diverged, match="nan in epoch 3, step 2"):
        late.finish()
    late.finish()


@pytest.mark.parametrize("networks", [1, 2])
def test_batches_recorded_together_are_recorded_as_one_by_one(networks: int) -> None:
    torch.manual_seed(0)
    given = torch.randint(0, 7, (331,))
    together, alone = Ledger(given, 7, 4), Ledger(given, 7, 4)
    for _ in range(3):
        for index in torch.randperm(331).split(8):
            logits = 3 * torch.randn(networks, len(index), 7)
            batch = Batch.of(torch.zeros(len(index), 1), given[index], 7, index)
            batch = replace(batch, logits=logits)
            together.observe(batch, known=together.knows(index))
            alone.observe(batch)
        for ledger in (together, alone):
            ledger.end_epoch(lambda mask: [])
        for name, buffer in alone.named_buffers():
            assert torch.equal(buffer, together.get_buffer(name)), name


def test_rows_that_are_not_trained_on_are_not_recorded() -> None:
    torch.manual_seed(0)
    given = torch.where(torch.rand(60) < 0.4, -1, torch.randint(0, 5, (60,)))
    some, alone = Ledger(given, 5, 4), Ledger(given, 5, 4)
    for _ in range(4):
        for index in torch.randperm(60).split(13):
            batch = replace(Batch.of(torch.zeros(len(index), 1), given[index].clamp_min(0), 5, index), logits=None)
            logits = 3 * torch.randn(2, len(index), 5)
            some.observe(replace(batch, logits=logits))
            trained = given[index] >= 0
            alone.record(index[trained], logits[:, trained])
    assert not some.seen[given < 0].any()
    for name, buffer in alone.named_buffers():
        assert torch.equal(buffer, some.get_buffer(name)), name


def test_rows_drawn_twice_or_not_trained_on_are_not_known() -> None:
    ledger = Ledger(torch.tensor([0, 1, -1]), 2)
    assert ledger.knows(torch.tensor([1, 0]))
    assert not ledger.knows(torch.tensor([0, 0]))
    assert not ledger.knows(torch.tensor([0, 2]))


def test_an_epoch_that_diverged_mixes_with_no_later_one() -> None:
    data = replace(subset(load("digits"), 200, seed=0), test=None)
    training = Training(data, "mlp:8", Config(epochs=2, lr=1e30, validation=0.0, batch_size=20))
    method = METHODS["ce"]()
    for epoch in (1, 2):
        learner = training.learner(f"try {epoch}")
        with pytest.raises(Diverged):
            training.fit(learner, method, 1)
        training.ledger.flush()
        assert int(training.ledger.seen.sum()) % 20 == 0
        assert int(training.ledger.seen.max()) <= epoch
        assert int(training.ledger.seen.sum()) >= 20 * epoch
