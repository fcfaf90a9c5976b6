"""Sample weights: minimisers of what defines them, closed forms, and the numbers of the official implementations."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.testing import assert_close

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.weights.class_balanced import ClassBalanced, class_balanced_weights
from noisewise.methods.weights.cores2 import CORES2, confidence_regularised, sieve
from noisewise.methods.weights.focal_weighting import FocalWeighting, focal_weights
from noisewise.methods.weights.hard_mining import HardMining, hard_mining_weights
from noisewise.methods.weights.linear_weighting import LinearWeighting, linear_weights
from noisewise.methods.weights.mentor import MentorNet, teach
from noisewise.methods.weights.mentornet import Mentored
from noisewise.methods.weights.mentornet_data_driven import WarmUpStudent
from noisewise.methods.weights.mentornet_predefined import predefined_lessons, predefined_weights
from noisewise.methods.weights.mixture_weighting import MixtureWeighting, mixture_weights
from noisewise.methods.weights.prediction_variance import PredictionVariance, variance_weights
from noisewise.methods.weights.self_paced import SelfPaced, self_paced_weights
from noisewise.noise import corrupt
from noisewise.training.batch import Clock, cross_entropy, one_hot
from noisewise.training.config import Config
from noisewise.training.method import LearningTask
from noisewise.training.step import objective_of
from noisewise.training.trainer import Training

from .. import golden, scene

LOSSES = torch.linspace(0.03, 4.03, 161, dtype=torch.float64)[None]
GRID = torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None]
LAMBDA, FULL, GAMMA = 1.7, 0.4, 2.0
ZETA = FULL * LAMBDA / (1 - FULL)


def focal_term(v):
    """H with H'(v) = log(1 - v^(1/2)), for gamma = 2."""
    root = v.sqrt()
    inside = 1 - root
    return -(1 - v) * torch.where(inside > 0, inside.clamp_min(1e-300).log(), 0.0) - root - v / 2


EASY = {
    "self-paced": (self_paced_weights(LOSSES, LAMBDA), lambda v: -LAMBDA * v),
    "linear": (linear_weights(LOSSES, LAMBDA), lambda v: LAMBDA * (v**2 / 2 - v)),
    "mixture": (mixture_weights(LOSSES, LAMBDA, FULL), lambda v: -ZETA * (v + ZETA / LAMBDA).log()),
}
HARD = {
    "hard-mining": (hard_mining_weights(LOSSES, LAMBDA), lambda v: -LAMBDA * v),
    "focal": (focal_weights(LOSSES, GAMMA), focal_term),
}


@pytest.mark.parametrize("name", EASY)
def test_easy_first_weights_minimise(name):
    weights, term = EASY[name]
    best = GRID[(GRID * LOSSES + term(GRID)).argmin(dim=0), 0]
    assert_close(weights[0], best, rtol=0, atol=2.5e-4)


@pytest.mark.parametrize("name", HARD)
def test_hard_first_weights_maximise(name):
    weights, term = HARD[name]
    best = GRID[(GRID * LOSSES + term(GRID)).argmax(dim=0), 0]
    assert_close(weights[0], best, rtol=0, atol=2.5e-4)


def test_easy_first_weights_fall_and_hard_first_rise():
    for weights, _ in EASY.values():
        assert (weights.diff() <= 0).all()
        assert (weights[..., 0] > weights[..., -1]).all()
    for weights, _ in HARD.values():
        assert (weights.diff() >= 0).all()
        assert (weights[..., 0] < weights[..., -1]).all()


def test_weights_at_loss_zero_are_finite():
    zero = torch.zeros(1, 1)
    assert linear_weights(zero, 1.0) == mixture_weights(zero, 1.0, 0.5) == 1
    assert focal_weights(zero, 2.0) == 0


def test_focal_weights_are_the_factor_of_focal_loss():
    logits = torch.randn(1, 6, 4, dtype=torch.float64)
    y = one_hot(torch.arange(6) % 4, 4).double()
    p = (logits.softmax(dim=-1) * y).sum(dim=-1)
    assert_close(focal_weights(cross_entropy(logits, y), 2.0), (1 - p) ** 2)


def evaluate(method, logits, **fields):
    """A batch behind the stations of a method."""
    rows = golden.batch(torch.zeros(len(logits), 1), torch.arange(len(logits)) % 4, 4, **fields)
    return objective_of(method, rows, logits[None])[0]


