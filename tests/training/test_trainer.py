import numpy as np
import pytest
import torch
from torch import nn

import noisewise as nw
from noisewise.data import Dataset, split
from noisewise.errors import BadInput
from noisewise.training import Config, Method, Training, trainer
from noisewise.training.recipe import single


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=150)
    inputs = rng.normal(size=(150, 4)).astype(np.float32)
    inputs[:, 0] += 3 * truth
    test = Dataset(inputs[100:], truth[100:], ("a", "b", "c"))
    return split(Dataset(inputs[:100], truth[:100], ("a", "b", "c"), test=test), validation=0.2)


class Tempered(Method):
    """A target station with one parameter that the objective itself moves."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))

    def penalty(self, batch):
        return (batch.scores.mean(dim=(0, 1)) - self.shift).square().sum()


def training(data, **more):
    return Training(data, "mlp:widths=8", Config(epochs=6, validation=0.0, batch_size=16), **more)


def test_a_methods_own_parameters_move_with_the_objective_and_resume(data, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_CHECKPOINT_SECONDS", 0.0)
    whole, method = training(data), Tempered()
    single(whole, method)
    assert method.shift.abs().sum() > 0.1

    class Cut(Exception):
        pass

    def stop(row):
        if row["epoch"] == 4:
            raise Cut

    with pytest.raises(Cut):
        single(training(data, folder=tmp_path, on_epoch=stop), Tempered())
    again, resumed = training(data, folder=tmp_path, resume=True), Tempered()
    single(again, resumed)
    assert torch.equal(resumed.shift, method.shift)
    assert [r["epoch"] for r in again.history] == [1, 2, 3, 4, 5, 6]


def test_patience_stops_and_selection_takes_the_best_validation_epoch(data):
    stopped = Training(data, "mlp:widths=8", Config(epochs=60, validation=0.0, batch_size=16, patience=2))
    single(stopped, Method())
    assert 3 <= len(stopped.history) < 60
    accuracies = [r["validation_accuracy"] for r in stopped.history]
    chosen = max(i for i, r in enumerate(stopped.history) if r["selected"])
    assert accuracies[chosen] == max(accuracies)
    assert len(accuracies) - 1 - chosen == 2


def test_a_recipe_remembers_what_it_computed_between_fits(data, tmp_path):
    calls = []

    def recipe(t):
        first = t.fit(t.learner("first"), Method(), 1, record=False)
        value = t.remember("value", lambda: calls.append(1) or sum(p.sum().item() for p in first.nets.parameters()))
        t.fit(t.learner("main"), Method(), 2)
        t.finish()
        return value

    before = recipe(training(data, folder=tmp_path))
    after = recipe(training(data, folder=tmp_path, resume=True))
    assert before == after
    assert calls == [1]


def test_a_checkpoint_of_another_configuration_is_refused(data, tmp_path):
    first = training(data, folder=tmp_path)
    single(first, Method())
    first.finish()
    with pytest.raises(BadInput, match="another data set, method, model or configuration"):
        Training(data, "mlp:widths=8", Config(epochs=7, validation=0.0, batch_size=16), folder=tmp_path, resume=True)


def test_too_few_rows_are_refused(data):
    with pytest.raises(BadInput, match="at least 2"):
        training(data.take([0]))


def test_a_checkpoint_of_another_method_is_refused(tmp_path):
    settings = {"model": "mlp:widths=8", "epochs": 2, "rows": 200, "out": tmp_path}
    nw.train("digits", "ce", **settings)
    nw.train("digits", "ce", **settings, resume=True)
    with pytest.raises(BadInput, match="another data set, method"):
        nw.train("digits", "gce", **settings, resume=True)
