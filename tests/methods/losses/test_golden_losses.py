"""Losses, targets and mixing against the published implementations' numbers."""

import pytest
import torch
from torch.testing import assert_close

from noisewise.methods.inputs.mixup import mix
from noisewise.methods.losses.gce import GCE, generalized_cross_entropy
from noisewise.methods.pairs.coteaching import CoTeaching, small_loss_picks
from noisewise.methods.targets.bootstrap import BootstrapSoft
from noisewise.methods.transition.forward import ForwardCorrection
from noisewise.methods.transition.glc import GoldLossCorrection, gold_transition
from noisewise.methods.transition.matrix import anchor_transition, forward_loss
from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.method import Chain, LearningTask
from noisewise.training.step import objective_of

from ..golden import batch, hot, stored

KERAS_CLIP = {"rtol": 1e-5, "atol": 1e-6}


def evaluate(method, logits, labels, **fields):
    """The loss per row (N, B) and the objective's gradient by the logits of a method on (B, K) or (N, B, K) logits."""
    z = (logits if logits.ndim == 3 else logits[None]).clone().requires_grad_()
    found, objective = objective_of(method, batch(torch.zeros(len(labels), 1), labels, z.shape[-1], **fields), z)
    (gradient,) = torch.autograd.grad(objective, z)
    return found.losses.detach(), gradient, objective.detach()


@pytest.mark.parametrize("q", [0.3, 0.7])
def test_gce(q):
    numbers = stored("losses")
    each, gradient, _ = evaluate(GCE(q), numbers["logits"], numbers["labels"])
    expected, certain = numbers[f"gce_q{q}__each"], slice(-1)
    assert_close(each[0, certain], expected[certain])
    assert_close(gradient[0, certain], numbers[f"gce_q{q}__grad"][certain])


@pytest.mark.parametrize("q", [0.3, 0.7])
def test_gce_of_an_impossible_label_is_what_the_official_clamp_of_1e_7_approximates(q):
    numbers = stored("losses")
    each, gradient, _ = evaluate(GCE(q), numbers["logits"], numbers["labels"])
    assert each[0, -1] <= 1 / q
    assert_close(each[0, -1] - (1e-7) ** q / q, numbers[f"gce_q{q}__each"][-1], rtol=0, atol=1e-6)
    assert torch.isfinite(gradient).all()


def test_gce_inside_the_truncated_loss():
    numbers = stored("truncated_gce")
    q, k = float(numbers["q"]), float(numbers["k"])
    each = generalized_cross_entropy(numbers["logits"], hot(numbers["labels"], 4), q)
    assert_close(each - (1 - k**q) / q, numbers["each_before"])


def test_cross_entropy():
    numbers = stored("keras_losses")
    each, gradient, _ = evaluate(Chain(), numbers["logits"], numbers["labels"])
    assert_close(each[0], numbers["cross_entropy__value"], **KERAS_CLIP)
    assert_close(gradient[0], numbers["cross_entropy__grad"], **KERAS_CLIP)


def test_bootstrap_soft_differentiates_through_its_target():
    numbers = stored("keras_losses")
    each, gradient, _ = evaluate(BootstrapSoft(0.95), numbers["logits"], numbers["labels"])
    assert_close(each[0], numbers["bootstrap_soft__value"], **KERAS_CLIP)
    assert_close(gradient[0], numbers["bootstrap_soft__grad"], **KERAS_CLIP)
    _, held, _ = evaluate(BootstrapSoft(0.95, detach=True), numbers["logits"], numbers["labels"])
    assert (held[0] - numbers["bootstrap_soft__grad"]).abs().max() > 1e-3


@pytest.mark.parametrize("source", ["forward", "keras_losses"])
def test_forward_correction(source):
    numbers = stored(source)
    method = ForwardCorrection(numbers["transition"]).double()
    method.transition.copy_(numbers["transition"])
    each, gradient, objective = evaluate(method, numbers["logits"], numbers["labels"])
    if source == "forward":
        assert_close(objective, numbers["loss"])
        assert_close(gradient[0], numbers["grad"])
    else:
        assert_close(each[0], numbers["forward__value"], **KERAS_CLIP)
        assert_close(gradient[0], numbers["forward__grad"], **KERAS_CLIP)


