"""Copies are held out together, and a copied wrong label does not vouch for itself."""

from dataclasses import replace

import numpy as np
import pytest

import noisewise as nw
from noisewise.auditing.gathering import crossfit
from noisewise.auditing.gathering.candidates import predictor
from noisewise.auditing.gathering.copies import copies
from noisewise.auditing.gathering.crossfit import CrossFit, cross_fit
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.plan import AuditPlan
from noisewise.data import Dataset
from noisewise.data.split import folds
from noisewise.training import Config


@pytest.fixture(scope="module")
def copied():
    """Digits, of which 40 wrong ones appear four times; and which rows those are."""
    digits = nw.subset(nw.load("digits"), 600, seed=0)
    noisy = nw.corrupt(digits, "symmetric:0.1", seed=0)
    wrong = np.flatnonzero(noisy.given != noisy.truth)[:40]
    rows = np.concatenate([np.arange(600), np.repeat(wrong, 3)])
    parts = {name: getattr(noisy, name)[rows] for name in ("inputs", "given", "truth")}
    return replace(noisy, **parts, index=np.arange(len(rows)), test=None), np.flatnonzero(np.isin(rows, wrong))


def test_copies_are_rows_with_equal_bytes(copied):
    data, _ = copied
    found = copies(data)
    assert len(np.unique(found)) == 600
    np.testing.assert_array_equal(data.inputs[found], data.inputs[np.arange(len(data))])


def test_data_without_copies_have_none(copied):
    data, _ = copied
    assert copies(data.take(np.arange(600))).tolist() == list(range(600))


@pytest.mark.parametrize("distinct,kind,none", [(49, "vector", True), (50, "vector", False), (5, "image", False)])
def test_coarse_tables_have_no_copies(distinct, kind, none):
    rows = (np.arange(100) % distinct)[:, None, None, None].astype(np.uint8)
    inputs = rows if kind == "image" else rows.reshape(100, 1).astype(np.float32)
    data = Dataset(inputs, np.arange(100) % 2, ("a", "b"), kind)
    assert (copies(data) is None) == none


def test_a_copied_wrong_label_does_not_vouch_for_itself(copied, monkeypatch):
    data, rows = copied
    together = gather(data, AuditPlan(model="forest")).probabilities
    monkeypatch.setattr(predictor, "copies", lambda data: None)
    apart = gather(data, AuditPlan(model="forest")).probabilities
    given = data.given[rows]
    assert together[rows, given].mean() < 0.15
    assert apart[rows, given].mean() > 2 * together[rows, given].mean()


def test_equal_rows_are_predicted_alike(copied):
    data, _ = copied
    first = copies(data)
    for found in (
        gather(data, AuditPlan(model="linear", folds=3)),
        cross_fit(data, CrossFit("mlp", config=Config(epochs=1))),
    ):
        np.testing.assert_allclose(found.probabilities, found.probabilities[first], atol=1e-6)


def test_folds_without_copies_are_as_ever(copied, monkeypatch):
    data = copied[0].take(np.arange(600))
    seen = []
    monkeypatch.setattr(crossfit, "gathered", lambda data, found: seen.append(found))
    cross_fit(data, CrossFit("mlp", config=Config(epochs=1, seed=4)))
    for fold, found in enumerate(seen[0]):
        np.testing.assert_array_equal(found.held, folds(data.given, 3, 4) == fold)
