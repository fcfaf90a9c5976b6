"""Learning-rate schedules."""

import pytest
import torch

from noisewise.training import Config
from noisewise.training.optim import learning_rate

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
