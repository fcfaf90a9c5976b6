"""The study of detectors by epoch, on planted results and on digits."""

import numpy as np
import pytest

from noisewise import allowance
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.crossfit import train_folds
from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness import data as samples
from noisewise.studies.training_phases import detecting_noise
from noisewise.studies.training_phases.detecting_noise import (
    LAST,
    MEAN,
    PAIR,
    SCORES,
    _corrupted,
    halves,
    memorised,
    scores,
    watched,
)

EPOCHS = 60
SMALL = {"points": 200, "model": "mlp:64", "batch": 16, "rate": 0.05, "seed": 0}


def failing(noise=None, watch=None, half=None):
    """The claims that fail when `watch`, by score (early, late), or `half` is planted at a noise, or at every one."""
    study, items = find("detecting-noise"), []
    for task in study.tasks("cpu"):
        here = noise in (None, task.arguments["noise"])
        ends = dict.fromkeys(SCORES, (0.95, 0.9)) | {LAST: (0.95, 0.6)} | (watch or {} if here else {})
        auroc = np.array([np.where(np.arange(EPOCHS) < study.scale("cpu").early, *ends[name]) for name in SCORES])
        values = {
            "watched": {"auroc": auroc, "train_accuracy": np.full(EPOCHS, ends.get("fit", 1.0))},
            "halves": {name: np.array([0.8, 0.84]) for name in ("kept", "precision", "recall")},
        }[task.name] | (half or {} if here and task.name == "halves" else {})
        items.append(Result(task, values, 1.0, "here"))
    return {claim.id for claim in study.judged(Results(study.scale("cpu"), tuple(items))) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing("symmetric:0.4", {"fit": 0.98}) == {"memorised"}
    assert failing("symmetric:0.2", {"forgetting": (0.89, 0.9)}) == {"early-20"}
    assert failing("symmetric:0.4", {"forgetting": (0.89, 0.9)}) == set()
    assert failing("symmetric:0.4", {"aum": (0.84, 0.9)}) == {"early-40"}
    assert failing("symmetric:0.2", {LAST: (0.95, 0.86)}) == {"late-20"}
    assert failing("symmetric:0.4", {LAST: (0.95, 0.86)}) == {"late-40"}
    assert failing("symmetric:0.4", {MEAN: (0.95, 0.59)}) == {"mean-not-worse"}
    assert failing(PAIR, {MEAN: (0.5, 0.5), LAST: (0.5, 0.6), "fit": 0.5}) == set(), "pair noise is shown, not claimed"
    assert failing("symmetric:0.2", half={"precision": np.array([0.8, 0.74])}) == {"incv-precision-symmetric"}
    assert failing("symmetric:0.2", half={"recall": np.array([0.8, 0.91])}) == {"incv-recall-symmetric"}
    assert failing(PAIR, half={"precision": np.array([0.8, 0.9])}) == {"incv-precision-pair"}
    assert failing(PAIR, half={"recall": np.array([0.8, 0.69])}) == {"incv-recall-pair"}


def test_the_prediction_by_hand():
    assert memorised(0.5, 1) == (0.5, 0.5, 0.5)
    assert memorised(0.0, 9) == (1, 1, 1)
    kept, precision, recall = memorised(0.4, 9)
    assert (kept, precision, recall) == pytest.approx((0.36 + 0.16 / 9, 0.36 / (0.36 + 0.16 / 9), 0.6))


def test_the_prediction_by_drawing():
    """Labels and predictions drawn apart from each other, by the same noise."""
    rng = np.random.default_rng(0)
    truth = rng.integers(10, size=200_000)
    given, said = (
        np.where(rng.random(len(truth)) < 0.3, (truth + rng.integers(1, 10, len(truth))) % 10, truth) for _ in range(2)
    )
    kept, right = given == said, given == truth
    assert (kept.mean(), right[kept].mean(), kept[right].mean()) == pytest.approx(memorised(0.3, 9), abs=0.005)


def test_scores_are_those_of_the_training():
    ledger = {
        "seen": np.array([4.0, 4.0, 4.0]),
        "loss_last": np.array([0.1, 0.2, 0.3]),
        "loss_mean": np.array([0.5, 2.0, 2.1]),
        "margin_mean": np.array([3.0, -1.0, 0.5]),
        "wrong_events": np.array([1.0, 4.0, 2.0]),
        "forgetting": np.array([0.0, 0.0, 1.0]),
    }
    found = scores(Evidence(np.array([0, 1, 0]), 2, ledger=ledger))
    assert tuple(found) == SCORES
    assert found[LAST].tolist() == [0.1, 0.2, 0.3]
    assert found[MEAN].tolist() == [0.5, 2.0, 2.1]
    assert found["aum"].tolist() == [-3.0, 1.0, -0.5]
    assert found["forgetting"].tolist() == [0, 4, 1]
    assert found["loss-mixture"][0] < found["loss-mixture"][1]


def test_a_training_is_watched_after_every_epoch():
    found = watched("digits", "symmetric:0.3", epochs=30, **SMALL)
    assert found["auroc"].shape == (len(SCORES), 30)
    assert found["train_accuracy"].shape == (30,)
    assert found["train_accuracy"][-1] > 0.95
    assert found["auroc"][SCORES.index(MEAN), -1] > 0.85
    whole = (1 - found["wrong"]) * found["clean_fit"] + found["wrong"] * found["noisy_fit"]
    assert whole == pytest.approx(found["train_accuracy"])
    assert found["clean_fit"][4] > found["noisy_fit"][4] + 0.3


def test_halves_are_held_against_the_prediction():
    found = halves("digits", "symmetric:0.3", epochs=20, **SMALL)
    assert found["kept"][0] == pytest.approx(memorised(found["wrong"], 9)[0])
    assert found["recall"] == pytest.approx([1 - found["wrong"]] * 2, abs=0.2)
    assert found["precision"].min() > 0.9
    assert 0.8 < found["incv"] <= 1
    pair = halves("digits", "pair:0.3", epochs=2, **SMALL)
    assert pair["precision"][0] == pytest.approx(memorised(pair["wrong"], 1)[1])


def test_the_truth_stays_outside():
    data, wrong = _corrupted("digits", "symmetric:0.3", 300, 0)
    assert data.truth is None
    assert wrong.mean() == pytest.approx(0.3, abs=0.08)


def test_texts_are_refused(monkeypatch):
    test = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="test")
    data = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="own", test=test)
    monkeypatch.setattr(samples, "load", lambda source: data)
    with pytest.raises(BadInput, match="holds texts"):
        _corrupted("own", "symmetric:0.2", 2, 0)


def test_the_scale_of_the_paper_builds():
    assert {task.arguments["model"] for task in find("detecting-noise").tasks("paper")} == {"resnet32"}


def test_a_half_that_was_trained_is_not_trained_again(tmp_path, monkeypatch):
    given = {"source": "digits", "noise": "symmetric:0.2", "epochs": 3, **SMALL}
    whole = halves(**given)
    moments = iter(range(1000))
    with monkeypatch.context() as clock:
        clock.setattr(allowance, "now", lambda: float(next(moments)))
        with allowance.allowing(allowance.Allowance(until=1.5)), pytest.raises(allowance.OutOfTime):
            halves(scratch=tmp_path, **given)
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.npz"]
    numbers = []

    def counted(data, fit, chosen):
        numbers.extend(chosen)
        return train_folds(data, fit, chosen)

    monkeypatch.setattr(detecting_noise, "train_folds", counted)
    again = halves(scratch=tmp_path, **given)
    assert numbers == [1]
    assert again.keys() == whole.keys()
    assert all(np.array_equal(again[name], whole[name]) for name in whole)
