"""Small problems with trusted rows, on which learned methods are compared with their definitions."""

import torch
from torch import nn
from torch.func import functional_call

from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks

from ..golden import batch

RNG = torch.Generator()
LR = 0.7


def problem(seed=0, trusted=6):
    """8 rows of 4 classes with an auxiliary batch of trusted rows, in the default dtype."""
    rng = torch.Generator().manual_seed(seed)

    def part(rows, **fields):
        x, y = torch.randn(rows, 5, generator=rng), torch.randperm(rows, generator=rng) % 4
        return batch(x.double(), y, 4, clock=Clock(lr=LR), **fields)

    return part(8, auxiliary={"trusted": part(trusted)})


def made(method):
    """A learner with its memory allocated, in float64."""
    torch.manual_seed(1)
    method.prepare(LearningTask(8, 4, torch.zeros(8, dtype=torch.int64)))
    return method.double()


def networks(bias=True):
    """5-7-4 in float64."""
    torch.manual_seed(2)
    return Networks([nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 4, bias=bias)).double()])


def trusted_loss(nets, params, given):
    trusted = given.auxiliary["trusted"]
    return cross_entropy(functional_call(nets, params, (trusted.x,)), trusted.y).mean()


def meta_gradient(method, given, nets, knobs):
    """The gradient of the trusted loss by the method's parameters, as a step computes it."""
    return method.meta_gradient(*method.along_trusted(given, nets, nets.trainable(), given.clock.lr), knobs)


def alignment(method, given, nets):
    """Of the rows with the trusted gradient, as a step of L2RW computes it."""
    return method.alignment(*method.along_trusted(given, nets, nets.trainable(), 0.0))
