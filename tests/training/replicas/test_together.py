"""Trainings together end as they end alone, to rounding, whatever they are made of; none stops another."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.pretend_device import WAITS, Waits
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from noisewise.data import Dataset, load, subset
from noisewise.errors import Diverged
from noisewise.methods import METHODS, build, card
from noisewise.run.experiment import Experiment
from noisewise.training import Method, resume
from noisewise.training.observer import Observer
from noisewise.training.replicas import epoch, together
from noisewise.training.trainer import Training

# Of the largest weight of a tensor. Rounding differs because sums run in another order, and grows with every step.
CLOSE = 1e-4


def pictures(rows: int = 96, side: int = 12) -> Dataset:
    """Byte images of three classes, the last third of them for testing."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, rows)
    images = (rng.random((rows, side, side, 3)) * 120).astype(np.uint8)
    images[np.arange(rows), 3 * labels + 2] += 100
    classes, cut = ("a", "b", "c"), rows - rows // 3
    test = Dataset(images[cut:], labels[cut:], classes, kind="image")
    return Dataset(images[:cut], labels[:cut], classes, kind="image", test=test)


@cache
def digits() -> Dataset:
    return subset(load("digits"), 120, seed=0)


def on_digits(seed: int, method: str = "ce", **more) -> Experiment:
    stated = {"model": "mlp:16", "epochs": 2, "corrupt": "symmetric:0.3", "lr": 0.2, "batch_size": 32}
    return Experiment.of(digits(), method=method, seed=seed, **{**stated, **more})


def trained(experiment: Experiment, folder: Path | None = None) -> Training:
    """The finished training of an experiment, from its checkpoint if there is one."""
    training = experiment.training(experiment.data(), folder=folder, resume=True)
    build(experiment.method)(training)
    training.finish()
    return training


def assert_equal(one: Training, alone: Training, close: float = CLOSE) -> None:
    """Weights of the epoch that is kept, all methods' memories, history and ledger agree."""
    assert one.selected.keys() == alone.selected.keys()
    states = [(one.selected, alone.selected), (one.ledger.state_dict(), alone.ledger.state_dict())]
    states += [(a.state_dict(), b.state_dict()) for (a, _), (b, _) in zip(one._methods, alone._methods, strict=True)]
    for found, expected in states:
        for name, tensor in expected.items():
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.numel():
                scale = float(tensor.nan_to_num(0, 0, 0).abs().max())
                told = partial("{0}: {1}".format, name)
                torch.testing.assert_close(found[name], tensor, rtol=0, atol=close * scale, msg=told, equal_nan=True)
    rows, others = pd.DataFrame(one.history), pd.DataFrame(alone.history)
    assert list(rows) == list(others)
    numbers = [name for name in others.select_dtypes("number") if name != "seconds"]
    np.testing.assert_allclose(rows[numbers], others[numbers], rtol=10 * close, atol=close)


def all_of(calls: Iterable[Callable[[], Any]], **options: Any) -> list[Any]:
    """What calls return together, in their order."""
    return [value for _, value in sorted(together(calls, **options), key=lambda pair: pair[0])]


def compared(experiments: list[Experiment], close: float = CLOSE) -> list[int]:
    """Run experiments alone and together; how many were trained as one, round by round."""
    sizes: list[int] = []
    found = all_of([partial(trained, experiment) for experiment in experiments], trained=sizes.append)
    for training, experiment in zip(found, experiments, strict=True):
        assert isinstance(training, Training), training
        assert_equal(training, trained(experiment), close)
    return sizes


def test_seeds_rates_and_learning_rates_are_one_computation():
    experiments = [
        on_digits(0),
        on_digits(1),
        on_digits(0, corrupt="symmetric:0.6"),
        on_digits(0, lr=0.05),
        on_digits(2, lr=0.05, schedule="step", momentum=0.5, weight_decay=0.01),
        on_digits(3, clip_norm=0.5),
    ]
    assert compared(experiments) == [6, 6]


