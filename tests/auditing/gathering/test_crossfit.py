"""Which network trains on which rows, and what becomes of their statistics."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.candidates.networks import fit_of
from noisewise.auditing.gathering.crossfit import CrossFit, FoldWork, held_out
from noisewise.auditing.gathering.fold import Fold, gathered
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.plan import AuditPlan
from noisewise.data import Dataset
from noisewise.training import Config, Method, Training


def data(n, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    names = tuple(map(str, range(classes)))
    return Dataset(rng.random((n, 4), dtype=np.float32), rng.integers(classes, size=n), names)


@settings(max_examples=50, deadline=None)
@given(st.integers(10, 60), st.integers(2, 5), st.integers(0, 9), st.sampled_from([0.0, 0.2, 1.0]))
def test_every_row_is_held_out_and_trained_on(n, count, seed, spared):
    held = held_out(data(n), count, seed, spared)
    assert held.shape == (count, n)
    times = held.sum(axis=0)
    more = times - 1
    assert set(more) <= {0, 1}
    assert (times < count).all()
    if spared == 0 or count == 2:
        assert not more.any()
    elif spared == 1:
        assert more.all()


def test_three_networks_train_on_three_fifths():
    held = held_out(data(6000), 3, 0, spared=0.2)
    assert (~held).mean(axis=1) == pytest.approx([0.6] * 3, abs=0.01)


def test_copies_are_spared_together():
    rows = data(400)
    inputs = np.asarray(rows.inputs).copy()
    inputs[200:] = inputs[:200]
    twice = Dataset(inputs, np.tile(rows.given[:200], 2), rows.classes)
    held = held_out(twice, 3, 0, spared=0.5)
    np.testing.assert_array_equal(held[:, :200], held[:, 200:])
    assert held.sum(axis=0).max() == 2


def test_means_over_the_networks_by_hand():
    """Rows 0, 1, 2 are held out by networks (0 and 1), (1), (2)."""
    held = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    chances = [[[0.8, 0.2]], [[0.4, 0.6], [0.1, 0.9]], [[0.5, 0.5]]]
    losses = [[1.0, 2.0], [4.0], [7.0, 5.0]]
    parts = [Fold(h, np.array(p), {"loss_mean": np.array(v)}) for h, p, v in zip(held, chances, losses, strict=True)]
    found = gathered(data(3, classes=2), parts)
    np.testing.assert_allclose(found.probabilities, [[0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])
    np.testing.assert_allclose(found.ledger["loss_mean"], [7.0, (1 + 5) / 2, (2 + 4) / 2])


def test_rows_are_predicted_at_the_end_by_networks_that_did_not_train_on_them():
    rows = data(60)
    config = Config(epochs=3, seed=1)
    part = FoldWork(CrossFit("mlp:8", "ce", config, 3), held_out(rows, 3, 1))(rows, 2)
    parts = replace(rows.take(~part.held), validation=rows.take(part.held))
    training = Training(parts, "mlp:8", replace(config, seed=config.seed_of(2, bits=31)))
    training.fit(training.learner(), Method())
    expected = training.probabilities(training.predictor, "validation")
    np.testing.assert_array_equal(part.probabilities, expected.double().numpy())


def test_the_default_spares_and_asked_folds_do_not(monkeypatch):
    fits = []

    def seen(rows, fit, *_):
        fits.append(fit)
        return Evidence(rows.given, 3, np.full((50, 3), 1 / 3))

    monkeypatch.setattr("noisewise.auditing.gathering.candidates.networks.cross_fit", seen)
    gather(data(50), AuditPlan(model="mlp"))
    gather(data(50), AuditPlan(model="mlp", folds=3))
    assert [(fit.folds, fit.spared) for fit in fits] == [(3, 0.2), (3, 0.0)]


@pytest.mark.parametrize(("kind", "model"), [("image", "speedy:width=16"), ("vector", "mlp")])
def test_the_network_of_a_plan_that_names_none(kind, model):
    rows = data(20)
    inputs = np.zeros((20, 9, 9, 1), dtype=np.uint8) if kind == "image" else rows.inputs
    rows = replace(rows, inputs=inputs, kind=kind)
    assert fit_of(rows, AuditPlan()).model == model
    assert fit_of(rows, AuditPlan(model="lenet")).model == "lenet"
