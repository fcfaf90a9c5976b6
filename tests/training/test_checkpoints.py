"""Checkpoints are written while the training goes on, and hold what was when they began."""

import copy
import pickle
import threading
import time
from dataclasses import replace

import pytest
import torch

from noisewise.data import load, subset
from noisewise.errors import BadInput
from noisewise.methods import METHODS
from noisewise.training import Config, resume
from noisewise.training.ledger import Ledger
from noisewise.training.observer import Callbacks
from noisewise.training.trainer import Training

EPOCHS, ROWS, SIZE = 4, 200, 10


@pytest.fixture(scope="module")
def data():
    return replace(subset(load("digits"), ROWS, seed=0), test=None)


def made(data, folder, **more):
    config = Config(epochs=EPOCHS, batch_size=SIZE, validation=0.0, optimizer="adam")
    return Training(data, "mlp:16", config, folder=folder, **more)


def fitted(training):
    training.fit(training.learner(), METHODS["elr"]())
    training.finish()
    return training


def weights(training):
    return torch.cat([p.detach().flatten() for p in training.learner().nets.parameters()])


def same(one, other):
    buffers = zip(one.ledger.buffers(), other.ledger.buffers(), strict=True)
    return torch.equal(weights(one), weights(other)) and all(torch.equal(a, b) for a, b in buffers)


@pytest.fixture
def always(monkeypatch):
    """A checkpoint is due after every epoch, and nobody waits for it."""
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", 1e-9)


def test_steps_go_on_while_a_checkpoint_is_written_and_it_holds_what_was_when_it_began(
    data, tmp_path, monkeypatch, always
):
    real, begun, further, held = resume.write, threading.Event(), threading.Event(), []
    steps = 0

    def slowly(folder, state):
        if not begun.is_set():
            held.append(resume.fingerprint(state))
            begun.set()
            assert further.wait(30), "the training waits for its checkpoint"
            held.append(resume.fingerprint(state))
            real(folder, state)
            (tmp_path / "kept.pt").write_bytes((folder / resume.FILE).read_bytes())

    def step(share):
        nonlocal steps
        steps += 1
        if steps == ROWS // SIZE + 15:  # within the epoch after the checkpoint, whose end needs the ledger
            further.set()

    monkeypatch.setattr(resume, "write", slowly)
    whole = fitted(made(data, tmp_path / "run", observers=[Callbacks(on_progress=step)]))
    assert held[0] == held[1]
    monkeypatch.setattr(resume, "write", real)
    (tmp_path / "run" / resume.FILE).write_bytes((tmp_path / "kept.pt").read_bytes())
    stored = resume.read(tmp_path / "run")
    assert (stored["calls"], stored["epoch"]) == (0, 1)
    assert same(fitted(made(data, tmp_path / "run", resume=True)), whole)


def test_a_checkpoint_is_not_begun_while_another_is_written(data, tmp_path, monkeypatch, always):
    real, at_once, most = resume.write, [], []

    def counted(folder, state):
        at_once.append(state["epoch"])
        most.append(len(at_once))
        time.sleep(0.05)
        real(folder, state)
        at_once.pop()

    monkeypatch.setattr(resume, "write", counted)
    whole = fitted(made(data, tmp_path))
    assert set(most) == {1}
    assert resume.read(tmp_path)["calls"] == 1
    assert same(fitted(made(data, tmp_path, resume=True)), whole)


def test_a_checkpoint_that_cannot_be_written_ends_the_training(data, tmp_path, monkeypatch, always):
    def full(folder, state):
        raise BadInput("the disk is full")

    monkeypatch.setattr(resume, "write", full)
    with pytest.raises(BadInput, match="the disk is full"):
        fitted(made(data, tmp_path))


def test_an_interrupted_training_leaves_a_whole_checkpoint(data, tmp_path, monkeypatch, always):
    real, begun = resume.write, threading.Event()

    def slowly(folder, state):
        begun.set()
        time.sleep(0.2)
        real(folder, state)

    def interrupt(share):
        if begun.is_set():
            raise KeyboardInterrupt

    monkeypatch.setattr(resume, "write", slowly)
    with pytest.raises(KeyboardInterrupt):
        fitted(made(data, tmp_path / "run", observers=[Callbacks(on_progress=interrupt)]))
    monkeypatch.setattr(resume, "write", real)
    assert resume.read(tmp_path / "run")["epoch"] >= 1
    assert same(fitted(made(data, tmp_path / "run", resume=True)), fitted(made(data, None)))


def test_a_lent_ledger_changes_when_it_is_returned():
    ledger = Ledger(torch.tensor([0, 1, 0]), 2)
    returned = ledger.lend()
    recording = threading.Thread(target=ledger.record, args=(torch.tensor([0, 2]), torch.randn(1, 2, 2)))
    recording.start()
    recording.join(0.1)
    assert recording.is_alive()
    assert ledger.seen.sum() == 0
    returned.set()
    recording.join(30)
    assert ledger.seen.tolist() == [1, 0, 1]


def test_a_finished_training_can_be_copied(data, tmp_path, always):
    training = fitted(made(data, tmp_path))
    assert torch.equal(copy.deepcopy(training.ledger).seen, pickle.loads(pickle.dumps(training.ledger)).seen)