LOGITS = torch.randn(12, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [SelfPaced, LinearWeighting, MixtureWeighting])
def test_weights_of_a_curriculum_are_at_most_one(kind):
    method = scene.prepared(kind(), 1)
    method.threshold.fill_(1.5)
    method.noise.settled_at = 1
    weights = evaluate(method, LOGITS, clock=Clock(9, 10)).w
    assert weights.min() >= 0
    assert weights.max() <= 1
    assert 0 < weights.mean() < 1


@pytest.mark.parametrize("kind", [HardMining, FocalWeighting])
def test_weights_have_mean_one(kind):
    method = scene.prepared(kind(), 1)
    if hasattr(method, "threshold"):
        method.threshold.fill_(1.5)
        method.noise.settled_at = 1
    weights = evaluate(method, LOGITS, clock=Clock(9, 10)).w
    assert_close(weights.mean(), torch.tensor(1.0).double())
    assert weights.max() > weights.min()


@pytest.mark.parametrize("kind", [LinearWeighting, MixtureWeighting, HardMining])
def test_curricula_keep_all_rows_in_the_burn_in_and_before_the_first_threshold(kind):
    for method, clock in ((kind(burn_in=0.5), Clock(4, 10)), (kind(burn_in=0.0), Clock(0, 10))):
        ones = evaluate(scene.prepared(method, 1), LOGITS, clock=clock).w
        assert_close(ones.expand(1, 12), torch.ones(1, 12).double())


def test_threshold_is_the_running_percentile():
    method = scene.prepared(LinearWeighting(keep=0.25, burn_in=0.0, decay=0.5), 1)
    batch = evaluate(method, LOGITS)
    method.observe(batch)
    first = np.quantile(batch.losses.numpy(), 0.25)
    assert float(method.threshold) == pytest.approx(first)
    method.observe(evaluate(method, 2 * LOGITS))
    second = np.quantile(cross_entropy(2 * LOGITS, batch.y).numpy(), 0.25)
    assert float(method.threshold) == pytest.approx((first + second) / 2)


def test_hard_mining_always_keeps_the_positive_class():
    method = scene.prepared(HardMining(positive=2, burn_in=0.0), 1)
    method.threshold.fill_(1e9)
    weights = evaluate(method, LOGITS).w[0]
    assert torch.equal(weights > 0, torch.arange(12) % 4 == 2)


def test_class_balanced_weights():
    counts = torch.tensor([5, 50, 0, 400])
    found = class_balanced_weights(counts, 0.99)
    expected = [(1 - 0.99) / (1 - 0.99**n) if n else 0 for n in counts.tolist()]
    assert_close(found / found[0], torch.tensor(expected).double() / expected[0])
    assert float((found * counts).sum() / counts.sum()) == pytest.approx(1)
    assert torch.equal(class_balanced_weights(counts, 0.0)[[0, 1, 3]], torch.ones(3).double())
    inverse = class_balanced_weights(counts, 1 - 1e-9)
    assert_close((inverse * counts)[[0, 1, 3]], torch.full((3,), 455 / 3).double(), rtol=1e-5, atol=0)


def test_class_balanced_counts_only_the_training_split():
    method = ClassBalanced(0.9)
    method.prepare(LearningTask(7, 3, torch.tensor([0, 0, 0, 1, 2, -1, -1])))
    assert_close(method.memory.double(), class_balanced_weights(torch.tensor([3, 1, 1]), 0.9), rtol=1e-6, atol=0)
    batch = golden.batch(torch.zeros(3, 1), torch.arange(3), 3)
    assert_close(method.weight(batch), method.memory.double())


def test_prediction_variance_equals_the_variance_of_the_history():
    method = scene.prepared(PredictionVariance(burn_in=0.0), 2)
    rng = torch.Generator().manual_seed(1)
    history = []
    for _ in range(6):
        logits = 3 * torch.randn(2, 10, 4, generator=rng)
        rows = replace(scene.batch(), logits=logits)
        history.append((logits.softmax(dim=-1) * rows.y).sum(dim=-1))
        method.observe(rows)
    at, h = scene.batch().rows, torch.stack(history)
    assert_close(method.mean[:, at], h.mean(dim=0))
    assert_close(method.squares[:, at] / 5, h.var(dim=0))
    method.refit(None)
    s = (h.var(dim=0) + h.var(dim=0) ** 2 / 5).sqrt()
    v = s + s.mean(dim=1, keepdim=True)
    assert_close(method.weights[:, at], v / v.mean(dim=1, keepdim=True))
    assert_close(method.weight(scene.batch()), method.weights[:, at])
    others = torch.ones(scene.ROWS, dtype=torch.bool)
    others[at] = False
    assert (method.weights[:, others] == 1).all()


