"""Two networks that agree or disagree, and noise at the gradient station: by hand, and against the authors' numbers."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods.gradients.gradient_noise import GradientNoise, generator_at
from noisewise.methods.gradients.perturbed_gd import PerturbedGD, in_ball
from noisewise.methods.pairs.coteaching import CoTeaching
from noisewise.methods.pairs.coteaching_plus import CoTeachingPlus
from noisewise.methods.pairs.decoupling import Decoupling, disagreement
from noisewise.methods.pairs.jocor import JoCoR, symmetric_divergence
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import Method, Task
from noisewise.training.networks import Networks
from noisewise.training.step import judge_logits, step

from .golden import batch, stored

LATE = Clock(epoch=90, epochs=100)
RNG = torch.Generator()


def prepared(method, **fields):
    """The method, ready for 40 rows of 4 classes."""
    task = {"epochs": 100, "networks": 2, **fields}
    method.prepare(Task(40, 4, torch.zeros(40, dtype=torch.int64), **task))
    return method


def judged(method, logits, labels, clock=LATE):
    """The judged batch, the objective and its gradient by the (2, B, K) logits."""
    z = logits.clone().requires_grad_()
    found, objective = judge_logits(method, batch(torch.zeros(len(labels), 1), labels, z.shape[-1], clock=clock), z)
    return found, objective.detach(), torch.autograd.grad(objective, z)[0]


def pair(numbers, prefix=""):
    """The stored logits of both networks, (2, B, K)."""
    return torch.stack([numbers[f"{prefix}logits_1"], numbers[f"{prefix}logits_2"]])


# disagreement


def test_disagreement_is_about_the_predicted_class():
    logits = torch.tensor([[[2.0, 1], [0, 1], [3, 0]], [[9.0, 8], [1, 0], [0, 1]]])
    assert disagreement(logits).tolist() == [False, True, True]
    assert not disagreement(logits[:1]).any()


@pytest.mark.parametrize("prefix", ["many_", "few_", "none_"])
def test_decoupling_is_the_authors(prefix):
    numbers = stored("decoupling")
    logits = pair(numbers, prefix)
    found, objective, gradient = judged(prepared(Decoupling()), logits, numbers[f"{prefix}labels"])
    assert torch.equal(disagreement(logits), numbers[f"{prefix}update"])
    assert torch.equal(found.w > 0, numbers[f"{prefix}update"])
    assert_close(objective, numbers[f"{prefix}loss_1"] + numbers[f"{prefix}loss_2"])
    for network in (1, 2):
        assert_close(gradient[network - 1], numbers[f"{prefix}grad_{network}"])


def test_the_mean_is_over_the_rows_in_dispute_and_over_no_fewer_than_a_share():
    logits = torch.zeros(2, 10, 3)
    logits[:, :, 0] = 1.0
    logits[1, :4, 1] = 2.0
    labels = torch.zeros(10, dtype=torch.int64)
    assert_close(judged(Decoupling(), logits, labels)[0].w, torch.tensor([2.5] * 4 + [0.0] * 6).double())
    assert_close(judged(Decoupling(least=0.8), logits, labels)[0].w, torch.tensor([1.25] * 4 + [0.0] * 6).double())


@pytest.mark.parametrize("make", [Decoupling, lambda: CoTeachingPlus(0.4, gradual=1)])
def test_without_dispute_nothing_is_trained_on(make):
    numbers = stored("coteaching_plus")
    logits = numbers["logits_1"].expand(2, -1, -1)
    _, objective, gradient = judged(prepared(make()), logits, numbers["labels"])
    assert objective == 0
    assert not gradient.any()
    assert not numbers["agree_step10000_grad_1"].any()


def test_warm_up_takes_every_row_and_then_only_those_in_dispute():
    numbers = stored("coteaching_plus")
    logits, labels = pair(numbers), numbers["labels"]
    for epoch, every in ((29, True), (30, False)):
        clock = Clock(epoch=epoch, epochs=100)
        assert bool((judged(Decoupling(warmup=0.3), logits, labels, clock)[0].w > 0).all()) == every


# co-teaching+


@pytest.mark.parametrize("forget", [0.0, 0.25, 0.5])
def test_coteaching_plus_is_the_authors_without_the_second_division(forget):
    numbers, prefix = stored("coteaching_plus"), f"forget{forget}_"
    z = pair(numbers).requires_grad_()
    method = prepared(CoTeachingPlus(rate=forget, gradual=1))
    rows = batch(torch.zeros(24, 1), numbers["labels"], 4, clock=LATE)
    found, objective = judge_logits(method, rows, z.softmax(dim=-1))
    (gradient,) = torch.autograd.grad(objective, z)
    kept = int(numbers[f"{prefix}remembered"])
    assert torch.equal(disagreement(z), numbers["disagree"])
    assert_close(objective.detach(), kept * (numbers[f"{prefix}loss_1"] + numbers[f"{prefix}loss_2"]))
    for network in (1, 2):
        assert_close(gradient[network - 1], kept * numbers[f"{prefix}grad_{network}"])
        assert int((found.w[network - 1] > 0).sum()) == kept


def test_coteaching_plus_starts_as_coteaching():
    numbers = stored("coteaching_plus")
    early = Clock(epoch=49, epochs=100)
    for clock, same in ((early, True), (replace(early, epoch=50), False)):
        weights = [
            judged(prepared(make(0.4, gradual=1)), pair(numbers), numbers["labels"], clock)[0].w
            for make in (CoTeaching, CoTeachingPlus)
        ]
        assert torch.equal(*weights) == same


# JoCoR


@pytest.mark.parametrize("lam", [0.1, 0.65, 0.9])
@pytest.mark.parametrize("forget", [0.0, 0.3, 0.5])
def test_jocor_is_the_authors(lam, forget):
    numbers, prefix = stored("jocor"), f"lam{lam}_forget{forget}_"
    method = prepared(JoCoR(rate=forget, gradual=1, lam=lam))
    _, objective, gradient = judged(method, pair(numbers), numbers["labels"])
    assert_close(objective, numbers[f"{prefix}loss"])
    for network in (1, 2):
        assert_close(gradient[network - 1], numbers[f"{prefix}grad_{network}"])


def test_the_divergence_is_the_sum_of_both_directions():
    numbers = stored("jocor")
    assert_close(symmetric_divergence(pair(numbers)), numbers["kl_12"] + numbers["kl_21"])
    assert_close(symmetric_divergence(pair(numbers).flip(0)), numbers["kl_12"] + numbers["kl_21"])


def test_both_networks_train_on_the_same_rows_which_are_remembered():
    numbers = stored("jocor")
    method = prepared(JoCoR(rate=0.5, gradual=1))
    found, *_ = judged(method, pair(numbers), numbers["labels"])
    method.observe(found)
    assert int((found.w > 0).sum()) == 12
    assert_close(method.selection()[:24], (found.w > 0).float())


# noise at the gradient station

SHAPES = {"body.weight": torch.ones(30, 20), "body.bias": torch.zeros(30), "head.weight": torch.full((4, 30), -2.0)}


def at_gradient(method, clock, gradients=None, regrad=None):
    """What the gradient station makes of zero gradients, or of `gradients`, at SHAPES."""
    rows = Batch(torch.zeros(2, 1), one_hot(torch.zeros(2, dtype=torch.int64), 4), None, torch.ones(2), clock=clock)
    return method.gradient(gradients or {n: torch.zeros_like(p) for n, p in SHAPES.items()}, SHAPES, regrad, rows)


def test_gradient_noise_has_the_stated_variance_and_fades():
    method = prepared(GradientNoise(eta=0.3, gamma=0.55))
    clocks = [Clock(epoch=e, epochs=9, step=s, steps=10) for e, s in ((0, 0), (0, 1), (3, 4))]
    for clock, t in zip(clocks, (0, 1, 34), strict=True):
        expected = math.sqrt(0.3 / (1 + t) ** 0.55)
        assert method.deviation(clock) == pytest.approx(expected)
        noise = at_gradient(method, clock)["body.weight"]
        assert float(noise.std()) == pytest.approx(expected, rel=0.1)
        assert abs(float(noise.mean())) < 4 * expected / math.sqrt(600)


@pytest.mark.parametrize("make", [GradientNoise, PerturbedGD])
def test_the_noise_is_a_function_of_the_seed_and_the_step(make):
    def noise(method, clock):
        return at_gradient(method, clock, regrad=lambda at: at)["body.weight"]

    torch.manual_seed(0)
    one, other = prepared(make()), prepared(make())
    clock = Clock(epoch=1, epochs=10, step=2, steps=5)
    torch.rand(3)
    assert torch.equal(noise(one, clock), noise(one, clock))
    for elsewhere in (replace(clock, epoch=2), replace(clock, step=3)):
        assert not torch.equal(noise(one, clock), noise(one, elsewhere))
    assert not torch.equal(noise(one, clock), noise(other, clock))
    other.load_state_dict(one.state_dict())
    assert torch.equal(noise(one, clock), noise(other, clock))


def test_points_fill_the_ball_evenly():
    rng, like = torch.Generator().manual_seed(0), torch.zeros(3, dtype=torch.float64)
    drawn = torch.stack([in_ball(like, rng) for _ in range(4000)])
    lengths = drawn.norm(dim=1)
    assert lengths.max() <= 1
    for r in (0.25, 0.5, 0.75):
        assert float((lengths < r).double().mean()) == pytest.approx(r**3, abs=0.03)
    assert drawn.mean(dim=0).abs().max() < 0.04
    assert_close(drawn.T.cov(), torch.eye(3).double() / 5, rtol=0, atol=0.02)


def test_every_tensor_has_a_ball_relative_to_its_norm():
    moved = at_gradient(prepared(PerturbedGD(rho=0.5)), Clock(), regrad=lambda at: at)
    for name, p in SHAPES.items():
        away = (moved[name] - p).norm()
        assert away <= 0.5 * p.norm() * (1 + 1e-6)
        assert (away > 0) == (p.norm() > 0)


def test_the_radius_falls_by_stages_to_none():
    method = PerturbedGD(rho=2.0, stages=4, ratio=0.5)
    radii = [method.radius(Clock(epoch=e, epochs=8)) for e in range(8)]
    assert radii == [2.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0]
    given = {n: torch.randn(p.shape) for n, p in SHAPES.items()}
    assert at_gradient(prepared(method), Clock(epoch=7, epochs=8), given) is given


def test_the_gradient_is_that_of_the_perturbed_weights():
    torch.manual_seed(0)
    net = nn.Linear(3, 2, bias=False)
    method = prepared(PerturbedGD(rho=0.5), networks=1)
    x, y = torch.randn(5, 3), one_hot(torch.tensor([0, 1, 1, 0, 1]), 2)
    rows = Batch(x, y, torch.arange(5), torch.ones(5))
    w = net.weight.detach().clone()
    moved = w + 0.5 * w.norm() * in_ball(w, generator_at(method.seed, Clock()))
    by_hand = ((x @ moved.T).softmax(dim=1) - y).T @ x / 5
    step(Networks([net]), method, torch.optim.SGD(net.parameters(), 0.0), rows, RNG)
    assert_close(net.weight.grad, by_hand)


# options


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Decoupling(warmup=2), "decoupling: warmup=2 must lie between 0 and 1"),
        (lambda: Decoupling(least=0), "decoupling: least=0 must lie between"),
        (lambda: CoTeachingPlus(rate=1.0), "coteaching-plus: rate=1.0 must lie between 0 and 0.99"),
        (lambda: CoTeachingPlus(warmup=-1), "coteaching-plus: warmup=-1"),
        (lambda: JoCoR(rate=2.0), "jocor: rate=2.0"),
        (lambda: JoCoR(lam=1.0), "jocor: lam=1.0"),
        (lambda: GradientNoise(eta=-1), "gradient-noise: eta=-1"),
        (lambda: PerturbedGD(stages=1), "perturbed-gd: stages=1"),
        (lambda: PerturbedGD(ratio=2), "perturbed-gd: ratio=2"),
    ],
)
def test_options_out_of_range_are_named(make, said):
    with pytest.raises(BadInput, match=said):
        make()


def test_the_rate_of_every_small_loss_method_is_estimated_where_nobody_states_it():
    for make in (CoTeachingPlus, JoCoR):
        method = prepared(make())
        assert isinstance(method, Method)
        assert method.forget_rate(50) == 0.0
        method.tau.fill_(0.3)
        assert method.forget_rate(50) == pytest.approx(0.3)
        assert prepared(make(), noise_rate=0.2).forget_rate(50) == pytest.approx(0.2)
