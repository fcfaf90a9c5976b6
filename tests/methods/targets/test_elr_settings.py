"""The settings that ELR and ELR+ take where they are not stated, by the number of classes."""

import pytest
import torch
from torch import nn

from noisewise.methods.targets.elr import ELR
from noisewise.methods.targets.elr_plus import ELRPlus
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks


@pytest.mark.parametrize("classes, beta, lam, rise", [(10, 0.7, 3.0, 0.0), (100, 0.9, 7.0, 0.4)])
def test_few_and_many_classes_take_the_settings_of_the_paper(classes, beta, lam, rise):
    plus = ELRPlus(Networks([nn.Linear(3, classes), nn.Linear(3, classes)]))
    for method in (ELR(), plus):
        method.prepare(LearningTask(3, classes, torch.zeros(3, dtype=torch.int64), networks=2))
        assert (method.beta, method.lam) == (beta, lam)
    assert plus.rise == rise


def test_stated_settings_are_kept():
    method = ELR(lam=0.0)
    method.prepare(LearningTask(3, 100, torch.zeros(3, dtype=torch.int64)))
    assert (method.beta, method.lam) == (0.9, 0.0)
