"""Observing the last layer in a cross-fitting, and the choice of detectors in an audit."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import noisewise as nw
from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.detection import requested, scores_of
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.crossfit import CrossFit, FoldWork, cross_fit, held_out
from noisewise.auditing.gathering.last_layer import LastLayerObserver, last_layer, needed
from noisewise.errors import BadInput
from noisewise.models import penultimate
from noisewise.training import Config, Training
from noisewise.training.ledger import early_observations
from noisewise.training.networks import Predictor

MODEL = "mlp:widths=64"
FREE = ["self-confidence", "normalised-margin", "confident-learning", "aum", "forgetting", "wrong-events"]
FREE += ["loss-mixture", "el2n", "cores", "incv"]
# on 1,438 digits, 10 epochs, 3 folds
MEASURED_AUROC = {
    "self-confidence": 0.996,
    "normalised-margin": 0.996,
    "confident-learning": 0.995,
    "aum": 0.996,
    "forgetting": 0.969,
    "wrong-events": 0.986,
    "loss-mixture": 0.996,
    "knn": 0.996,
    "el2n": 0.995,
    "cores": 0.992,
    "incv": 0.996,
    "grand": 0.974,
    "tracin": 0.991,
    "self-influence": 0.993,
    "simifeat": 0.997,
    "simifeat-v": 0.997,
    "knn-shapley": 0.999,
}
MARGIN = 0.02


@pytest.fixture(scope="module")
def noisy():
    return nw.corrupt(nw.load("digits"), "symmetric:0.2")


@pytest.fixture(scope="module")
def small(noisy):
    return nw.subset(noisy, 300, 0)


@pytest.fixture(scope="module")
def found(noisy):
    return nw.audit(noisy, model="mlp:widths=128", detectors="all")


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_finds_flipped_digits(noisy, found, name):
    assert np.isfinite(found.scores[name]).all()
    assert roc_auc_score(noisy.given != noisy.truth, found.scores[name]) > MEASURED_AUROC[name] - MARGIN


def test_observing_changes_neither_training_nor_judgement(noisy, found):
    plain = nw.audit(noisy, model="mlp:widths=128")
    assert list(plain.scores) == FREE
    assert np.array_equal(plain.suspicion, found.suspicion)
    assert np.array_equal(plain.probabilities, found.probabilities)
    assert plain.noise_rate == found.noise_rate
    assert all(np.array_equal(plain.scores[name], found.scores[name]) for name in FREE)


def test_nothing_is_observed_unasked(small, monkeypatch):
    def refuse(*_):
        raise AssertionError("observed")

    monkeypatch.setattr("noisewise.auditing.gathering.last_layer.last_layer", refuse)
    nw.audit(small, model=MODEL, epochs=2, detectors=["aum", "incv"])
    with pytest.raises(AssertionError, match="observed"):
        nw.audit(small, model=MODEL, epochs=2, detectors="grand")


def test_named_detectors_are_the_ones_reported(small):
    chosen = nw.audit(small, model=MODEL, epochs=2, detectors="knn, tracin,knn")
    assert list(chosen.scores) == ["knn", "tracin"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"detectors": "tracing"}, "did you mean 'tracin'"),
        ({"detectors": ["aum", "knm"]}, "did you mean 'knn'"),
        ({"detectors": []}, "names no detector"),
        ({"detectors": " "}, "names no detector"),
        ({"detectors": "tracin", "features": np.ones((300, 2)), "epochs": None}, "'tracin' needs ledger"),
        ({"detectors": "knn", "model": lambda shape, classes: Averages(classes)}, "Averages has no nn.Linear"),
    ],
)
def test_bad_detectors_are_one_sentence(small, arguments, words):
    with pytest.raises(BadInput, match=words) as caught:
        nw.audit(small, **{"epochs": 1, **arguments})
    assert "\n" not in str(caught.value)


def test_all_means_all_that_the_evidence_serves(small):
    features = small.inputs.reshape(len(small), -1).astype(np.float32)
    assert "knn-shapley" not in nw.audit(small, features=features).scores
    everything = nw.audit(small, features=features, detectors="all").scores
    served = ("features",), ("probabilities",)
    assert set(everything) == {name for name, one in DETECTORS.items() if one.card.needs in served}


def test_what_costs_more_has_to_be_asked_for():
    evidence = Evidence(np.array([0, 1]), 2, features=np.eye(2))
    assert not DETECTORS["knn-shapley"].serves(evidence)
    assert DETECTORS["knn-shapley"].serves(evidence, requested=True)
    assert list(scores_of(evidence, None)) == ["knn"]


def test_needs_follow_the_cards():
    assert needed(()) == frozenset()
    assert needed(FREE) == frozenset()
    assert needed(["grand", "knn"]) == {"gradient_norm", "features"}
    assert needed(DETECTORS) == {"gradient_norm", "tracin", "self_influence", "features"}
    assert requested(None) is None
    assert requested("all") == tuple(DETECTORS)


class Averages(nn.Module):
    """A network without a linear layer."""

    def __init__(self, classes):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(classes))

    def forward(self, x):
        return x.flatten(1).mean(dim=1, keepdim=True) * self.weights


def observed(data, config, *wanted, method="ce"):
    return cross_fit(data, CrossFit(MODEL, method, config, folds=2, last_layer=frozenset(wanted)))


def training_of(data, epochs, **settings):
    return Training(data, MODEL, Config(epochs=epochs, **settings))


def test_an_observation_gives_what_the_network_gives(small):
    training = training_of(small.blind(), 1)
    learner = training.learner()
    training.predictor = Predictor(learner.nets)
    seen = last_layer(training, training.rows)
    x = training.rows.prepare(torch.cat([raw for _, raw in training.rows.stream(torch.arange(300), 300)]), None)
    net = learner.nets[0].eval()
    with torch.no_grad():
        assert torch.allclose(seen.features, penultimate(net, x), atol=1e-5)
        assert torch.allclose(seen.probabilities, net(x).softmax(dim=1), atol=1e-5)
    assert torch.equal(seen.labels, torch.as_tensor(small.given))


def test_features_are_of_one_network_for_all_rows(small):
    data = small.blind()
    fit = CrossFit(MODEL, config=Config(epochs=2), last_layer=frozenset({"features"}))
    work = FoldWork(fit, held_out(data, 3, 0))
    first, second = (work(data, k) for k in (0, 1))
    assert first.features is not None
    assert first.features.shape == (300, 64)
    assert np.abs(first.features).sum(axis=1).min() > 0
    assert second.features is None
    assert set(first.seconds) == {"training", "features"}
    assert set(second.seconds) == {"training"}
    assert min(first.seconds.values()) > 0


def test_tracin_sums_over_checkpoints_by_the_learning_rate(small):
    """With a constant rate and one epoch the only checkpoint is the end: TracIn is the rate times GraNd squared."""
    data = small.blind()
    config = Config(epochs=1, schedule="constant", lr=0.03)
    ledger = observed(data, config, "tracin", "gradient_norm").ledger
    assert ledger is not None
    assert ledger["tracin"] == pytest.approx(0.03 * ledger["gradient_norm"] ** 2, rel=1e-5)


def test_more_checkpoints_mean_more_observations(small, monkeypatch):
    data, counted = small.blind(), []
    monkeypatch.setattr(
        "noisewise.auditing.gathering.last_layer.last_layer", lambda *a: counted.append(1) or last_layer(*a)
    )
    observed(data, Config(epochs=8), "tracin", "gradient_norm")
    assert len(counted) == 2 * 4
    counted.clear()
    observed(data, Config(epochs=8), "gradient_norm", "self_influence")
    assert len(counted) == 2 * 2


def test_a_training_that_stops_before_its_first_checkpoint_is_observed_once(small):
    evidence = observed(small.blind(), Config(epochs=40, patience=1), *needed(DETECTORS))
    for name, one in DETECTORS.items():
        assert np.isfinite(one(evidence)).all(), name


def test_without_wishes_there_is_nothing_to_finish(small):
    assert LastLayerObserver((), 10).finish(training_of(small.blind(), 1)) == {}


def test_methods_with_several_networks_are_observed_by_their_first(small):
    evidence = observed(small.blind(), Config(epochs=2), "self_influence", method="coteaching")
    assert evidence.ledger is not None
    assert evidence.ledger["self_influence"].min() >= 0


@pytest.mark.parametrize(("epochs", "expected"), [(1, 1), (2, 1), (3, 2), (10, 5)])
def test_early_is_the_first_half(epochs, expected):
    assert early_observations(epochs) == expected