def test_the_anchor_of_the_largest_probability():
    numbers = stored("forward")
    assert_close(
        anchor_transition(numbers["all_probs"].double(), 1.0), numbers["C_hat_argmax"].double(), rtol=0, atol=1e-6
    )
    assert_close(stored("t_revision")["fit_argmax"].double(), numbers["C_hat_argmax"].double(), rtol=0, atol=1e-6)


def test_the_anchor_at_a_percentile_is_the_official_one_without_its_zeroed_entries():
    numbers = stored("forward")
    official, p = numbers["C_hat_percentile"].double(), numbers["all_probs"].double()
    below = (len(p) - 1 - int(0.03 * len(p)) - 0.5) / len(p)
    ours = anchor_transition(p, below)
    untouched = official > 0
    assert untouched.float().mean() > 0.7
    assert_close(ours[untouched], official[untouched], rtol=0, atol=1e-6)


def test_gold_transition():
    numbers = stored("glc")
    assert_close(numbers["gold_logits"].softmax(dim=1), numbers["probs"].double(), rtol=0, atol=1e-6)
    found = gold_transition(numbers["probs"].double(), numbers["gold_labels"], 4)
    assert_close(found, numbers["C_hat"].double(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", ["mixed", "silver", "gold"])
def test_glc_second_phase(case):
    numbers = stored("glc")
    rows = numbers[f"{case}_rows"]
    method = GoldLossCorrection(numbers["C_hat"], ratio=1.0).double()
    logits, labels = numbers["batch_logits"][rows], numbers["batch_labels"][rows]
    _, gradient, objective = evaluate(method, logits, labels, info={"trusted": numbers["batch_is_gold"][rows]})
    assert_close(objective, numbers[f"{case}_loss"])
    assert_close(gradient[0], numbers[f"{case}_grad"])


def test_mixup_mixes_inputs_and_mixing_targets_mixes_losses():
    numbers = stored("mixup")
    share, partner = float(numbers["lam"]), numbers["permutation"]
    assert_close(mix(numbers["inputs"], partner, share), numbers["mixed"])
    z = numbers["logits"].clone().requires_grad_()
    loss = cross_entropy(z, mix(hot(numbers["labels"], 4), partner, share)).mean()
    (gradient,) = torch.autograd.grad(loss, z)
    assert_close(loss.detach(), numbers["loss"])
    assert_close(gradient, numbers["grad"])


@pytest.mark.parametrize("forget", [0.0, 0.2, 0.35])
def test_coteaching_exchanges_small_losses_without_the_second_division(forget):
    numbers, prefix = stored("coteaching"), f"forget{forget}_"
    kept = int(numbers[f"{prefix}remembered"])
    logits = torch.stack([numbers["logits_1"], numbers["logits_2"]])
    method = CoTeaching(rate=forget, gradual=1)
    method.prepare(LearningTask(40, 4, torch.zeros(40, dtype=torch.int64), networks=2))
    losses, gradient, objective = evaluate(method, logits, numbers["labels"], clock=Clock(epoch=9, epochs=15))
    picks = small_loss_picks(losses, kept)
    assert_close(objective, numbers[f"{prefix}mean_1"] + numbers[f"{prefix}mean_2"])
    for network in (1, 2):
        chosen = torch.zeros(10).double().index_fill_(0, numbers[f"{prefix}chosen_by_{network}"], 1.0)
        assert_close(picks[network - 1], chosen)
        assert_close(gradient[network - 1], numbers[f"{prefix}grad_{network}"] * kept)


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_coteaching_reaches_its_rate_at_the_same_epoch(exponent):
    official = stored("coteaching")[f"rate_exponent{exponent}"]
    method = CoTeaching(rate=0.4, gradual=10, exponent=exponent)
    method.prepare(LearningTask(40, 4, torch.zeros(40, dtype=torch.int64), epochs=200, networks=2))
    ours = torch.tensor([method.forget_rate(epoch) for epoch in range(15)], dtype=torch.float64)
    assert_close(ours[10:], official[10:], rtol=0, atol=1e-7)
    assert (ours.diff() >= 0).all()
    if exponent == 1:
        paper = torch.linspace(0.04, 0.4, 10, dtype=torch.float64)
        assert_close(ours[:10], paper, rtol=0, atol=1e-7)


def test_forward_loss_behind_the_identity_is_cross_entropy():
    numbers = stored("forward")
    y = hot(numbers["labels"], 4)
    assert_close(forward_loss(numbers["logits"], y, torch.eye(4).double()), cross_entropy(numbers["logits"], y))
