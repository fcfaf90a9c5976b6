"""SELF and progressive early stopping: by hand, and against the numbers of the authors' code of the latter."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.testing import assert_close

from noisewise import models
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.semi_supervised import mixmatch, pes, self_ensembling
from noisewise.methods.semi_supervised.pes import (
    Confident,
    SemiConfident,
    class_weights,
    phase_lengths,
    phases,
)
from noisewise.methods.semi_supervised.self_ensembling import SelfEnsembling, confirmed, early_rounds
from noisewise.models.parts import last_stage
from noisewise.noise import corrupt
from noisewise.training import resume
from noisewise.training.batch import Batch, Clock, cross_entropy, one_hot
from noisewise.training.config import Config
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks, Predictor
from noisewise.training.observer import Callbacks
from noisewise.training.step import step
from noisewise.training.trainer import Training

from ..golden import MLP, assert_gradients, batch, stored
from ..test_conformance_training import Counter, Killed, outcome, same

NAMES = tuple(map(str, range(10)))
THREE_LAYERS = "mlp:widths=24x16"


@pytest.fixture(scope="module")
def few():
    """160 digits with 40 % symmetric noise, 60 of them for validation."""
    x, y = load_digits(return_X_y=True)
    noisy = corrupt(Dataset((x[:160] / 16).astype(np.float32), y[:160], NAMES), "symmetric:0.4", seed=0)
    return replace(noisy.take(np.arange(100)), validation=noisy.take(np.arange(100, 160)))


def run(data, spec, epochs=8, model=THREE_LAYERS, **options):
    """A finished training."""
    training = Training(data, model, Config(epochs=epochs, batch_size=20, lr=0.1), **options)
    build(spec)(training)
    training.finish()
    return training


def stages(training):
    """The stage of every epoch."""
    return [row["stage"] for row in training.history]


@pytest.mark.parametrize("spec", ["pes", "pes:semi=true", "self-ensembling", "self-ensembling:restart=false"])
def test_recipe_resumes_after_any_epoch(spec, few, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    expected = outcome(run(few, spec))
    for epoch in range(1, 9):
        with pytest.raises(Killed):
            run(few, spec, folder=tmp_path / str(epoch), observers=[Callbacks(on_epoch=Counter(epoch))])
        assert same(outcome(run(few, spec, folder=tmp_path / str(epoch), resume=True)), expected)


# progressive early stopping


@pytest.fixture
def confident():
    """The stored network and both methods with the stored confident rows."""
    n = stored("pes")
    found = []
    for method in (Confident(), SemiConfident(20, 15.0, 0.5, 4.0)):
        method.prepare(LearningTask(40, 4, n["given"], epochs=300))
        method.take(torch.zeros(40, dtype=torch.bool).index_fill(0, n["kept"], True))
        found.append(method)
    return n, Networks([MLP(n, "net_")]), *found


@pytest.mark.usefixtures("double")
def test_confident_rows_and_class_weights_match_the_authors_code(confident):
    n, _, plain, semi = confident
    assert torch.equal(torch.nonzero(n["probs"].argmax(dim=1) == n["given"])[:, 0], n["kept"])
    assert_close(plain.memory, n["class_weights"])
    assert_close(semi.memory, n["class_weights_semi"])
    assert torch.equal(torch.nonzero(plain.selection())[:, 0], n["kept"])


def test_class_without_confident_rows_has_weight_zero():
    kept = torch.tensor([True, True, True, False, False])
    assert_close(class_weights(torch.tensor([0, 0, 1, 2, 2]), kept, 3), torch.tensor([0.75, 1.5, 0.0]).double())


@pytest.mark.usefixtures("double")
def test_step_on_confident_rows_matches_the_authors_code(confident):
    n, nets, method, _ = confident
    rows = batch(n["inputs"], n["labels"], 4)
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.0), rows, torch.Generator())
    assert_close((evaluated.w * evaluated.losses).mean(), n["loss"])
    assert_gradients(nets, n, "grad_")


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("case", ["early", "late"])
def test_mixmatch_step_matches_the_authors_code(case, confident, monkeypatch):
    n, nets, _, method = confident
    alphas = []
    monkeypatch.setattr(mixmatch, "draw_share", lambda alpha, rng: alphas.append(alpha) or float(n[f"{case}_share"]))
    monkeypatch.setattr(torch, "randperm", lambda size, generator=None: n[f"{case}_permutation"])
    clock = Clock(epoch=int(n[f"{case}_epoch"]), epochs=300)
    rest = batch(n["inputs_u"], torch.zeros(3, dtype=torch.int64), 4, view=lambda rng: n["inputs_u2"])
    rows = batch(
        n["inputs_x"], n["labels_x"], 4, clock=clock, view=lambda rng: n["inputs_x2"], auxiliary={"unlabelled": rest}
    )
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.0), rows, torch.Generator())
    labelled = evaluated.info["labelled"]
    assert alphas == [float(n[f"{case}_alpha"])]
    assert_close(evaluated.x, n[f"{case}_mixed"])
    assert_close(evaluated.losses[0, labelled].mean(), n[f"{case}_Lx"])
    assert_close(evaluated.losses[0, ~labelled].mean(), n[f"{case}_Lu"])
    assert_close((evaluated.w * evaluated.losses).mean(), n[f"{case}_loss"])
    assert_gradients(nets, n, f"{case}_grad_")


def test_phases():
    assert phase_lengths(200, 391) == (25, 7, 5)
    assert phase_lengths(300, 391, semi=True) == (20, 0, 5)
    assert phase_lengths(20, 29, last=0) == (6, 2, 0)
    assert phases((25, 7, 5), stage=2, depth=3, epochs=200) == [(0, 25), (2, 7), (1, 5)]
    assert phases((25, 7, 5), stage=2, depth=2, epochs=30) == [(0, 25), (1, 5)]
    assert phases((25, 7, 5), stage=2, depth=1, epochs=30) == [(0, 25)]
    assert phases((25, 7, 5), stage=3, depth=9, epochs=28) == [(0, 25), (3, 3)]


def test_front_layers_are_frozen(few):
    training = run(few, "pes:first=2,middle=1,last=1", epochs=6)
    assert stages(training) == ["main", "main", "last 2", "last 1", "confident", "confident"]
    nets = {name: learner.nets[0] for name, learner in training._learners.items()}
    for name in ("1", "3", "5"):
        at = [nets[stage].get_submodule(name).weight for stage in ("main", "last 2", "last 1", "confident")]
        unchanged = [torch.equal(a, b) for a, b in pairwise(at)]
        assert unchanged == {"1": [True, True, False], "3": [False, True, False], "5": [False] * 3}[name]
    assert all(row["lr"] > later["lr"] for row, later in pairwise(training.history))


def test_the_last_stage_of_residual_networks_has_all_blocks_of_the_last_width():
    assert [last_stage(models.build(name, (16, 16, 3), 4)) for name in ("resnet18", "preact-resnet18")] == [2, 2]
    assert [last_stage(models.build(name, (16, 16, 3), 4)) for name in ("resnet32", "lenet")] == [5, 1]


def test_first_phase_may_take_all_epochs(few):
    assert stages(run(few, "pes:first=50", epochs=3)) == ["main"] * 3


def test_confident_rows_are_those_that_agree(few):
    training = run(few, "pes", epochs=6)
    method = training._methods[0][0]
    kept = pes._confident(training, training._learners["confident"])
    agrees = training.probabilities(Predictor(training._learners["confident"].nets), "train").argmax(dim=1)
    assert torch.equal(kept[training.rows.index], agrees == training.rows.given)
    assert 0 < method.selection()[training.rows.index].mean() < 1


# self-ensembling


def teaching(**options):
    """A network, and the middle of a round of SELF on four rows of three classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = Networks([nn.Linear(2, 3)])
    method = SelfEnsembling(nets, 2, 6, **options)
    method.prepare(LearningTask(4, 3, torch.tensor([0, 1, 2, 2]), epochs=8))
    return nets, method


