"""Methods with a transition matrix end each phase at its best epoch on validation rows with their given labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.testing import assert_close

from noisewise.data.dataset import Dataset
from noisewise.data.split import split
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.transition.estimators import estimate_transition
from noisewise.methods.transition.forward import ForwardCorrection
from noisewise.methods.transition.volminnet import VolMinNet
from noisewise.noise import corrupt
from noisewise.training import Config, Predictor, Training
from noisewise.training.observer import Callbacks

EPOCHS = 20
CONFIG = Config(epochs=EPOCHS, batch_size=20, lr=0.2, validation=0.0)


@pytest.fixture(scope="module")
def digits():
    """300 rows with 50 % symmetric noise, which a network memorises in ten epochs, 100 for validation, 40 trusted."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    whole = Dataset((x[order] / 16).astype(np.float32), y[order], tuple(map(str, range(10))))
    noisy = corrupt(whole.take(np.arange(400)), "symmetric:0.5", seed=0)
    return replace(split(noisy, validation=0.25), trusted=whole.take(np.arange(400, 440)))


def small(shape, classes):
    return nn.Sequential(nn.Linear(shape[0], 64), nn.ReLU(), nn.Linear(64, classes))


class Phases:
    """After every epoch of every learner: its weights, its learning rate, and its validation accuracy and loss."""

    def __init__(self, training):
        self.training, self.seen, self.done = training, {}, 0
        training.observers = (*training.observers, Callbacks(on_progress=self.after))
        self.train = training.fit
        training.fit = self.fit

    def fit(self, learner, method, epochs=None, **options):
        self.learner, self.method = learner, method
        self.seen[learner.name] = {"weights": [], "accuracy": [], "loss": [], "lr": [], "options": options}
        return self.train(learner, method, epochs, **options)

    def after(self, share):
        here = self.seen[self.learner.name]
        if share == 1:
            rows, nets = self.training.splits["validation"], self.learner.nets
            with torch.no_grad():
                x = torch.cat([rows.prepare(raw, None) for _, raw in rows.stream(torch.arange(len(rows)), 64)])
                p = nets(x)[0].softmax(dim=1)
            given = p @ self.method.transition if isinstance(self.method, ForwardCorrection) else p
            here["weights"].append(flat(nets))
            here["accuracy"].append(float((p.argmax(dim=1) == rows.given).float().mean()))
            here["loss"].append(float(-given.gather(1, rows.given[:, None]).log().mean()))
        here["lr"].append(self.learner.optimizer.param_groups[0]["lr"])


def flat(nets):
    return torch.cat([p.detach().flatten() for p in nets.parameters()]).clone()


def trained(data, spec):
    """The finished training of a spec, and its phases."""
    training = Training(data, small, CONFIG)
    phases = Phases(training)
    build(spec)(training)
    return training, phases


def test_forward_keeps_the_least_loss_of_both_networks(digits):
    training, phases = trained(digits, "forward:first=1")
    for name in ("first", "main"):
        best = int(np.argmin(phases.seen[name]["loss"]))
        assert best < EPOCHS - 1
        assert torch.equal(flat(training.learner(name).nets), phases.seen[name]["weights"][best])


def test_the_rule_last_selects_the_weights_that_the_training_ends_with(digits):
    training = Training(digits, small, replace(CONFIG, select="last"))
    build("forward:first=0.5")(training)
    final = training.learner("main").nets.state_dict()
    assert not training.history[-1]["kept"]
    assert all(torch.equal(training.selected[name], value) for name, value in final.items())


def test_the_matrix_comes_from_weights_that_have_not_memorised(digits):
    training, phases = trained(digits, "forward:first=1")
    used = phases.method.transition
    scout = training.learner("first").nets
    probabilities = training.probabilities(Predictor(scout), "train")
    assert_close(used, estimate_transition("anchor", probabilities, training.rows.given))
    last = phases.seen["first"]["weights"][-1]
    nn.utils.vector_to_parameters(last, scout.parameters())
    memorised = estimate_transition("anchor", training.probabilities(Predictor(scout), "train"), training.rows.given)
    assert memorised.diagonal().mean() > used.diagonal().mean() + 0.2


@pytest.mark.parametrize("spec", ["glc:first=1", "s-model:first=0.5", "t-revision:first=0.5,revision=0.1"])
def test_other_scouts_keep_the_best_accuracy(spec, digits):
    _, phases = trained(digits, spec)
    name = "first" if spec.startswith("glc") else "main"
    scout, later = phases.seen[name], [n for n in phases.seen if n != name]
    best = int(np.argmax(scout["accuracy"]))
    assert best < len(scout["weights"]) - 1
    assert scout["options"]["keep_best"] == "accuracy"
    if name == "main":
        assert later == (["adapted"] if spec.startswith("s-model") else ["reweighted", "revised"])


def test_the_phases_of_t_revision_start_from_the_best_epoch_before_and_end_at_theirs(digits):
    training, phases = trained(digits, "t-revision:first=0.4,revision=0.2")
    one, two, three = (phases.seen[name] for name in ("main", "reweighted", "revised"))
    assert [len(phase["weights"]) for phase in (one, two, three)] == [8, 8, 4]
    best = two["weights"][int(np.argmax(two["accuracy"]))]
    # Adam at 5e-7 moves a weight by at most about that much a step.
    assert (three["weights"][0] - best).abs().max() < 15 * 1e-6
    assert set(three["lr"]) == {5e-7}
    assert two["lr"][0] == one["lr"][0] == 0.2
    assert two["lr"][-1] < 0.01 > one["lr"][-1]
    (revision, joint) = training._methods[-1]
    assert isinstance(joint, torch.optim.Adam)
    assert revision.through
    assert not training._methods[1][0].through
    kept = three["weights"][int(np.argmax(three["accuracy"]))]
    assert torch.equal(flat(training.predictor.nets), kept)


@pytest.mark.parametrize("name, kind", [(None, torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_the_matrix_of_volume_minimisation_may_have_its_own_optimiser(name, kind, digits):
    training = Training(digits, small, replace(CONFIG, epochs=1))
    method = VolMinNet(optimizer=name)
    training.fit(training.learner(), method)
    assert isinstance(training._methods[0][1], kind)
    assert isinstance(training.learner().optimizer, torch.optim.SGD)
    with pytest.raises(BadInput, match="optimizer='lamb'"):
        VolMinNet(optimizer="lamb")
