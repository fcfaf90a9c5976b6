"""`fit(..., keep_best=...)`: the weights of the best epoch on held-out rows with their given labels."""

import numpy as np
import pytest
import torch
from torch import nn

from noisewise.data import Dataset, split
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.training import Average, Config, Method, Predictor, Training, resume
from noisewise.training.history import Best, last
from noisewise.training.observer import Callbacks


@pytest.fixture(scope="module")
def data():
    """80 training rows that a small network memorises, half of them wrong, 40 for validation and 60 for testing."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=180)
    inputs = rng.normal(size=(180, 6)).astype(np.float32)
    inputs[:, 0] += 3 * truth
    test = Dataset(inputs[120:], truth[120:], ("a", "b", "c"))
    noisy = corrupt(Dataset(inputs[:120], truth[:120], ("a", "b", "c"), test=test), "symmetric:0.5", seed=0)
    return split(noisy, validation=1 / 3)


class Shifted(Method):
    """A loss with a parameter that is learned along with the networks."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))

    def loss(self, batch):
        z = batch.scores + self.shift
        return -(batch.y * z.log_softmax(dim=-1)).sum(dim=-1)


def training(data, **more):
    settings = {"epochs": 12, "validation": 0.0, "batch_size": 16, "lr": 0.2, "schedule": "constant", "seed": 1}
    return Training(data, "mlp:widths=32", Config(**settings), **more)


def flat(nets):
    return torch.cat([p.detach().flatten() for p in nets.parameters()]).clone()


class Follows:
    """Called after every epoch: notes weights, validation accuracy, and the method's loss on the validation rows."""

    def __init__(self, method=None):
        self.method, self.weights, self.accuracy, self.loss, self.shift = method, [], [], [], []

    def watch(self, training, learner):
        rows = training.splits["validation"]
        nets = learner.nets

        def after(share):
            if share < 1:
                return
            with torch.no_grad():
                x = torch.cat([rows.prepare(raw, None) for _, raw in rows.stream(torch.arange(len(rows)), 64)])
                z = nets(x)[0]
                if self.method is not None:
                    self.shift.append(self.method.shift.detach().clone())
                    z = z + self.method.shift
                self.weights.append(flat(nets))
                self.accuracy.append(float((z.argmax(dim=1) == rows.given).float().mean()))
                self.loss.append(float(nn.functional.cross_entropy(z, rows.given)))

        training.observers = (*training.observers, Callbacks(on_progress=after))
        return self


@pytest.mark.parametrize("record", [True, False])
def test_the_fit_ends_with_the_weights_of_the_best_accuracy(record, data):
    whole = training(data)
    learner = whole.learner()
    seen = Follows().watch(whole, learner)
    whole.fit(learner, Method(), record=record, keep_best=True)
    best = int(np.argmax(seen.accuracy))
    assert best < 11
    assert torch.equal(flat(learner.nets), seen.weights[best])
    assert learner.epochs_done == 12
    assert not learner.optimizer.state


def test_by_loss_it_is_the_methods_own_loss_and_its_parameters_go_back_too(data):
    whole, method = training(data), Shifted()
    learner = whole.learner()
    seen = Follows(method).watch(whole, learner)
    whole.fit(learner, method, keep_best="loss")
    best = int(np.argmin(seen.loss))
    assert best < 11
    assert best != int(np.argmax(seen.accuracy))
    assert torch.equal(flat(learner.nets), seen.weights[best])
    assert torch.equal(method.shift, seen.shift[best])


def test_the_networks_that_predict_go_back_with_the_learner(data):
    class Teacher(Method):
        def observe(self, batch):
            self.average.update(self.nets)

    whole, method = training(data), Teacher()
    learner = whole.learner()
    method.nets, method.average = learner.nets, Average(learner.nets, 0.5)
    teachers = []
    whole.observers = (Callbacks(on_epoch=lambda row: teachers.append(flat(method.average.nets))),)
    whole.fit(learner, method, predictor=Predictor(method.average.nets), keep_best=True)
    best = int(np.argmax([row["validation_accuracy"] for row in whole.history]))
    assert best < 11
    assert torch.equal(flat(method.average.nets), teachers[best])


def test_the_history_says_which_epoch_the_training_ends_with(data):
    whole = training(data)
    whole.fit(whole.learner(), Method(), keep_best=True)
    accuracy = [row["validation_accuracy"] for row in whole.history]
    assert [row["kept"] for row in whole.history] == [max(accuracy[:i], default=-1) < a for i, a in enumerate(accuracy)]
    assert last(whole.history) == int(np.argmax(accuracy)) < 11
    whole.fit(whole.learner(), Method(), 1)
    assert "kept" not in whole.history[-1]
    assert last(whole.history) == 12


def test_without_validation_rows_the_last_epoch_is_kept(data):
    alone = data.take(np.arange(len(data)))
    object.__setattr__(alone, "validation", None)
    kept, plain = training(alone), training(alone)
    kept.fit(kept.learner(), Method(), keep_best=True)
    plain.fit(plain.learner(), Method())
    assert torch.equal(flat(kept.learner().nets), flat(plain.learner().nets))
    assert "kept" not in kept.history[-1]
    assert last(kept.history) == 11


class Cut(Exception):
    """The training was interrupted."""


def two_phases(t):
    """The second phase starts from the kept weights of the first, which is not recorded."""
    learner = t.fit(t.learner(), Method(), 7, keep_best=True, record=False)
    middle = t.memoize("middle", lambda: flat(learner.nets))
    method = Shifted()
    t.fit(learner, method, 6, keep_best="loss")
    return torch.cat([middle, flat(learner.nets), method.shift.detach()])


@pytest.mark.parametrize("when", [1, 5, 6, 7, 8, 11, 12, 13])
def test_an_interrupted_training_resumes_to_the_same_bits(when, data, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    expected = two_phases(training(data))
    done = []

    def stop(share):
        if share == 1:
            done.append(share)
        if len(done) == when:
            raise Cut

    with pytest.raises(Cut):
        two_phases(training(data, folder=tmp_path, observers=[Callbacks(on_progress=stop)]))
    assert torch.equal(two_phases(training(data, folder=tmp_path, resume=True)), expected)


def test_an_interruption_after_the_last_checkpoint_of_a_fit(data, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    first = training(data, folder=tmp_path)
    kept = flat(first.fit(first.learner(), Method(), 12, keep_best=True).nets)
    again = training(data, folder=tmp_path, resume=True)
    learner = again.learner()
    assert not torch.equal(flat(learner.nets), kept)
    assert torch.equal(flat(again.fit(learner, Method(), 12, keep_best=True).nets), kept)


def test_best_keeps_the_first_of_equals():
    value = torch.zeros(1)
    best = Best({"w": value})
    for score, number in ((0.2, 1.0), (0.5, 2.0), (0.5, 3.0), (0.1, 4.0)):
        value.fill_(number)
        assert best.offer(score) == (number < 3)
    assert best.put_back()
    assert value.item() == 2


@pytest.mark.parametrize("by", ["test", 1.5])
def test_what_it_may_go_by(by, data):
    whole = training(data)
    with pytest.raises(BadInput, match="keep_best"):
        whole.fit(whole.learner(), Method(), 1, keep_best=by)
