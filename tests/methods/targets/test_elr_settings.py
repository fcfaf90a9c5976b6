"""The settings that ELR and ELR+ take where they are not stated: by the number of classes and the kind of noise."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from noisewise.methods.targets.elr import ELR, is_asymmetric
from noisewise.methods.targets.elr_plus import ELRPlus
from noisewise.training.method import EpochEnd, LearningTask
from noisewise.training.networks import Networks

pytestmark = pytest.mark.usefixtures("double")


def values(method):
    """Beta and lambda at present."""
    return tuple(map(float, method.settings))


def labelled(kind, rows=200, classes=4):
    """Predictions of the true class, and labels with 40 % noise of a kind."""
    true = torch.arange(rows) % classes
    other = 1 if kind == "asymmetric" else 1 + torch.arange(rows) // classes % (classes - 1)
    wrong = torch.arange(rows) // classes % 5 < 2
    return functional.one_hot(true, classes).double(), torch.where(wrong, (true + other) % classes, true)


@pytest.mark.parametrize("kind", ["symmetric", "asymmetric"])
def test_the_kind_of_noise_shows_in_the_memory(kind):
    assert is_asymmetric(*labelled(kind)) == (kind == "asymmetric")
    assert not is_asymmetric(torch.eye(4), torch.arange(4))


@pytest.mark.parametrize("kind, settings", [("symmetric", (0.7, 3.0)), ("asymmetric", (0.9, 1.0))])
def test_elr_takes_the_paper_settings_for_the_noise_it_sees(kind, settings):
    predictions, given = labelled(kind)
    method, stated = ELR(), ELR(beta=0.5)
    for each in (method, stated):
        each.prepare(LearningTask(200, 4, given, epochs=30))
        each.memory.copy_(0.3 * predictions)
        for epoch in range(9):
            each.refit(EpochEnd(None, epoch, 30, None, None))
        assert float(each.settings[1]) == 1.0
        each.refit(EpochEnd(None, 9, 30, None, None))
    assert values(method) == settings
    assert values(stated) == (0.5, settings[1])
    method.memory.copy_(labelled("asymmetric")[0])
    method.given = labelled("asymmetric")[1]
    method.refit(EpochEnd(None, 10, 30, None, None))
    assert values(method) == (0.9, 1.0)
    method.given = labelled("symmetric")[1]
    method.refit(EpochEnd(None, 11, 30, None, None))
    assert values(method) == (0.9, 1.0)


def test_a_resumed_elr_keeps_the_kind_of_noise():
    predictions, given = labelled("symmetric")
    method = ELR()
    method.prepare(LearningTask(200, 4, given, epochs=30))
    method.memory.copy_(predictions)
    method.refit(EpochEnd(None, 9, 30, None, None))
    assert values(method) == (0.7, 3.0)
    copy = ELR()
    copy.prepare(LearningTask(200, 4, given, epochs=30))
    copy.load_state_dict(method.state_dict())
    assert values(copy) == values(method)


def test_many_classes_take_the_settings_for_cifar_100():
    method = ELR()
    method.prepare(LearningTask(3, 100, torch.zeros(3, dtype=torch.int64)))
    assert values(method) == (0.9, 7.0)
    nets = Networks([nn.Linear(3, 100), nn.Linear(3, 100)])
    plus = ELRPlus(nets)
    plus.prepare(LearningTask(3, 100, torch.zeros(3, dtype=torch.int64), networks=2))
    assert (values(plus), plus.rise) == ((0.9, 7.0), 0.4)