@pytest.mark.parametrize("optimizer", ["nesterov", "adam", "adamw"])
def test_optimisers(optimizer):
    rate = 0.2 if optimizer == "nesterov" else 0.01
    assert compared([on_digits(seed, optimizer=optimizer, lr=rate * (1 + seed // 2)) for seed in range(3)]) == [3, 3]


# One of each kind: memories of logits and of losses, several networks, gradients, edits, learned stations, recipes.
KINDS = (
    "elr",
    "self-paced",
    "coteaching",
    "cdr",
    "sam",
    "mixup",
    "meta-weight-net",
    "t-revision",
    "dividemix",
    "sop",
    "resampling",
)


EVERY = [name if name in KINDS else pytest.param(name, marks=pytest.mark.slow) for name in METHODS.own]


@pytest.mark.parametrize("method", EVERY)
def test_every_method(method):
    sizes = compared([on_digits(seed, method, trusted=30, lr=0.05 + 0.1 * seed) for seed in range(2)])
    alone = "run" in card(method).stations or method == "adaboost"  # its own forward pass; trees have no step
    assert (2 in sizes) is not alone


@pytest.mark.parametrize(
    "model",
    [
        "lenet",
        "fast",
        "speedy:width=4",
        pytest.param("wide-resnet:depth=10,width=1,dropout=0.3", marks=pytest.mark.slow),
    ],
)
def test_normalisation_dropout_and_augmentation(model):
    data = pictures(48)
    drawn = partial(Experiment.of, data, method="ce", model=model, epochs=2, batch_size=16, augment="crop:2+flip")
    assert compared([drawn(seed=seed, lr=0.02 + 0.01 * seed) for seed in range(2)], close=1e-3) == [2, 2]


def dropping(shape: tuple[int, ...], classes: int) -> nn.Module:
    """A network with dropout."""
    inputs = int(np.prod(shape))
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, classes))


def test_dropout_of_each_replica_is_its_own():
    runs = [on_digits(seed, model=dropping) for seed in range(3)]
    assert compared(runs) == [3, 3]
    assert compared([on_digits(seed, "sam", model=dropping) for seed in range(2)]) == [2, 2]
    pair = [on_digits(seed, "coteaching", model=dropping) for seed in range(2)]
    assert compared(pair) == [1, 1, 1, 1]  # two networks draw one after the other


class Choosy(nn.Module):
    """A network that looks at values, which cannot be done for several replicas at once."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layer(x.flatten(1))
        return out if out.sum() > 0 else 2 * out


def test_what_cannot_be_stacked_is_trained_alone():
    choosy = lambda shape, classes: Choosy(int(np.prod(shape)), classes)  # noqa: E731
    assert compared([on_digits(seed, model=choosy) for seed in range(2)]) == [1, 1, 1, 1]
    assert compared([on_digits(0), on_digits(0, model="mlp:8"), on_digits(1)]) == [2, 1, 2, 1]
    assert compared([on_digits(0), on_digits(0, epochs=3), on_digits(1, patience=1, epochs=4)])[0] == 3


def test_a_run_that_diverges_or_fails_stops_no_other():
    class Failing(Method):
        def observe(self, batch):
            if batch.clock.epoch == 1:
                raise ValueError("no more")

    good = on_digits(0)
    bad = [on_digits(1, lr=1e30, epochs=3), replace(good, method=Failing())]
    found = all_of([partial(trained, one) for one in (bad[0], good, bad[1])])
    assert isinstance(found[0], Diverged)
    assert "in epoch 1, step" in str(found[0])
    assert isinstance(found[2], ValueError)
    assert_equal(found[1], trained(good))
    with pytest.raises(Diverged) as alone:
        trained(bad[0])
    assert str(alone.value) == str(found[0])


def test_each_replica_keeps_its_checkpoint_and_goes_on_alone_or_together(tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1)
    experiments = [on_digits(seed, "elr", epochs=4) for seed in range(3)]

    class Stop(Observer):
        def recorded(self, row):
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    def stopped(experiment, folder):
        training = experiment.training(experiment.data(), [Stop()], folder=folder)
        build(experiment.method)(training)

    def saved(experiment, folder):
        with contextlib.suppress(KeyboardInterrupt):
            stopped(experiment, folder)

    folders = [tmp_path / str(seed) for seed in range(3)]
    all_of([partial(saved, *each) for each in zip(experiments, folders, strict=True)])
    sizes = []
    calls = [partial(trained, *each) for each in zip(experiments[:2], folders, strict=False)]
    found = all_of(calls, trained=sizes.append)
    assert sizes == [2, 2, 2]  # the checkpoint is of the end of the first epoch
    found.append(trained(experiments[2], folders[2]))
    for training, experiment in zip(found, experiments, strict=True):
        assert_equal(training, trained(experiment))
    assert (folders[0] / "state.pt").stat().st_size < 1.1 * (folders[2] / "state.pt").stat().st_size


def test_an_interruption_ends_all_and_reaches_the_caller():
    seen = []

    def interrupted():
        raise KeyboardInterrupt

    def followed():
        try:
            return trained(on_digits(0))
        finally:
            seen.append("ended")

    with pytest.raises(KeyboardInterrupt):
        all_of([followed, interrupted, followed])
    assert seen == ["ended", "ended"]


def test_at_most_so_many_are_under_way_and_what_ends_makes_room():
    under, most = set[int](), list[int]()

    def call(number: int) -> int:
        under.add(number)
        most.append(len(under))
        trained(on_digits(number, epochs=1 + number % 2))
        under.remove(number)
        return number

    sizes: list[int] = []
    assert all_of((partial(call, number) for number in range(5)), at_once=2, trained=sizes.append) == [0, 1, 2, 3, 4]
    assert max(most) == 2
    assert sizes.count(2) >= 2
    assert all_of([lambda n=n: n for n in range(3)], at_once=1) == [0, 1, 2]
    assert all_of([]) == []


def test_leaving_early_ends_what_is_under_way():
    running = together([partial(trained, on_digits(0)), lambda: 3])
    assert next(running) == (1, 3)
    running.close()


def test_random_states_between_epochs_are_those_of_each_replica():
    class Drawing(Method):
        def __init__(self):
            super().__init__()
            self.register_buffer("drawn", torch.zeros(3))

        def refit(self, epoch_end):
            self.drawn += torch.rand(3)

    assert compared([replace(on_digits(seed), method=Drawing()) for seed in range(2)]) == [2, 2]


class NoWaits(TorchDispatchMode):
    """Raises for operations that wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        places = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name in WAITS or any(place is not None and place.dtype is torch.bool for place in places):
            raise Waits(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", ["ce", "elr", "coteaching", "sam"])
def test_steps_of_replicas_do_not_wait(method, monkeypatch):
    steps, real = [], epoch._step

    def watched(*given):
        with NoWaits():
            real(*given)
        steps.append(1)

    monkeypatch.setattr(epoch, "_step", watched)
    found = all_of([partial(trained, on_digits(seed, method, noise_rate=0.3)) for seed in range(2)])
    assert all(isinstance(one, Training) for one in found), found
    assert len(steps) == 8
    with pytest.raises(Waits), NoWaits():
        torch.ones(3).sum().item()
