"""Rates of joint parameters, networks that recipes make, and fits of no epoch."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import noisewise
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.training import Batch, Chain, Config, Ledger, Method, Networks, Training, step


@pytest.fixture
def training():
    """Of forty rows of three classes."""
    rng = np.random.default_rng(0)
    data = Dataset(rng.normal(size=(40, 4)).astype(np.float32), rng.integers(3, size=40), ("a", "b", "c"))
    return Training(data, "mlp:8", Config(epochs=3, validation=0.0, batch_size=16, lr=0.1, schedule="constant"))


class Pulled(Method):
    """One parameter whose gradient is one."""

    def __init__(self, lr=None):
        super().__init__()
        self.value, self.joint_lr = nn.Parameter(torch.zeros(())), lr

    def penalty(self, batch):
        return self.value


def test_a_fit_of_no_epoch_trains_none(training):
    learner = training.fit(training.learner(), Method(), 0)
    assert (learner.epochs_done, training.history) == (0, [])
    assert training.fit(learner, Method()).epochs_done == 3


@pytest.mark.parametrize("epochs", [-1, 1.5, True])
def test_a_number_of_epochs_that_is_none_is_refused(training, epochs):
    with pytest.raises(BadInput, match="epochs"):
        training.fit(training.learner(), Method(), epochs)


@pytest.mark.parametrize("rates", [(0.5, 0.02), (None, 0.02), (0.5, None)])
def test_every_part_of_a_chain_has_its_own_rate(training, rates):
    parts = [Pulled(rate) for rate in rates]
    training.fit(training.learner(), Chain(parts), 2)
    alone = [Pulled(rate) for rate in rates]
    for part in alone:
        training.fit(training.learner(), part, 2)
    assert [p.value.item() for p in parts] == pytest.approx([p.value.item() for p in alone])
    assert parts[0].value.item() != pytest.approx(parts[1].value.item())


def test_networks_of_a_recipe_have_the_precision_of_the_training(training):
    data, config = training.data, Config(epochs=1, precision="bf16")
    half = Training(data, "mlp:8", config)
    assert half.networks([nn.Linear(4, 3)]).precision == half.learner().nets.precision == "bf16"
    assert (
        half.networks([nn.Linear(4, 3)], "fp32").precision == training.networks([nn.Linear(4, 3)]).precision == "fp32"
    )


def test_only_the_training_makes_networks_of_recipes():
    root = Path(noisewise.__file__).parent
    makers = [
        path.relative_to(root)
        for folder in ("methods", "studies", "auditing", "run")
        for path in (root / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Networks"
    ]
    assert set(makers) == {Path("run/saved.py")}, "which builds trained networks again, to predict with them"


def test_a_batch_of_a_data_loader_trains_in_an_ordinary_loop():
    x, labels, index = torch.randn(8, 4), torch.arange(8) % 3, torch.arange(8)
    batch = Batch.of(x, labels, 3, index)
    assert torch.equal(batch.y.argmax(dim=1), labels)
    assert (len(batch), batch.w.tolist(), batch.clock.epochs) == (8, [1.0] * 8, 1)
    nets, ledger = Networks([nn.Linear(4, 3)]), Ledger(labels, 3)
    before = nets[0].weight.clone()
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    ledger.observe(step(nets, Method(), optimizer, batch, torch.Generator()))
    assert not torch.equal(nets[0].weight, before)
    assert ledger.seen.tolist() == [1] * 8
