"""The contract that every catalogue entry keeps over a whole training on a few handwritten digits."""

import copy
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from noisewise.data.dataset import Dataset
from noisewise.methods import build
from noisewise.noise import corrupt
from noisewise.run.train import train
from noisewise.training import resume
from noisewise.training.config import Config
from noisewise.training.observer import Callbacks
from noisewise.training.trainer import Training

from .cases import CASES

NAMES = tuple(str(i) for i in range(10))
SHORT = Config(epochs=4, batch_size=20, lr=0.05)
everywhere = pytest.mark.parametrize("name", sorted(CASES))


@pytest.fixture(scope="session")
def digits():
    """1,200 rows with 40 % symmetric noise, 60 trusted and 500 test rows, as vectors in [0, 1]."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    whole = Dataset((x[order] / 16).astype(np.float32), y[order], NAMES, name="digits")
    noisy = corrupt(whole.take(np.arange(1200)), "symmetric:0.4", seed=0)
    return replace(noisy, trusted=whole.take(np.arange(1200, 1260)), test=whole.take(np.arange(1297, 1797)))


@pytest.fixture(scope="session")
def few(digits):
    """120 of the rows, with small splits for validation and trust."""
    validation = replace(digits.take(np.arange(200, 240)), trusted=None, test=None)
    rows = digits.take(np.arange(120))
    return replace(rows, validation=validation, trusted=digits.trusted.take(np.arange(30)), test=None)


def small(shape, classes):
    """One hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 32), nn.ReLU(), nn.Linear(32, classes))


def run(data, spec, config=SHORT, model=small, **options):
    """A finished training."""
    training = Training(data, model, config, **options)
    build(spec)(training)
    training.finish()
    return training


def outcome(training):
    """Everything a training leaves behind, time excluded."""
    state = {f"net.{k}": v for k, v in training.predictor.nets.state_dict().items()}
    state |= {f"selected.{k}": v for k, v in training.selected.items()}
    state |= {f"ledger.{k}": v for k, v in training.ledger.state_dict().items()}
    for number, (method, _) in enumerate(training._methods):
        state |= {f"method{number}.{k}": v for k, v in method.named_buffers()}
        state |= {f"method{number}.{k}": v.detach() for k, v in method.named_parameters()}
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in training.history]
    return copy.deepcopy((state, history))


def same(one, two):
    """Whether two outcomes agree to the bit."""
    (state, history), (other, others) = one, two
    return (
        history == others
        and state.keys() == other.keys()
        and all(torch.equal(value, other[name]) for name, value in state.items())
    )


class Killed(Exception):
    """The training was interrupted."""


class Counter:
    """A callback that counts its calls, and interrupts at call number `kill`, counted from one."""

    def __init__(self, kill=None):
        self.calls, self.kill = 0, kill

    def __call__(self, _):
        self.calls += 1
        if self.calls == self.kill:
            raise Killed


@pytest.fixture(scope="module")
def uninterrupted(few):
    """`uninterrupted(name)` gives the outcome of a method's training and how often it called back; trained once."""

    @cache
    def trained(name):
        counters = {"on_epoch": Counter(), "on_progress": Counter()}
        left = outcome(run(few, CASES[name].spec, observers=[Callbacks(**counters)]))
        return left, {callback: counter.calls for callback, counter in counters.items()}

    return trained


def check_resumes(data, spec, folder, expected, **kill):
    with pytest.raises(Killed):
        run(data, spec, folder=folder, observers=[Callbacks(**kill)])
    assert same(outcome(run(data, spec, folder=folder, resume=True)), expected)


