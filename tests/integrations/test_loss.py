"""`NoisyLoss` in a loop of one's own ends at the weights that `step` ends at."""

import importlib
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from noisewise.errors import BadInput
from noisewise.integrations import NoisyLoss, RowSampler
from noisewise.methods import METHODS, card
from noisewise.methods.losses.gce import GCE
from noisewise.training import Batch, Clock, EpochEnd, LearningTask, Ledger, Networks, step
from noisewise.training.batch import one_hot

ROWS, CLASSES, EPOCHS, BATCH = 90, 3, 4, 20
MORE = "needs more than a loss|trains in phases"


def rows():
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(ROWS) % CLASSES
    x = torch.randn(ROWS, 5, generator=rng) + 2 * one_hot(labels, 5)
    labels[::7] = (labels[::7] + 1) % CLASSES
    return x, labels


def networks(count):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Networks([nn.Linear(5, CLASSES) for _ in range(count)]).train()


def followed(noise, count, epochs=EPOCHS, workers=0):
    """The networks and the loss after a plain loop."""
    x, y = rows()
    nets = networks(count)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1, momentum=0.9)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, sampler=noise.sampler, num_workers=workers)
    for epoch in range(epochs):
        noise.begin_epoch(epoch)
        for x_batch, y_batch in loader:
            loss = noise(nets(x_batch), y_batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found = noise.end_epoch()
    return nets, found


def stepped(method, count, steps):
    """The networks after the same epochs by `step`."""
    x, y = rows()
    nets, ledger, sampler = networks(count), Ledger(y, CLASSES, EPOCHS), RowSampler(ROWS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        method.prepare(LearningTask(ROWS, CLASSES, y, EPOCHS, None, count, steps=steps))
    optimizer = torch.optim.SGD(nets.parameters(), 0.1, momentum=0.9)
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for number, index in enumerate(torch.tensor(list(sampler)).split(BATCH)):
            clock = Clock(epoch, EPOCHS, number, steps)
            batch = Batch(x[index], one_hot(y[index], CLASSES), index, torch.ones(len(index)), clock=clock)
            ledger.observe(step(nets, method, optimizer, batch, torch.Generator()))
        ledger.end_epoch(lambda missing: ())
        method.refit(EpochEnd(nets, epoch, EPOCHS, lambda *_: (), ledger))
    return nets, ledger


def made(name, count):
    return NoisyLoss(rows()[1], CLASSES, name, epochs=EPOCHS, batch_size=BATCH, networks=count)


@pytest.mark.parametrize("name", METHODS.own)
def test_every_method_ends_at_the_weights_of_steps_or_is_refused(name):
    count = card(name).networks
    entry = METHODS[name]
    if not isinstance(entry, type):
        with pytest.raises(BadInput, match=MORE):
            made(name, count)
        return
    try:
        noise = made(name, count)
    except BadInput:
        return
    nets, _ = followed(noise, count)
    expected, ledger = stepped(entry(), count, noise.steps)
    for one, other in zip(nets.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert torch.equal(noise.ledger.seen, ledger.seen)
    torch.testing.assert_close(noise.ledger.loss_sum, ledger.loss_sum)


def test_enough_methods_are_possible():
    possible = []
    for name in METHODS.own:
        try:
            made(name, card(name).networks)
        except BadInput:
            continue
        possible.append(name)
    assert {"ce", "gce", "elr", "coteaching", "jocor", "bootstrap-soft", "cores2", "self-paced"} <= set(possible)
    assert not {"mixup", "cdr", "l2rw", "dividemix", "truncated-gce", "auto", "learned-loss"} & set(possible)


def test_wrong_labels_are_found_and_workers_change_nothing():
    noise = made("elr", 1)
    followed(noise, 1)
    other = made("elr", 1)
    followed(other, 1, workers=2)
    found = noise.samples()
    assert found["suspicion"].equals(other.samples()["suspicion"])
    assert found["is_issue"][::7].mean() > 0.8
    assert len(found) == ROWS


def test_coteaching_drops_rows_at_a_stated_rate():
    noise = NoisyLoss(
        rows()[1], CLASSES, "coteaching:gradual=2", epochs=8, batch_size=BATCH, networks=2, noise_rate=0.15
    )
    _, found = followed(noise, 2, epochs=8)
    assert found["selected"] == pytest.approx(0.85, abs=0.04)


def test_evaluation_is_cross_entropy_and_records_nothing():
    x, y = rows()
    noise, nets = made("mae", 1), networks(1)
    expected = nn.functional.cross_entropy(nets(x)[0], y)
    with torch.no_grad():
        assert torch.equal(noise(nets(x)[0], y), expected)
    noise.eval()
    assert torch.equal(noise(nets(x), y), expected)
    assert int(noise.ledger.seen.sum()) == 0


def test_a_state_continues_to_the_bit():
    whole, half = made("coteaching", 2), made("coteaching", 2)
    followed(whole, 2)
    followed(half, 2, epochs=2)
    restored = made("coteaching", 2)
    restored.load_state_dict(half.state_dict())
    assert restored.epoch == 1
    for (name, one), other in zip(half.state_dict().items(), restored.state_dict().values(), strict=True):
        assert not isinstance(one, torch.Tensor) or torch.equal(one, other), name


def test_a_batch_of_other_rows_is_refused():
    x, y = rows()
    noise, net = made("ce", 1), networks(1)
    with pytest.raises(BadInput, match="the sampler has drawn 0 more"):
        noise(net(x[:20]), y[:20])
    drawn = iter(noise.sampler)
    index = torch.tensor([next(drawn) for _ in range(20)])
    with pytest.raises(BadInput, match="not those of the rows"):
        noise(net(x[index]), (y[index] + 1) % CLASSES)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"given": [0.5, 1.0]}, "whole numbers"),
        ({"given": [0, 3]}, "from 0 to 3; they must lie between 0 and 2"),
        ({"given": []}, "whole numbers"),
        ({"given": [0, -1]}, "from -1 to 0"),
        ({"epochs": 0}, "epochs=0 must be"),
        ({"batch_size": 1.5}, "batch_size=1.5 must be"),
        ({"noise_rate": 2}, "noise_rate=2 must lie"),
        ({"method": "coteaching"}, "trains 2 networks: networks=1 must be 2"),
        ({"method": "gec"}, "unknown method"),
    ],
)
def test_bad_arguments_are_one_sentence(changed, said):
    arguments = {"given": [0, 1, 2], "classes": 3, "method": "ce", "epochs": 1, "batch_size": 2} | changed
    with pytest.raises(BadInput, match=said):
        NoisyLoss(**arguments)


def test_a_method_that_is_an_object():
    noise = NoisyLoss(np.array([0, 1, 2, 1]), 3, GCE(0.5), epochs=1, batch_size=2)
    assert "GCE(q=0.5), 4 rows, 3 classes" in repr(noise)
    with pytest.raises(BadInput, match="logits of shape"):
        noise(torch.zeros(2, 4, requires_grad=True), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    "module, missing",
    [
        ("noisewise.integrations.lightning", ("lightning", "lightning.pytorch", "pytorch_lightning")),
        ("noisewise.integrations.hugging_face", ("transformers",)),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, module, missing):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(BadInput, match=r"pip install noisewise\[trainers\]"):
        importlib.import_module(module)
