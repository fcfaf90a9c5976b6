"""Robust losses: against published implementations, and against what their definitions imply."""

import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import METHODS
from noisewise.methods.losses.bi_tempered import bi_tempered_loss, tempered_log_softmax
from noisewise.methods.losses.correntropy import correntropy_loss
from noisewise.methods.losses.ct import photon_label_loss, photon_nll
from noisewise.methods.losses.focal import focal_loss
from noisewise.methods.losses.gce import generalized_cross_entropy
from noisewise.methods.losses.label_smoothing import smoothed
from noisewise.methods.losses.mae import mean_absolute_error
from noisewise.methods.losses.nce_rce import NCEandRCE, normalized_cross_entropy
from noisewise.methods.losses.poly_soft import PolySoft, poly_soft, poly_soft_loss
from noisewise.methods.losses.sce import reverse_cross_entropy, symmetric_cross_entropy
from noisewise.methods.losses.taylor_ce import taylor_cross_entropy
from noisewise.methods.losses.truncated_gce import TruncatedGCE, truncation
from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.ledger import Ledger
from noisewise.training.method import EpochEnd, LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import objective_of

from ..golden import batch, hot, stored

KERAS_CLIP = {"rtol": 1e-5, "atol": 1e-6}
OFFICIAL = {
    "sce_a0.1_b1": lambda z, y: symmetric_cross_entropy(z, y, 0.1, 1.0),
    "sce_a6_b0.1": lambda z, y: symmetric_cross_entropy(z, y, 6.0, 0.1),
    "rce": reverse_cross_entropy,
    "nce": normalized_cross_entropy,
    "mae": lambda z, y: mean_absolute_error(z, y) / 2,
    "focal_g0.5": lambda z, y: focal_loss(z, y, 0.5, detach=True),
    "focal_g2": lambda z, y: focal_loss(z, y, 2.0, detach=True),
}


