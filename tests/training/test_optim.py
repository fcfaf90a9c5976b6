"""Learning-rate schedules and optimisers."""

import copy
import math

import pytest
import torch
from torch import nn

from noisewise.training import Config
from noisewise.training.optim import FusedSGD, build_optimizer, learning_rate, schedule

STEPS = 101  # torch's cycle ends at its last step, ours at the end of the training: shares of 100


@pytest.mark.parametrize(("warmup", "rising"), [(0.0, 0.3), (0.3, 0.3), (0.12, 0.12)])
def test_one_cycle_is_that_of_torch(warmup, rising):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 1.0, momentum=0.9)
    pct_start = (rising * (STEPS - 1) + 1) / STEPS  # the step of the peak counts as rising there
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, STEPS, pct_start=pct_start, cycle_momentum=False)
    expected = []
    for _ in range(STEPS):
        expected.append(cycle.get_last_lr()[0])
        optimizer.step()
        if len(expected) < STEPS:
            cycle.step()
    config = Config(lr=0.4, schedule="one-cycle", warmup=warmup)
    found = [learning_rate(config, step / (STEPS - 1), 7) for step in range(STEPS)]
    assert found == pytest.approx(expected, rel=1e-9)


def test_restarts_are_those_of_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.02)
    restarts = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10, eta_min=0.001)
    expected = []
    for quarter in range(4 * 30):
        optimizer.step()
        restarts.step(quarter / 4)
        expected.append(restarts.get_last_lr()[0])
    config = Config(lr=0.02, least_lr=0.001, cycles=3)
    found = [learning_rate(config, quarter / 120, 30) for quarter in range(120)]
    assert found == pytest.approx(expected, abs=1e-9)
    assert found[40] == found[80] == pytest.approx(0.02)
    assert learning_rate(Config(lr=0.02, least_lr=0.001), 1.0, 30) == pytest.approx(0.001)


@pytest.mark.parametrize(("name", "key"), [("adam", "betas"), ("sgd", "momentum")])
def test_momentum_falls_at_the_first_milestone(name, key):
    config = Config(optimizer=name, schedule="linear", milestones=(0.4, 0.8), late_momentum=0.1)
    optimizer = build_optimizer(config, [torch.nn.Parameter(torch.zeros(1))])
    seen = []
    for progress in (0.0, 0.39, 0.4, 0.9):
        lr = schedule(optimizer, config, progress, 10)
        assert optimizer.param_groups[0]["lr"] == lr
        seen.append(optimizer.param_groups[0][key])
    assert seen == ([(0.9, 0.999)] * 2 + [(0.1, 0.999)] * 2 if name == "adam" else [0.9, 0.9, 0.1, 0.1])


def test_a_rate_beyond_the_range_of_floats_is_infinite():
    config = Config(schedule="exponential", gamma=1e38, lr=1.0)
    assert learning_rate(config, 0.5, 10_000) == math.inf


@pytest.mark.parametrize("settings", [{}, {"nesterov": True}, {"momentum": 0.0}])
def test_fused_sgd_is_that_of_torch_to_the_bit(settings):
    def moved(kind):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        asked = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "fused": True, **settings}
        optimizer = kind([{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.01}], **asked)
        for number in range(6):
            optimizer.zero_grad()
            (net if number != 4 else net[2])(torch.randn(5, 4 if number != 4 else 8)).square().mean().backward()
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + number)
            optimizer.step()
            if number == 2:
                stored = copy.deepcopy(optimizer.state_dict())
                optimizer.load_state_dict(stored)
        return [*net.parameters(), *(b for state in optimizer.state.values() for b in state.values() if b is not None)]

    for ours, theirs in zip(moved(FusedSGD), moved(torch.optim.SGD), strict=True):
        assert torch.equal(ours, theirs)
