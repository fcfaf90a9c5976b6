import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.errors import BadInput


@pytest.fixture(scope="module")
def noisy():
    return nw.corrupt(nw.subset(nw.load("digits"), 600, 0), "symmetric:0.2")


@pytest.fixture(scope="module")
def found(noisy):
    shares = []
    findings = nw.audit(noisy, epochs=10, model="mlp:widths=128", on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    return findings


def test_an_audit_finds_injected_noise(found):
    assert found.metrics["auroc"] > 0.93
    assert abs(found.noise_rate - found.metrics["true_noise_rate"]) < 0.06
    assert found.interval[0] <= found.noise_rate <= found.interval[1]


def test_the_truth_is_only_measured_against(noisy, found):
    shuffled = replace(noisy, truth=np.random.default_rng(1).permutation(noisy.truth))
    again = nw.audit(shuffled, epochs=10, model="mlp:widths=128")
    assert np.array_equal(again.suspicion, found.suspicion)
    assert again.noise_rate == found.noise_rate
    assert again.metrics["auroc"] < 0.7


def test_no_row_is_predicted_by_a_network_that_trained_on_it(noisy):
    """A label that only one row carries cannot be predicted for it out of fold, whatever is memorised elsewhere."""
    given = noisy.given.copy()
    given[given == 9] = 8
    given[5] = 9
    alone = replace(noisy, given=given)
    probabilities = nw.audit(alone, epochs=8, model="mlp:widths=64").probabilities
    assert probabilities[5, 9] < 0.02


def test_files_are_written_and_cover_all_rows(found, tmp_path):
    found.save(tmp_path / "audit")
    names = {p.name for p in (tmp_path / "audit").iterdir()}
    assert names == {f"{stem}.{end}" for stem in ("issues", "conditions") for end in ("parquet", "csv")} | {
        "summary.json",
        "summary.md",
        "report.html",
        "certify.parquet",
        "cleaned.npz",
    }
    summary = json.loads((tmp_path / "audit" / "summary.json").read_text())
    needed = {"rows", "classes", "noise_rate", "noise_rate_interval", "transition", "issues", "seconds", "auroc"}
    assert needed <= set(summary)
    issues = pd.read_parquet(tmp_path / "audit" / "issues.parquet")
    assert list(issues.columns) == ["index", "given", "suggested", "suspicion", "is_issue", "action", "expected_gain"]
    assert sorted(issues["index"]) == sorted(found.data.index)
    assert issues["suspicion"].between(0, 1).all()
    cleaned = nw.load(tmp_path / "audit" / "cleaned.npz")
    assert np.mean(cleaned.given == found.data.truth) > np.mean(found.data.given == found.data.truth) + 0.05


def test_cleaning_does_not_invent_a_truth(noisy):
    findings = nw.audit(noisy.blind(), features=noisy.inputs.reshape(len(noisy), -1).astype(np.float32))
    assert findings.metrics == {}
    assert findings.cleaned().truth is None


def test_what_other_tools_computed_is_judged_without_training(noisy, found):
    judged = nw.audit(noisy, probs=found.probabilities)
    assert judged.metrics["auroc"] > 0.9
    by_features = nw.audit(noisy, features=noisy.inputs.reshape(len(noisy), -1).astype(np.float32))
    assert by_features.metrics["auroc"] > 0.93


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 1}, "folds=1"),
        ({"epochs": 0}, "epochs=0"),
        ({"probs": np.ones((3, 10))}, "shape"),
        ({"features": np.full((600, 4), np.nan)}, "features"),
        ({"model": "lenets"}, "lenet"),
        ({"corrupt": "symetric:0.2"}, "symmetric"),
    ],
)
def test_bad_input_is_one_sentence(noisy, options, words):
    with pytest.raises(BadInput, match=words) as caught:
        nw.audit(noisy, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("patience", [1, 2])
def test_trainings_that_stop_early_give_probabilities(noisy, patience):
    found = nw.audit(noisy, epochs=40, patience=patience, model="mlp:widths=16")
    assert found.probabilities.min() >= 0
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_an_unknown_setting_is_refused(noisy):
    with pytest.raises(BadInput, match="did you mean 'momentum'"):
        nw.audit(noisy, momentun=0.5)


def test_class_names_that_utf8_cannot_hold(tmp_path):
    """A folder's name may have any bytes; Python reads those that are no UTF-8 as lone surrogates."""
    rows = np.random.default_rng(0).random((60, 3), dtype=np.float32)
    found = nw.audit(nw.Dataset(rows, np.arange(60) % 2, ("a\udcff", "b")), model="linear", out=tmp_path / "audit")
    assert set(found.issues["given"]) == {"a?", "b"}
    assert set(pd.read_csv(tmp_path / "audit" / "issues.csv")["given"]) == {"a?", "b"}
