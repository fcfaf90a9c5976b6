"""Every argument of every public function: a value of another kind is one sentence, never an error from deep inside."""

import contextlib
import decimal
import fractions

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import noisewise as nw
from noisewise import models
from noisewise.auditing.plan import AuditPlan
from noisewise.bench import bench
from noisewise.errors import BadInput, Diverged

LABELS = np.arange(30) % 3
ROWS = (np.random.default_rng(0).normal(size=(30, 4)) + LABELS[:, None]).astype(np.float32)
DATA = nw.Dataset(ROWS, LABELS, classes=("a", "b", "c"))
SPEC = {"source": "digits", "method": "ce", "epochs": 1}


class Odd:
    def __repr__(self):
        return "odd\nand long " * 100


def values():
    """Values of every kind; none is legal for everything."""
    numbers = [None, True, float("nan"), float("inf"), -1, 0, 2.5, 10**30, 1e300, 1j]
    texts = ["", "x", "a\0b", "\ud800", b"x"]
    kinds = [[], [1], (1, 2), {}, {"a": 1}, {1}, range(3), Odd(), len, int, object, slice(1), Ellipsis]
    scalars = [np.float32(0.5), np.array(2), np.array([1, 2]), np.bool_(True), np.datetime64("NaT"), np.timedelta64(1)]
    others = [torch.tensor([1.0, 2.0]), decimal.Decimal("0.5"), fractions.Fraction(1, 2), pd.NA, pd.Series([1])]
    return [*numbers, *texts, *kinds, *scalars, *others]


def refused_or_done(call):
    """Call with every value: what is not legal is refused in one line."""
    refused = []
    for value in values():
        with contextlib.suppress(Diverged):
            try:
                call(value)
            except BadInput as error:
                refused.append(str(error))
    assert all(0 < len(said) < 2500 and "\n" not in said for said in refused)
    return len(refused)


CONFIG = list(nw.Config.__dataclass_fields__)
EXPERIMENT = list(nw.Experiment.__dataclass_fields__)
PLAN = list(AuditPlan.__dataclass_fields__)


@pytest.mark.parametrize("name", CONFIG)
def test_settings_of_a_training(name):
    assert refused_or_done(lambda value: nw.Config(**{name: value})) > 25


@pytest.mark.parametrize("name", EXPERIMENT)
def test_fields_of_an_experiment(name):
    assert refused_or_done(lambda value: nw.Experiment(**{"source": "digits", name: value})) > 20


@pytest.mark.parametrize("name", PLAN)
def test_fields_of_an_audit(name):
    assert refused_or_done(lambda value: AuditPlan(**{"source": "digits", name: value})) > 20


@pytest.mark.parametrize(
    "call",
    [
        lambda value: nw.Experiment.read(value),
        lambda value: nw.Experiment.of("digits", epochs=value),
        lambda value: nw.Experiment.of("digits", seed=value),
        lambda value: nw.Experiment.of("digits", preset=value),
        lambda value: nw.Experiment.of("digits", probe=value),
        lambda value: AuditPlan.read(value),
        lambda value: nw.load(value),
        lambda value: nw.load("digits", labels=value),
        lambda value: nw.load("digits", size=value),
        lambda value: nw.load("digits", data_dir=value),
        lambda value: nw.load("digits", download=value),
        lambda value: nw.save(value, "x.npz"),
        lambda value: nw.Dataset(value, LABELS, ("a", "b", "c")),
        lambda value: nw.Dataset(ROWS, value, ("a", "b", "c")),
        lambda value: nw.Dataset(ROWS, LABELS, value),
        lambda value: nw.Dataset(ROWS, LABELS, ("a", "b", "c"), truth=value),
        lambda value: nw.Dataset(ROWS, LABELS, ("a", "b", "c"), index=value),
        lambda value: nw.decide(value, "d.csv"),
        lambda value: nw.decide(DATA, value),
        lambda value: nw.decide(DATA, "d.csv", findings_folder=value),
        lambda value: nw.Run.load(value),
        lambda value: nw.split(value),
        lambda value: nw.split(DATA, validation=value),
        lambda value: nw.split(DATA, trusted=value),
        lambda value: nw.split(DATA, validation=0.2, seed=value),
        lambda value: nw.subset(value, 4),
        lambda value: nw.subset(DATA, value),
        lambda value: nw.subset(DATA, 4, value),
        lambda value: nw.corrupt(value, "symmetric:0.2"),
        lambda value: nw.corrupt(DATA, value),
        lambda value: nw.corrupt(DATA, "symmetric:0.2", value),
        lambda value: nw.probe(value, "lid"),
        lambda value: nw.probe(DATA, value),
        lambda value: nw.probe(DATA, "lid:examples=9,neighbours=2", value),
        lambda value: models.build(value, (4,), 3),
        lambda value: models.build("mlp:4", value, 3),
        lambda value: models.build("mlp:4", (4,), value),
        lambda value: models.build("mlp:4", (4,), 3, seed=value),
        lambda value: models.check(value),
        lambda value: nw.METHODS.check(value),
        lambda value: nw.METHODS[value],
        lambda value: bench(value, "out"),
        lambda value: bench({**SPEC, "method": value}, "out", engine=4),
        lambda value: bench(SPEC, "out", engine=value),
    ],
)
def test_arguments_of_functions(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused_or_done(call) > 10


@pytest.mark.parametrize("name", ["data", "method", "model", "out", "report", "resume", "on_epoch", "on_progress"])
def test_arguments_of_train(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"data": DATA, "method": "ce", "model": "mlp:4", "epochs": 1}

    def train(value):
        if not (callable(value) and name[:3] == "on_") and (
            name != "method" or value is not len
        ):  # errors of their own
            nw.train(**{**given, name: value})

    assert refused_or_done(train) > 20


@pytest.mark.parametrize(
    "name", ["data", "probs", "features", "out", "on_progress", "engine", "workers", "folds", "rows", "detectors"]
)
def test_arguments_of_audit(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"data": DATA} if name in ("probs", "features") else {"data": DATA, "model": "linear"}

    def audit(value):
        if not (callable(value) and name[:3] == "on_"):  # functions, whose own errors are theirs
            nw.audit(**{**given, name: value})

    assert refused_or_done(audit) > 20


@pytest.mark.parametrize(
    "name", ["method", "model", "epochs", "batch_size", "optimizer", "lr", "weight_decay", "validation", "device"]
)
def test_arguments_of_the_classifier(name):
    def fit(value):
        given = {"method": "ce", "model": "mlp:4", "epochs": 1, name: value}
        nw.NoisyClassifier(**given).fit(ROWS, LABELS)

    assert refused_or_done(fit) > 20


def test_arguments_of_the_learner():
    assert refused_or_done(lambda value: nw.CleanLearner(LogisticRegression(), cv=value).fit(ROWS, LABELS)) > 20
