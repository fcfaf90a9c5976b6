"""The moving average of networks."""

import copy

import torch
from torch import nn
from torch.testing import assert_close

from noisewise.training import Average, Networks


def network():
    return Networks([nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))])


def test_weights_move_by_equation_one_and_other_buffers_are_copied():
    nets = network()
    average = Average(nets, decay=0.9)
    start = copy.deepcopy(nets.state_dict())
    with torch.no_grad():
        for p in nets.parameters():
            p.add_(1.0)
    nets.train()(torch.randn(8, 3))
    average.update(nets)
    for name, p in average.nets.named_parameters():
        assert_close(p, 0.9 * start[name] + 0.1 * nets.state_dict()[name])
    for name, b in average.nets.named_buffers():
        assert torch.equal(b, nets.state_dict()[name])
    average.update(nets, decay=0.0)
    assert_close(average.nets.state_dict(), nets.state_dict())


def test_it_is_a_copy_that_no_objective_moves():
    nets = network()
    average = Average(nets, decay=0.5)
    assert not any(p.requires_grad for p in average.parameters())
    assert all(p.requires_grad for p in nets.parameters())
    before = copy.deepcopy(average.state_dict())
    with torch.no_grad():
        next(nets.parameters()).zero_()
    assert_close(average.state_dict(), before)
