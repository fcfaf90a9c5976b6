"""DivideMix against the numbers of the authors' code: division, refining, guessing, mixing, loss and gradients."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from noisewise.methods.mixtures import clean_probability
from noisewise.methods.semi_supervised import mixmatch
from noisewise.methods.semi_supervised.dividemix import DivideMix, prior_penalty, published_lambda_u, refine
from noisewise.methods.semi_supervised.mixmatch import negative_entropy, ramp, sharpen
from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import step

from ..golden import MLP, assert_gradients, batch, hot, stored

pytestmark = pytest.mark.usefixtures("double")


@pytest.mark.parametrize("which", ["first", "last5"])
def test_division(which):
    numbers = stored("dividemix_gmm")
    losses = numbers["losses"][0] if which == "first" else numbers["normalised"][1:].mean(dim=0)
    official = numbers["clean_probability" if which == "first" else "clean_probability_last5"].numpy()
    found = clean_probability(losses.numpy())
    assert abs(found - official).max() < 1e-2
    assert ((found > 0.5) == (official > 0.5)).mean() > 0.98


def test_losses_are_averaged_over_the_last_epochs():
    numbers = stored("dividemix_gmm")
    losses = numbers["losses"]
    settings = {"lambda_u": 0.0, "temperature": 0.5, "alpha": 4.0, "threshold": 0.5, "negentropy": False}
    method = DivideMix(Networks([torch.nn.Linear(2, 4)]), 1, **settings, loss_epochs=5)
    method.prepare(LearningTask(losses.shape[1], 4, torch.zeros(losses.shape[1], dtype=torch.int64), epochs=6))
    for epoch, values in enumerate(losses):
        method.losses.copy_(values)
        method._average(torch.arange(losses.shape[1]), warming=epoch == 0)
        expected = numbers["normalised"][max(0, epoch - 4) : epoch + 1].mean(dim=0)
        assert_close(method.losses, expected)
    method._average(torch.arange(losses.shape[1]), warming=True)
    assert method.recorded == 1
    assert_close(method.losses, method.recent[0])


def test_ramp_of_the_unlabelled_loss():
    numbers = stored("dividemix_step")
    values = [float(numbers["lambda_u"]) * ramp(float(e), 10) for e in numbers["ramp_epochs"]]
    assert_close(torch.tensor(values), numbers["ramp_values"])
    assert ramp(14, 10, int(numbers["ramp_length"])) * float(numbers["lambda_u"]) == pytest.approx(
        float(numbers["lamb"])
    )


def test_the_weight_of_unlabelled_rows_is_the_paper_s_for_their_share():
    shares = (0.0, 0.2, 0.5, 0.8, 0.9)
    assert [published_lambda_u(share, 10) for share in shares] == [0, 0, 25, 25, 50]
    assert [published_lambda_u(share, 100) for share in shares] == [25, 25, 150, 150, 150]


def test_targets():
    n = stored("dividemix_step")
    views = torch.stack([n["logits_x"], n["logits_x2"]]).softmax(dim=-1).mean(dim=0)
    assert_close(refine(hot(n["labels_x"], 4), n["w_x"], views, 1.0), n["refined"])
    assert_close(refine(hot(n["labels_x"], 4), n["w_x"], views, float(n["temperature"])), n["targets_x"])
    assert_close(sharpen(n["guessed"], float(n["temperature"])), n["targets_u"])


def test_penalties():
    n = stored("dividemix_step")
    z = n["logits"][None].clone().requires_grad_()
    assert_close(prior_penalty(z).detach(), n["penalty"])
    value = negative_entropy(z)
    (gradient,) = torch.autograd.grad(value, z)
    assert_close(value.detach(), n["neg_entropy"])
    assert_close(gradient[0], n["neg_entropy_grad"])


@pytest.fixture
def scene(monkeypatch):
    """The stored batch on the stored networks, with the stored draws."""
    n = stored("dividemix_step")
    monkeypatch.setattr(mixmatch, "draw_share", lambda alpha, rng: float(n["drawn"]))
    monkeypatch.setattr(torch, "randperm", lambda size, generator=None: n["permutation"])
    nets, peer = Networks([MLP(n, "net1_")]), Networks([MLP(n, "net2_")])
    settings = {"temperature": float(n["temperature"]), "alpha": 4.0, "threshold": 0.5, "negentropy": False}
    method = DivideMix(peer, int(n["warm_up"]), lambda_u=float(n["lambda_u"]), **settings)
    method.prepare(LearningTask(9, 4, torch.zeros(9, dtype=torch.int64)))
    method.clean[:5] = n["w_x"]
    clock = Clock(epoch=int(n["epoch"]), epochs=300)
    nobody = torch.zeros(4, dtype=torch.int64)
    rest = batch(n["inputs_u"], nobody, 4, clock=clock, index=torch.arange(5, 9), view=lambda rng: n["inputs_u2"])
    whole = batch(
        n["inputs_x"], n["labels_x"], 4, clock=clock, view=lambda rng: n["inputs_x2"], auxiliary={"unlabelled": rest}
    )
    return n, nets, method, whole


def test_step(scene):
    n, nets, method, whole = scene
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.1), whole, torch.Generator())
    assert evaluated.index is None
    assert_close(evaluated.x, n["mixed_input"])
    assert_close(evaluated.y, n["mixed_target"])
    assert_close(evaluated.scores[0], n["logits"])
    labelled = evaluated.info["labelled"]
    assert_close(evaluated.losses[0, labelled].mean(), n["Lx"])
    assert_close(evaluated.losses[0, ~labelled].mean(), n["Lu"])
    objective = (evaluated.w * evaluated.losses).mean() + method.penalty(evaluated)
    assert_close(objective, n["loss"])
    assert_gradients(nets, n, "grad_")


def test_gradient_of_the_objective_by_the_logits(scene):
    n, nets, method, whole = scene
    with torch.no_grad():
        edited = method.edit(whole, nets, torch.Generator())
    z = n["logits"][None].clone().requires_grad_()
    edited = replace(edited, logits=z)
    objective = (edited.w * method.loss(edited)).mean() + method.penalty(edited)
    (gradient,) = torch.autograd.grad(objective, z)
    assert_close(gradient[0], n["grad_logits"])


def test_losses_are_recorded_between_epochs_once_they_are_needed(scene):
    _, nets, method, whole = scene
    seen = replace(whole, logits=nets(whole.x).detach())
    last = method.warmup - 1
    for epoch in range(last):
        method.refit(EpochEnd(nets, epoch, 300, lambda mask=None: iter([seen]), ledger=None))
    assert not method.losses.any()
    method.refit(EpochEnd(nets, last, 300, lambda mask=None: iter([seen]), ledger=None))
    assert_close(method.losses[:5], cross_entropy(seen.scores[0], seen.y))