def test_prediction_variance_of_constant_predictions_gives_equal_weights():
    assert (variance_weights(torch.zeros(1, 5), torch.full((1, 5), 3.0), 1.0) == 1).all()


def test_cores2_matches_the_authors_code():
    numbers = golden.stored("cores2")
    y = golden.hot(numbers["labels"], 4)
    method = CORES2(warm=0.1, full=0.4, start=0.3)
    for epoch in (5, 20, 35, 60):
        z = numbers["logits"].clone().requires_grad_()
        losses = confidence_regularised(z, y, numbers["prior"], float(numbers["beta"][epoch]))
        v = sieve(z.detach(), y) if epoch > 30 else torch.ones(12).double()
        assert_close(cross_entropy(z.detach(), y), numbers[f"epoch{epoch}_losses"])
        assert torch.equal(v.int(), numbers[f"epoch{epoch}_v"].int())
        loss = (v * losses).sum() / v.sum()
        loss.backward()
        assert_close(loss.detach(), numbers[f"epoch{epoch}_loss"])
        assert_close(z.grad, numbers[f"epoch{epoch}_grad"], rtol=1e-6, atol=1e-6)
        assert method.beta_at(epoch / 100) == pytest.approx(float(numbers["beta"][epoch]), abs=0.07)


def test_cores2_prior_counts_the_kept_rows():
    method = CORES2(start=0.0)
    method.prepare(LearningTask(6, 2, torch.tensor([0, 0, 0, 1, 1, -1])))
    assert_close(method.memory, torch.tensor([[0.6, 0.4]]))
    sure = torch.tensor([[5.0, 0.0], [5.0, 0.0], [0.0, 5.0], [0.0, 5.0], [0.0, 5.0]])
    rows = golden.batch(torch.zeros(5, 1), torch.tensor([0, 0, 0, 1, 1]), 2, clock=Clock(1, 2), logits=sure[None])
    method.observe(rows)
    method.refit(None)
    assert method.selection().tolist() == [1, 1, 0, 1, 1, 1]
    assert_close(method.memory, torch.tensor([[0.5, 0.5]]))


def test_confidence_term_cancels_symmetric_noise():
    """With noise e over all K classes, E[l] = (1 - e) l(y) + e mean_k l(k): the second part goes for beta = e."""
    y = golden.hot(torch.arange(12) % 4, 4)
    uniform, e = torch.full((1, 4), 0.25).double(), 0.4
    noisy = (1 - e) * y + e * uniform
    assert_close(
        confidence_regularised(LOGITS, noisy, uniform, e), (1 - e) * cross_entropy(LOGITS, y), rtol=1e-5, atol=1e-5
    )


def test_mentornet_curricula_match_the_authors_code():
    numbers = golden.stored("mentornet")
    losses, differences, _, epoch = numbers["inputs"].T
    assert_close(self_paced_weights(differences, 0.0), numbers["self_paced"])
    assert_close(linear_weights(differences, 1.0), numbers["spcl_linear"])
    assert_close(focal_weights(losses, 2.0), numbers["focal_loss"])
    assert_close(hard_mining_weights(differences, 0.0), numbers["hard_example_mining"])
    assert_close(predefined_weights(differences, epoch), numbers["mentornet_pd"])


def test_mentornet_matches_the_authors_network():
    numbers = golden.stored("mentornet")
    mentor = MentorNet().double()
    first, second = (numbers[f"nn_bidirectional_rnn_{way}_basic_lstm_cell_kernel"][:2] for way in ("fw", "bw"))
    one, two = (numbers[f"nn_bidirectional_rnn_{way}_basic_lstm_cell_bias"] for way in ("fw", "bw"))
    fc, label = numbers["nn_Variable"], numbers["nn_label_embedding"][0]
    mentor.load_state_dict(
        {
            "gates.weight": torch.stack([first[:, 0], second[:, 0], first[:, 1], second[:, 1]]),
            "gates.bias": torch.stack([one[0], two[0], one[1], two[1]]),
            "epochs.weight": numbers["nn_epoch_embedding"],
            "hidden.weight": fc[2:].T,
            "hidden.bias": numbers["nn_Variable_1"] + label @ fc[:2],
            "out.weight": (numbers["nn_Variable_2"] + numbers["nn_Variable_3"]).T,
            "out.bias": torch.zeros(1),
        }
    )
    losses, differences, _, epoch = numbers["inputs"].T
    found = mentor(losses, differences, epoch.long()).detach()
    assert_close(found, numbers["nn_logits"].double(), rtol=1e-5, atol=1e-5)


