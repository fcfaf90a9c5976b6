"""CDR in the form of a practitioner's note, which treats biases like weights, against its rule written out."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from noisewise.methods.gradients.cdr import CDR
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import step

from ..golden import batch

NOTE = {"ordering": "tensor", "compat_kth": True, "biases": True}
LR, MOMENTUM, STEPS = 0.05, 0.9, 20
RNG = torch.Generator()


def small_net():
    """A network with a convolution, a normalisation and biases."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 3)
    ).double()


def batches():
    rng = torch.Generator().manual_seed(4)
    for _ in range(STEPS):
        yield torch.randn(8, 1, 6, 6, generator=rng, dtype=torch.float64), torch.randint(3, (8,), generator=rng)


def held_still(gradient, weight, tau, supplement):
    """Which entries of one tensor are not critical."""
    product, entries = (gradient * weight).abs().flatten(), weight.numel()
    lowest = int(entries * tau)
    if supplement:
        lowest = lowest if entries > 1000 else 0
    if lowest == 0:
        return torch.zeros_like(weight, dtype=torch.bool)
    return (product < product.sort().values[lowest - 1]).view_as(weight)


def by_hand(tau, factor, l2, l1, supplement):
    """The weights after the steps of the rule: mask, factor, decay, momentum."""
    net = small_net()
    velocity = {}
    for inputs, labels in batches():
        gradients = torch.autograd.grad(cross_entropy(net(inputs), labels), list(net.parameters()))
        with torch.no_grad():
            for at, (weight, gradient) in enumerate(zip(net.parameters(), gradients, strict=True)):
                moved = gradient.masked_fill(held_still(gradient, weight, tau, supplement), 0.0)
                moved = moved * (1 - tau) if factor else moved
                moved = moved + l2 * weight + l1 * weight.sign()
                velocity[at] = MOMENTUM * velocity[at] + moved if at in velocity else moved
                weight -= LR * velocity[at]
    return net


def by_library(tau, l2, **options):
    net = small_net()
    nets, method = Networks([net]), CDR(tau, **options)
    method.prepare(LearningTask(8, 3, torch.zeros(8, dtype=torch.int64)))
    optimizer = torch.optim.SGD(nets.parameters(), LR, MOMENTUM, weight_decay=l2)
    for inputs, labels in batches():
        step(nets, method, optimizer, batch(inputs, labels, 3), RNG)
    return net


def difference(one, other):
    return max(float((a - b).detach().abs().max()) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("factor", [True, False])
@pytest.mark.parametrize("l2, l1", [(0.02, 0.0), (0.0, 0.01)], ids=["L2", "L1"])
def test_the_form_of_the_note_with_biases(factor, l2, l1):
    expected = by_hand(0.4, factor, l2, l1, supplement=False)
    assert difference(by_library(0.4, l2, l1=l1, scale=factor, **NOTE), expected) < 1e-14
    without = by_library(0.4, l2, l1=l1, scale=factor, ordering="tensor", compat_kth=True)
    assert difference(without, expected) > 1e-3


@pytest.mark.usefixtures("double")
def test_the_supplement_leaves_small_tensors_alone_with_biases_too():
    expected = by_hand(0.4, False, 0.02, 0.0, supplement=True)
    assert difference(by_library(0.4, 0.02, compat_supplement=True, biases=True), expected) < 1e-14