@pytest.mark.parametrize(
    "callback, when", [("on_epoch", 1), ("on_epoch", -1), ("on_progress", 15), ("on_progress", -2)]
)
@everywhere
def test_interrupted_and_resumed_is_uninterrupted(name, callback, when, few, uninterrupted, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    expected, calls = uninterrupted(name)
    if not calls[callback]:
        pytest.skip(f"{name} has no progress within an epoch that could be interrupted")
    kill = Counter(when if when > 0 else calls[callback] + 1 + when)
    check_resumes(few, CASES[name].spec, tmp_path, expected, **{callback: kill})


def test_a_memory_that_is_not_stored_is_caught(few, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    real = resume.write

    def forgets(folder, state):
        for entry in state["methods"]:
            entry["method"] = {name: torch.zeros_like(value) for name, value in entry["method"].items()}
        real(folder, state)

    monkeypatch.setattr(resume, "write", forgets)
    expected = outcome(run(few, "elr"))
    with pytest.raises(AssertionError):
        check_resumes(few, "elr", tmp_path, expected, on_epoch=Counter(2))


@everywhere
def test_checkpoints_of_different_epochs_differ(name, few, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    seen = []
    real = resume.write

    def keeps(folder, state):
        real(folder, state)
        nets = [learner["nets"].values() for learner in state["learners"].values()]
        seen.append(torch.cat([value.reshape(-1).double() for values in nets for value in values]))

    monkeypatch.setattr(resume, "write", keeps)
    training = run(few, CASES[name].spec, folder=tmp_path)
    epochs, last = seen[:-1], seen[-1]
    assert len(epochs) >= SHORT.epochs
    assert all(len(a) != len(b) or not torch.equal(a, b) for a, b in pairwise(epochs))
    went_back = not training.history[-1].get("kept", True)
    assert torch.equal(epochs[-1], last) == (not went_back)


@everywhere
def test_the_seed_decides(name, few, uninterrupted):
    left, _ = uninterrupted(name)
    torch.rand(3)
    assert same(outcome(run(few, CASES[name].spec)), left)
    other = outcome(run(few, CASES[name].spec, replace(SHORT, seed=1)))
    assert not same(other, left)


@everywhere
def test_a_last_batch_of_one_row(name, few):
    training = run(few.take(np.arange(101)), CASES[name].spec, model=with_normalisation)
    assert finite(training)
    assert (training.ledger.seen[training.rows.index] > 0).all()


@everywhere
def test_rare_and_missing_classes(name, few):
    keeps = np.flatnonzero(few.given != 3)
    rare = keeps[few.given[keeps] == 5][1:]
    data = few.take(np.setdiff1d(keeps, rare))
    assert finite(run(data, CASES[name].spec))


@everywhere
def test_a_users_module_on_images_in_half_precision(name, few):
    def image(data):
        pixels = (data.inputs.reshape(-1, 8, 8, 1) * 255).astype(np.uint8)
        splits = {s: image(getattr(data, s)) for s in ("trusted", "validation") if getattr(data, s) is not None}
        return replace(data, inputs=pixels, kind="image", **splits)

    net = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 10))
    training = run(image(few), CASES[name].spec, replace(SHORT, precision="bf16"), model=net)
    assert finite(training)
    assert training.history[-1]["train_accuracy"] > 0.1


def with_normalisation(shape, classes):
    """One hidden layer with batch normalisation and dropout."""
    return nn.Sequential(
        nn.Linear(shape[0], 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, classes)
    )


def finite(training):
    """Whether all weights and all that was recorded are finite."""
    weights = training.predictor.nets.state_dict().values()
    recorded = [v for row in training.history for k, v in row.items() if k.endswith(("loss", "accuracy"))]
    return all(torch.isfinite(w).all() for w in weights) and np.isfinite(recorded).all()


def check_the_truth_changes_nothing(data, spec):
    options = {"method": spec, "model": small, "epochs": 2, "batch_size": 20, "validation": 0.0}
    shuffled = np.random.default_rng(1).permutation(data.truth)
    runs = [train(known, **options) for known in (data, replace(data, truth=shuffled))]
    one, two = (r.predictor.nets.state_dict() for r in runs)
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    assert runs[0].samples.equals(runs[1].samples)
    assert runs[0].history["noisy_fit"].iloc[-1] != runs[1].history["noisy_fit"].iloc[-1]


@everywhere
def test_the_truth_changes_nothing(name, few):
    check_the_truth_changes_nothing(few, CASES[name].spec)


def test_a_training_that_sees_the_truth_is_caught(few, monkeypatch):
    monkeypatch.setattr(Dataset, "blind", lambda self: self if self.truth is None else replace(self, given=self.truth))
    with pytest.raises(AssertionError):
        check_the_truth_changes_nothing(few, "ce")


@everywhere
def test_learns(name, digits):
    config = Config(epochs=10, batch_size=32, lr=0.1, validation=0.0)
    reached = run(digits, CASES[name].spec, config).history[-1]["test_accuracy"]
    print(f"{name}: {reached:.3f}")
    assert reached >= CASES[name].accuracy
