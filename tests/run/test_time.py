"""Trainings that stop when their time is over, and go on to the same bits."""

import contextlib
import itertools

import pytest
import torch

from noisewise import allowance
from noisewise.allowance import Allowance, OutOfTime, allowing
from noisewise.run.experiment import Experiment
from noisewise.training.replicas.turns import together

TINY = {"rows": 60, "tested": 40, "epochs": 5, "model": "mlp:8", "batch_size": 20}


@pytest.fixture
def ticking(monkeypatch):
    """Every look at the clock takes a second; gives the next moment."""
    ticks = itertools.count()
    monkeypatch.setattr(allowance, "now", lambda: float(next(ticks)))
    return ticks


def sessions(experiment, folder, ticks, seconds):
    """The finished run, and how many sessions it took."""
    number, run = 0, None
    while run is None and number < 20:
        number += 1
        with contextlib.suppress(OutOfTime), allowing(Allowance(until=next(ticks) + seconds)):
            run = experiment.run(folder, resume=True, report=False)
    return run, number


@pytest.mark.parametrize("method", ["ce", "elr", "dividemix:warmup=2", "glc"])
def test_a_training_in_pieces_ends_at_the_same_bits(method, ticking, tmp_path):
    experiment = Experiment.of("digits", method=method, corrupt="symmetric:0.2", trusted=10, **TINY)
    whole = experiment.run()
    pieces, number = sessions(experiment, tmp_path, ticking, 4.0)
    assert number > 2
    for one, other in zip(
        whole.predictor.nets.state_dict().values(), pieces.predictor.nets.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    columns = [name for name in whole.history if name != "seconds"]
    assert whole.history[columns].equals(pieces.history[columns])


def test_a_training_without_checkpoints_does_not_stop(ticking):
    experiment = Experiment.of("digits", method="ce", **TINY)
    with allowing(Allowance(until=1.0)):
        assert len(experiment.run().history) == 5


def test_stacked_trainings_stop_together_and_go_on(ticking, tmp_path):
    def call(seed):
        def train():
            experiment = Experiment.of("digits", method="ce", seed=seed, **TINY)
            with contextlib.suppress(OutOfTime), allowing(Allowance(until=until)):
                return experiment.run(tmp_path / str(seed), resume=True, report=False)
            return None

        return train

    number, ended = 0, {0: None}
    while None in ended.values() and number < 20:
        number, until = number + 1, next(ticking) + 9.0
        ended = dict(together([call(seed) for seed in range(2)]))
    assert number > 1
    for seed, run in ended.items():
        alone = Experiment.of("digits", method="ce", seed=seed, **TINY).run()
        for one, other in zip(
            alone.predictor.nets.state_dict().values(), run.predictor.nets.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_auto_means_the_device_of_the_allowance():
    config = Experiment.of("digits").config
    with allowing(Allowance(device="cpu")):
        assert config.torch_device.type == "cpu"
    with allowing(Allowance(device="meta")):
        assert config.torch_device.type == "meta"