def rows_of_four(clock):
    """All four rows."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.5]])
    return Batch(x, one_hot(torch.tensor([0, 1, 2, 2]), 3), torch.arange(4), torch.ones(4), clock)


def test_averaged_predictions_confirm_labels():
    memory = torch.tensor([[0.6, 0.3], [0.6, 0.3], [0.0, 0.0], [0.2, 0.1]])
    assert confirmed(memory, torch.tensor([0, 1, 1, -1])).tolist() == [True, False, True, False]
    assert confirmed(memory[:2], torch.tensor([1, 1])).all()


def test_filtered_rows_have_only_the_consistency_loss():
    before = torch.tensor([[0.0, 0.9, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 0.0], [0.5, 0.1, 0.4]])
    nets, method = teaching(before=before, consistency=7.0)
    assert method.selection().tolist() == [0, 1, 1, 0]
    rows = method.edit(rows_of_four(Clock(epoch=5, epochs=8)), nets, torch.Generator())
    with torch.no_grad():
        nets[0].weight.mul_(3)
    rows = replace(rows, logits=nets(rows.x))
    p, q = rows.scores.softmax(dim=-1), method.teacher(rows.x).softmax(dim=-1)
    distance = 7.0 * ((p - q) ** 2).sum(dim=-1) / 3
    assert distance.min() > 0
    expected = distance + torch.tensor([0.0, 1.0, 1.0, 0.0]) * cross_entropy(rows.scores, rows.y)
    assert_close(method.loss(rows), expected)


def test_predictions_are_averaged_per_row():
    nets, method = teaching(inertia=0.75)
    rows = rows_of_four(Clock(epoch=2, epochs=8))
    part = replace(rows, x=rows.x[1:], y=rows.y[1:], index=rows.index[1:], w=rows.w[1:])
    optimizer, seen = torch.optim.SGD(nets.parameters(), 0.5), []
    for _ in range(2):
        seen.append(method.teacher(part.x)[0].softmax(dim=-1))
        step(nets, method, optimizer, part, torch.Generator())
    assert_close(method.memory[1:], 0.75 * 0.25 * seen[0] + 0.25 * seen[1])
    assert method.memory[0].sum() == 0


def test_teacher_starts_as_the_mean_of_all_steps():
    nets, method = teaching(decay=1.0)
    weights = []
    for number in range(4):
        rows = rows_of_four(Clock(epoch=2, epochs=8, step=number, steps=100))
        step(nets, method, torch.optim.SGD(nets.parameters(), 0.5), rows, torch.Generator())
        weights.append(nets[0].weight.detach().clone())
    assert_close(method.teacher.nets[0].weight.detach(), torch.stack(weights).mean(dim=0))


def test_teacher_averages_over_at_most_a_tenth_of_the_round():
    _, method = teaching(decay=0.999)
    assert method.decay(Clock(epoch=7, epochs=8, steps=10)) == pytest.approx(1 - 1 / 6)
    assert method.decay(Clock(epoch=7, epochs=8, steps=10_000)) == 0.999


def test_consistency_ramps_up_within_the_round():
    _, method = teaching(consistency=2.0)
    assert method.strength(Clock(epoch=2, epochs=8)) == pytest.approx(2 * math.exp(-5))
    assert method.strength(Clock(epoch=3, epochs=8)) == pytest.approx(2 * math.exp(-5 / 4))
    assert method.strength(Clock(epoch=4, epochs=8)) == 2.0


def test_rounds_share_the_epochs(few, monkeypatch):
    assert [early_rounds(20, None, rounds) for rounds in (1, 2, 3, 6, 50)] == [(0, 0), (1, 10), (2, 5), (5, 2), (10, 1)]
    assert [early_rounds(epochs, 50, 4) for epochs in (1, 8, 20, 30, 300)] == [(0, 0), (1, 4), (2, 5), (3, 5), (3, 50)]
    assert stages(run(few, "self-ensembling:rounds=1", epochs=3)) == ["last round"] * 3
    assert stages(run(few, "self-ensembling:rounds=50", epochs=4)) == ["round 1"] * 2 + ["last round"] * 2


def test_every_fresh_network_has_its_own_schedule(few):
    rates = [row["lr"] for row in run(few, "self-ensembling").history]
    assert rates[:4] == rates[4:]
    assert rates[3] < rates[0] / 2
    together = [row["lr"] for row in run(few, "self-ensembling:restart=false").history]
    assert all(one > two for one, two in pairwise(together))


def test_every_round_filters_the_whole_split_by_the_averages(few):
    training = run(few, "self-ensembling")
    methods = [method for method, _ in training._methods]
    assert stages(training)[-4:] == ["last round"] * 4
    assert methods[0].selection()[training.rows.index].min() == 1
    kept = methods[-1].selection()[training.rows.index]
    assert 0 < kept.mean() < 1
    assert torch.equal(kept, confirmed(methods[-1].before, training.task.given)[training.rows.index].float())


@pytest.mark.parametrize("reached, used, expected", [((0.5, 0.5), 1, (2, 2, 4)), ((0.5, 0.4), 0, (2, 2, 4))])
def test_a_round_that_validates_worse_ends_the_filtering(reached, used, expected, few, monkeypatch):
    values = iter(reached)
    monkeypatch.setattr(self_ensembling, "early_rounds", lambda *_: (2, 2))
    monkeypatch.setattr(self_ensembling, "_best_validation", lambda *_: next(values))
    training = run(few, "self-ensembling")
    methods = [method for method, _ in training._methods]
    assert tuple(map(stages(training).count, ("round 1", "round 2", "last round"))) == expected
    assert methods[-1].before is methods[used].memory


def test_filtering_that_ends_early_leaves_its_epochs_to_the_last_round(few, monkeypatch):
    values = iter((0.5, 0.4))
    monkeypatch.setattr(self_ensembling, "early_rounds", lambda *_: (4, 1))
    monkeypatch.setattr(self_ensembling, "_best_validation", lambda *_: next(values))
    training = run(few, "self-ensembling")
    assert stages(training) == ["round 1", "round 2"] + ["last round"] * 6


def test_validation_of_a_round_is_its_best_epoch(few):
    training = run(few, "self-ensembling")
    values = [row["validation_accuracy"] for row in training.history]
    assert self_ensembling._best_validation(training, 2, 2) == max(values[2:4])
    bare = run(replace(few, validation=None), "self-ensembling", epochs=2)
    assert self_ensembling._best_validation(bare, 0, 1) == 0.0


@pytest.mark.parametrize("spec", ["pes:first=0", "pes:temperature=0", "self-ensembling:rounds=0", "pes:alpha=-1"])
def test_options_outside_their_range_are_refused(spec, few):
    with pytest.raises(BadInput, match=r"must (lie|be a whole number) between"):
        run(few, spec)