def test_mentornet_learns_the_predefined_curriculum():
    rng = torch.Generator().manual_seed(0)
    mentor = teach(predefined_lessons(rng), rng, 1000)
    fresh = predefined_lessons(torch.Generator().manual_seed(1), rows=20_000)
    found = mentor(fresh.losses, fresh.differences, fresh.epoch).sigmoid()
    assert float(((found - fresh.right) ** 2).mean()) < 0.01
    assert float(((0.5 - fresh.right) ** 2).mean()) > 0.2
    assert not any(p.requires_grad for p in mentor.parameters())


def test_example_dropout_gives_weight_zero():
    method = scene.prepared(Mentored(MentorNet(), burn_in=1.0, dropout=0.5), 1)
    after = method.edit(scene.batch(rows=10), scene.networks(1), torch.Generator().manual_seed(0))
    assert set(after.w.tolist()) == {0.0, 2.0}


def warm_up_student():
    """A first student's method on six of the scene's trusted rows."""
    return scene.prepared(WarmUpStudent(torch.arange(20, 26), 0.2, None, 0.9), 1)


def test_warm_up_student_corrupts_half_of_the_trusted_labels():
    method, rows = warm_up_student(), scene.batch()
    after = method.edit(rows, scene.networks(1), torch.Generator())
    gold, place = rows.auxiliary["trusted"], after.index[10:] - 20
    assert len(after) == 12
    assert int((method.shift > 0).sum()) == 3
    assert torch.equal(after.info["trusted"], torch.arange(12) >= 10)
    moved = (after.y[10:].argmax(dim=1) - gold.y[:2].argmax(dim=1)) % 4
    assert torch.equal(moved, method.shift[place])


def test_lessons_are_the_observed_losses_weighted_to_the_noise_rate():
    method = warm_up_student()
    rows = replace(method.edit(scene.batch(), scene.networks(1), torch.Generator()), clock=Clock(2, 5))
    method.threshold.fill_(0.5)
    logits = torch.randn(1, 12, 4, generator=torch.Generator().manual_seed(5))
    method.observe(objective_of(method, rows, logits)[0])
    lessons = method.lessons(0.2)
    assert len(lessons.losses) == 2
    assert_close(lessons.losses.sort().values, cross_entropy(logits, rows.y)[0, 10:].sort().values)
    assert_close(lessons.losses - lessons.differences, method.threshold[0].expand(2))
    assert (lessons.epoch == 40).all()
    method.seen.zero_()
    whole = method.lessons(0.2)
    assert float(whole.counts[whole.right == 0].sum() / whole.counts.sum()) == pytest.approx(0.2)


class Untrusting:
    """A training without trusted rows."""

    config = Config(epochs=2)

    def split(self, name):
        raise BadInput(f"needs {name} rows")


def test_data_driven_curriculum_needs_trusted_rows():
    with pytest.raises(BadInput, match="trusted"):
        build("mentornet:curriculum=data-driven")(Untrusting())


@pytest.mark.parametrize(
    "spec",
    [
        "linear-weighting:keep=0",
        "mixture-weighting:full=1",
        "hard-mining:positive=-1",
        "focal-weighting:gamma=-1",
        "prediction-variance:burn_in=2",
        "class-balanced:beta=1",
        "cores2:full=0.05",
        "mentornet:curriculum=none",
        "mentornet:dropout=1",
        "mentornet:steps=0",
    ],
)
def test_bad_options(spec):
    with pytest.raises(BadInput):
        build(spec)(Untrusting())


def test_positive_class_that_does_not_exist():
    with pytest.raises(BadInput, match="positive=4"):
        scene.prepared(HardMining(positive=4), 1)


def test_the_grid_term_of_focal_weights():
    v = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(focal_term(v).sum(), v)
    assert float(slope) == pytest.approx(math.log(1 - math.sqrt(0.3)))


@pytest.fixture(scope="module")
def few_digits():
    """400 rows with 40 % symmetric noise, and 100 trusted rows."""
    x, y = load_digits(return_X_y=True)
    whole = Dataset((x / 16).astype(np.float32), y, tuple(map(str, range(10))))
    noisy = corrupt(whole.take(np.arange(400)), "symmetric:0.4", seed=0)
    return replace(noisy, trusted=whole.take(np.arange(400, 500)))


def test_data_driven_mentornet_detects_wrong_labels(few_digits):
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    training = Training(few_digits, net, Config(epochs=8, batch_size=20, lr=0.1, validation=0.0))
    build("mentornet:curriculum=data-driven,steps=300")(training)
    counts = training._methods[-1][0].selection()[training.rows.index].numpy()
    right = few_digits.given == few_digits.truth
    assert roc_auc_score(right, counts) > 0.85