def random_logits(rows=6, classes=5, spread=2.0):
    return spread * torch.randn(rows, classes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def labels(rows=6, classes=5):
    return hot(torch.arange(rows) % classes, classes)


def number(value):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("case", OFFICIAL)
def test_official_losses(case):
    numbers = stored("losses")
    z = numbers["logits"].clone().requires_grad_()
    each = OFFICIAL[case](z, hot(numbers["labels"], 5))
    (gradient,) = torch.autograd.grad(each.mean(), z)
    clip = {"rtol": 1e-5, "atol": 2e-5}
    assert_close(each.detach(), numbers[f"{case}__each"], **clip)
    assert_close(gradient, numbers[f"{case}__grad"], **clip)


@pytest.mark.parametrize("alpha, beta", [(1.0, 0.1), (10.0, 0.1)])
def test_official_nce_and_rce(alpha, beta):
    numbers = stored("losses")
    z = numbers["logits"].clone().requires_grad_()
    rows = batch(torch.zeros(8, 1), numbers["labels"], 5)
    found, objective = objective_of(NCEandRCE(alpha, beta), rows, z[None])
    (gradient,) = torch.autograd.grad(objective, z)
    name = f"nce_rce_a{alpha:g}_b{beta:g}"
    assert_close(found.losses[0].detach(), numbers[f"{name}__each"], rtol=1e-5, atol=2e-5)
    assert_close(gradient, numbers[f"{name}__grad"], rtol=1e-5, atol=2e-5)


def test_the_focal_gradient_is_that_of_the_published_loss_unless_detached():
    z, y = random_logits().requires_grad_(), labels()
    assert torch.autograd.gradcheck(lambda z: focal_loss(z, y, 2.0), z)
    (held,) = torch.autograd.grad(focal_loss(z, y, 2.0, detach=True).sum(), z)
    (free,) = torch.autograd.grad(focal_loss(z, y, 2.0).sum(), z)
    assert (held - free).abs().max() > 0.1


def test_keras_symmetric_cross_entropy():
    numbers = stored("keras_losses")
    z = numbers["logits"].clone().requires_grad_()
    loss = symmetric_cross_entropy(z, hot(numbers["labels"], 10), 0.1, 1.0).mean()
    (gradient,) = torch.autograd.grad(loss, z)
    assert_close(loss.detach(), numbers["sce__value"], **KERAS_CLIP)
    assert_close(gradient, numbers["sce__grad"], **KERAS_CLIP)


def test_keras_label_smoothing_is_ours_scaled_to_targets_that_sum_to_99_hundredths():
    numbers = stored("keras_losses")
    z = numbers["logits"].clone().requires_grad_()
    loss = 0.99 * cross_entropy(z, smoothed(hot(numbers["labels"], 10), 0.1 / 0.99)).mean()
    (gradient,) = torch.autograd.grad(loss, z)
    assert_close(loss.detach(), numbers["label_smoothing__value"], **KERAS_CLIP)
    assert_close(gradient, numbers["label_smoothing__grad"], **KERAS_CLIP)


BI_TEMPERED = {"t0.8_1.2": (0.8, 1.2), "t0.5_1.5": (0.5, 1.5), "t0.2_4": (0.2, 4.0), "t0.7_1": (0.7, 1.0)}


@pytest.mark.parametrize("kind", ["hard", "soft", "smooth"])
@pytest.mark.parametrize("case", BI_TEMPERED)
def test_official_bi_tempered_loss(case, kind):
    numbers = stored("bi_tempered")
    z, one_hot = numbers["logits"].clone().requires_grad_(), hot(numbers["labels"], 5)
    targets = {"hard": one_hot, "soft": numbers["soft"], "smooth": smoothed(one_hot, 0.1 * 5 / 4)}[kind]
    each = bi_tempered_loss(z, targets, *BI_TEMPERED[case])
    (gradient,) = torch.autograd.grad(each.mean(), z)
    assert_close(tempered_log_softmax(z, BI_TEMPERED[case][1]).exp().detach(), numbers[f"{case}__p"])
    assert_close(each.detach(), numbers[f"{case}_{kind}__each"], rtol=1e-7, atol=1e-8)
    assert_close(gradient, numbers[f"{case}_{kind}__grad"], rtol=1e-6, atol=1e-8)


def test_five_official_iterations_are_close():
    numbers = stored("bi_tempered")
    found = tempered_log_softmax(numbers["logits"], 1.2).exp()
    assert_close(found, numbers["t0.8_1.2__p_after_five"], rtol=0, atol=1e-5)
    assert not torch.allclose(found, numbers["t0.8_1.2__p_after_five"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("t", [1.0, 1.2, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("classes, spread", [(2, 1.0), (10, 100.0), (1000, 1.0), (1000, 10.0)])
def test_the_tempered_softmax_sums_to_one(t, classes, spread, dtype, tolerance):
    total = tempered_log_softmax(random_logits(20, classes, spread).to(dtype), t).exp().sum(dim=-1)
    assert_close(total, torch.ones(20, dtype=dtype), rtol=0, atol=tolerance * classes**0.5)


def test_bi_tempered_limits():
    z, y = random_logits(), labels()
    assert_close(bi_tempered_loss(z, y, 1.0, 1.0), cross_entropy(z, y))
    assert_close(bi_tempered_loss(z, y, 1 - 1e-9, 1 + 1e-9), cross_entropy(z, y), rtol=1e-6, atol=1e-6)
    p = z.softmax(dim=-1)
    bias = (p**1.3).sum(dim=-1) / 1.3 - 1 / 1.3
    assert_close(bi_tempered_loss(z, y, 0.7, 1.0), generalized_cross_entropy(z, y, 0.3) + bias)


LEARNED = {
    "gce": (generalized_cross_entropy, (0.7,)),
    "sce": (symmetric_cross_entropy, (0.1, 1.0)),
    "bi-tempered": (bi_tempered_loss, (0.8, 1.2)),
    "bi-tempered at one": (bi_tempered_loss, (1.0, 1.0001)),
    "poly-soft": (poly_soft_loss, (3.0, 2.5)),
    "correntropy": (correntropy_loss, (0.5,)),
    "focal": (focal_loss, (2.0,)),
}


@pytest.mark.parametrize("name", LEARNED)
def test_options_may_be_learned(name):
    loss, options = LEARNED[name]
    z, y, learned = random_logits().requires_grad_(), labels(), [number(v) for v in options]
    assert_close(loss(z, y, *learned), loss(z, y, *options))
    assert torch.autograd.gradcheck(lambda z, *o: loss(z, y, *o), (z, *learned))
    if name != "bi-tempered at one":
        assert torch.autograd.gradgradcheck(lambda z, *o: loss(z, y, *o), (z, *learned))


@pytest.mark.parametrize("name", LEARNED)
def test_learned_options_stay_finite_at_huge_logits(name):
    loss, options = LEARNED[name]
    z, learned = (1e4 * random_logits().sign()).float(), [number(v) for v in options]
    each = loss(z, labels().float(), *learned)
    assert torch.isfinite(each).all()
    assert all(torch.isfinite(g) for g in torch.autograd.grad(each.sum(), learned))


SYMMETRIC = {
    "mae": (mean_absolute_error, 2 * 4.0),
    "rce": (reverse_cross_entropy, 4 * 9.210340371976182),
    "nce": (normalized_cross_entropy, 1.0),
    "taylor of order one": (lambda z, y: taylor_cross_entropy(z, y, 1), 4.0),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_losses_sum_to_a_constant_over_the_labels(name):
    loss, constant = SYMMETRIC[name]
    total = sum(loss(random_logits(), hot(torch.full((6,), k), 5)) for k in range(5))
    assert_close(total, torch.full((6,), constant, dtype=torch.float64))


def test_taylor_series():
    z, y = random_logits(spread=0.5), labels()
    e = 1 - (z.softmax(dim=-1) * y).sum(dim=-1)
    assert_close(taylor_cross_entropy(z, y, 3), e + e**2 / 2 + e**3 / 3)
    assert_close(taylor_cross_entropy(z, y, 400), cross_entropy(z, y))


def test_correntropy_is_squared_error_in_a_wide_kernel_and_one_at_an_impossible_label():
    z, y = random_logits(), labels()
    e = 1 - (z.softmax(dim=-1) * y).sum(dim=-1)
    assert_close(correntropy_loss(z, y, 1e4), e**2, rtol=1e-6, atol=1e-8)
    assert_close(correntropy_loss(-1e3 * y, y, 0.5), torch.ones(6, dtype=torch.float64))


@pytest.mark.parametrize("d", [1.5, 2.0, 4.0])
def test_the_slope_of_poly_soft_is_the_self_paced_weight(d):
    losses = torch.linspace(0.1, 4.9, 9, dtype=torch.float64, requires_grad=True)
    (weight,) = torch.autograd.grad(poly_soft(losses, 3.0, d).sum(), losses)
    assert_close(weight, (1 - losses.detach() / 3).clamp_min(0) ** (1 / (d - 1)))


def test_poly_soft_levels_off_and_is_the_loss_itself_far_below_the_threshold():
    assert_close(poly_soft(torch.tensor([5.0, 50.0]), 4.0, 2.0), torch.tensor([2.0, 2.0]))
    small = torch.tensor([0.1, 0.2], dtype=torch.float64)
    assert_close(poly_soft(small, 1e7, 2.0), small, rtol=1e-6, atol=0)


def poly_soft_task(method, noise_rate):
    method.prepare(LearningTask(8, 4, torch.zeros(8, dtype=torch.int64), epochs=10, noise_rate=noise_rate))
    return method


def test_poly_soft_begins_with_cross_entropy_and_then_follows_the_percentile_but_never_below_a_guess():
    method = poly_soft_task(PolySoft(decay=0.0), noise_rate=0.25)
    z, y = random_logits(8, 4, 6.0), torch.arange(8) % 4
    early, late = (batch(torch.zeros(8, 1), y, 4, clock=Clock(epoch, 10)) for epoch in (0, 5))
    losses = cross_entropy(z, early.y)
    evaluated, _ = objective_of(method, early, z[None])
    assert_close(evaluated.losses[0], losses)
    method.observe(evaluated)
    at = losses.float().quantile(0.75).double()
    assert at > torch.tensor(4.0).log()
    assert_close(objective_of(method, late, z[None])[0].losses[0], poly_soft(losses, at, 2.0), rtol=1e-6, atol=1e-6)
    method.percentile.fill_(0.01)
    guess = torch.tensor(4.0, dtype=torch.float64).log()
    assert_close(objective_of(method, late, z[None])[0].losses[0], poly_soft(losses, guess, 2.0), rtol=1e-6, atol=1e-6)


def truncated(numbers, **options):
    method = TruncatedGCE(float(numbers["q"]), float(numbers["k"]), **options)
    method.prepare(
        LearningTask(int(numbers["rows"]), 4, torch.zeros(int(numbers["rows"]), dtype=torch.int64), epochs=12)
    )
    return method.double()


def test_official_truncated_loss_before_and_after_pruning():
    numbers = stored("truncated_gce")
    method = truncated(numbers)
    rows = batch(torch.zeros(8, 1), numbers["labels"], 4, index=numbers["index"])
    for when, logits in (("before", "logits"), ("later", "logits_later")):
        z = numbers[logits].clone().requires_grad_()
        evaluated, objective = objective_of(method, rows, z[None])
        (gradient,) = torch.autograd.grad(objective, z)
        assert_close((evaluated.w * evaluated.losses)[0].detach(), numbers[f"each_{when}"])
        assert_close(objective.detach(), numbers[f"mean_{when}"])
        assert_close(gradient, numbers[f"grad_{when}"])
        if when == "before":
            losses = generalized_cross_entropy(numbers["logits"], rows.y, method.q)
            method.prune(numbers["index"], losses[None])
            assert_close(method.kept[0], numbers["weight"].double())
            assert_close(method.selection(), numbers["weight"].double())


def test_the_easiest_rows_survive_a_pruning_that_would_drop_all():
    method = TruncatedGCE()
    method.prepare(LearningTask(20, 4, torch.zeros(20, dtype=torch.int64)))
    losses = truncation(0.7, 0.5) + torch.arange(20.0).flip(0)
    method.prune(torch.arange(20), losses[None])
    assert method.kept[0].nonzero().flatten().tolist() == [18, 19]


def test_truncation_looks_again_every_twelfth_of_the_training_from_a_third_on():
    method, looked = TruncatedGCE(), []
    method.prepare(LearningTask(4, 4, torch.arange(4), epochs=48, noise_rate=0.5))
    ledger = Ledger(torch.arange(4), 4)
    for epoch in range(48):
        rows = batch(torch.zeros(4, 1), torch.arange(4), 4, logits=torch.eye(4)[None] * torch.tensor([9, 0, 8, 1]))

        def passes(rows=rows, epoch=epoch):
            looked.append(epoch + 1)
            return [rows]

        ledger.record(torch.arange(4), torch.eye(4)[None])
        method.refit(EpochEnd(Networks([]), epoch, 48, passes, ledger))
    assert looked == [16, 20, 24, 28, 32, 36, 40, 44]
    assert method.selection().tolist() == [1, 0, 1, 0]


def brute_force(line, measured, i0, sigma):
    def negative(count):
        rate = i0 * torch.exp(torch.tensor(-line, dtype=torch.float64)).item()
        log_rate = torch.tensor(i0, dtype=torch.float64).log().item() - line
        return (measured - count) ** 2 / (2 * sigma**2) + rate - count * log_rate + gammaln(count + 1)

    return minimize_scalar(negative, bounds=(0, 2 * i0 + 50), method="bounded", options={"xatol": 1e-9}).fun


@pytest.mark.parametrize("i0, sigma", [(1.0, 0.5), (100.0, 5.0), (1e4, 10.0), (1e5, 1000.0)])
@pytest.mark.parametrize("line", [0.0, 0.7, 3.0, 9.0])
@pytest.mark.parametrize("share", [-0.01, 0.0, 0.3, 1.0])
def test_the_photon_likelihood_is_that_of_the_best_count(i0, sigma, line, share):
    found = photon_nll(torch.tensor(line, dtype=torch.float64), torch.tensor(share * i0).double(), i0, sigma)
    assert found.item() == pytest.approx(brute_force(line, share * i0, i0, sigma), rel=1e-9, abs=1e-6)


def test_the_photon_gradient_is_that_of_the_minimum():
    lines = torch.tensor([0.1, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
    measured, i0, sigma = torch.tensor([80.0, 55.0, -3.0]).double(), number(100.0), number(5.0)
    assert torch.autograd.gradcheck(photon_nll, (lines, measured.requires_grad_(), i0, sigma))


def test_the_most_likely_line_integral_explains_the_measurement():
    lines = torch.linspace(0, 3, 3001, dtype=torch.float64)
    best = lines[photon_nll(lines, torch.tensor(5000.0).double(), 1e4, 1.0).argmin()]
    assert best == pytest.approx(torch.tensor(2.0).log().item(), abs=2e-3)


@pytest.mark.parametrize("i0", [10.0, 100.0])
def test_labels_without_electronic_noise_give_cross_entropy(i0):
    z, y = random_logits(), labels()
    constant = torch.lgamma(torch.tensor(i0 + 1).double()) / i0 + 1 - torch.tensor(i0).double().log()
    assert_close(photon_label_loss(z, y, i0, 1e-4) - constant, cross_entropy(z, y), rtol=1e-6, atol=1e-6)


def test_a_label_beyond_belief_costs_at_most_that_it_is_electronic_noise():
    y = labels()
    impossible = photon_label_loss(-50 * y, y, 100.0, 5.0)
    assert (impossible <= 100 / (2 * 25) + 1 + 1e-9).all()


@pytest.mark.parametrize(
    "name, options",
    [
        ("sce", {"alpha": -1}),
        ("bi-tempered", {"t1": 1.5}),
        ("bi-tempered", {"t2": 0.5}),
        ("focal", {"gamma": -1}),
        ("taylor-ce", {"order": 1.5}),
        ("taylor-ce", {"order": 0}),
        ("nce-rce", {"beta": -1}),
        ("poly-soft", {"d": 1}),
        ("correntropy", {"sigma": 0}),
        ("label-smoothing", {"eps": 2}),
        ("truncated-gce", {"k": 1.5}),
        ("ct", {"sigma": 0}),
    ],
)
def test_options_out_of_range(name, options):
    with pytest.raises(BadInput, match=name):
        METHODS[name](**options)
