"""Methods that use a transition matrix: the authors' numbers, by hand, and on digits."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.testing import assert_close

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods import METHODS, build
from noisewise.methods.transition.backward import BackwardCorrection, backward_loss, bounded_inverse
from noisewise.methods.transition.estimators import ESTIMATORS
from noisewise.methods.transition.matrix import forward_loss
from noisewise.methods.transition.s_model import NoiseLayer
from noisewise.methods.transition.t_revision import ImportanceReweighting, Revision, importance_weights, revised
from noisewise.methods.transition.volminnet import VolMinNet, dominant_transition, start
from noisewise.noise import corrupt
from noisewise.training.batch import cross_entropy
from noisewise.training.config import Config
from noisewise.training.method import LearningTask
from noisewise.training.step import objective_of
from noisewise.training.trainer import Training

from ..case import symmetric
from ..golden import batch, hot, stored

KERAS_CLIP = {"rtol": 1e-5, "atol": 1e-6}
FAMILY = ("forward", "backward", "t-revision")


def rows(logits, labels):
    """A batch for (B, K) logits."""
    return batch(torch.zeros(len(labels), 1).double(), labels, logits.shape[-1])


def evaluate(method, logits, labels, *more):
    """The objective of a method on (B, K) logits, with its gradients by the logits and by `more`."""
    z = logits[None].clone().requires_grad_()
    found, objective = objective_of(method, rows(logits, labels), z)
    gradients = torch.autograd.grad(objective, [z, *more])
    return found, objective.detach(), (gradients[0][0], *gradients[1:])


# Official numbers


def test_backward_correction():
    numbers = stored("keras_losses")
    inverse = torch.linalg.inv(numbers["transition"])
    z = numbers["logits"].clone().requires_grad_()
    each = backward_loss(z, hot(numbers["labels"], 10), inverse, 1e-7)
    assert_close(each.detach(), numbers["backward__value"], **KERAS_CLIP)
    (gradient,) = torch.autograd.grad(each.mean(), z)
    assert_close(gradient, numbers["backward__grad"], **KERAS_CLIP)


def test_reweighting():
    numbers = stored("t_revision")
    found, objective, (gradient,) = evaluate(
        ImportanceReweighting(numbers["transition"]), numbers["logits"], numbers["labels"]
    )
    assert_close(objective, numbers["reweight_loss__value"])
    assert_close(gradient, numbers["reweight_loss__grad_logits"])
    assert (found.w > 0).all()


def test_reweighting_with_a_correction():
    numbers = stored("t_revision")
    method = ImportanceReweighting(numbers["transition"] + numbers["correction"])
    _, objective, (gradient,) = evaluate(method, numbers["logits"], numbers["labels"])
    assert_close(objective, numbers["reweighting_revision_loss_v2__value"])
    assert_close(gradient, numbers["reweighting_revision_loss_v2__grad_logits"])


def test_the_first_version_of_the_revision_row_by_row():
    """The official loop adds the correction once more per row; a row at a time ours is given what it has then."""
    numbers = stored("t_revision")
    z, correction = numbers["logits"].clone().requires_grad_(), numbers["correction"].clone().requires_grad_()
    y, total = hot(numbers["labels"], 4), 0.0
    for i in range(len(z)):
        weight = importance_weights(z[i : i + 1], y[i : i + 1], numbers["transition"] + (i + 1) * correction)
        total = total + (weight * cross_entropy(z[i : i + 1], y[i : i + 1])).sum() / len(z)
    by_logits, by_correction = torch.autograd.grad(total, [z, correction])
    assert_close(total.detach(), numbers["reweighting_revision_loss__value"])
    assert_close(by_logits, numbers["reweighting_revision_loss__grad_logits"])
    assert_close(by_correction, numbers["reweighting_revision_loss__grad_correction"])


def volume(lam, classes=4, raw=None):
    method = VolMinNet(lam=lam)
    method.prepare(LearningTask(8, classes, torch.zeros(8, dtype=torch.int64)))
    if raw is not None:
        method.raw = nn.Parameter(raw.clone())
    return method


def test_volume_minimisation():
    numbers = stored("volminnet")
    method = volume(float(numbers["lam"]), raw=numbers["raw"])
    assert_close(method.transition.detach(), numbers["transition"])
    _, objective, (by_logits, by_raw) = evaluate(method, numbers["logits"], numbers["labels"], method.raw)
    assert_close(objective, numbers["loss"])
    assert_close(by_logits, numbers["grad_logits"])
    assert_close(by_raw, numbers["grad_raw"])


def test_the_matrix_of_volume_minimisation_starts_where_the_authors_do():
    numbers = stored("volminnet")
    assert_close(dominant_transition(torch.full((4, 4), -2.0).double()), numbers["start"])
    assert start(10) == pytest.approx(-2, abs=0.01)
    hundred = dominant_transition(torch.full((100, 100), start(100)).double()).diagonal()
    assert_close(hundred.mean(), numbers["start100_diagonal"], rtol=0, atol=0.01)
    assert volume(0.0, 2).transition[0].tolist() == pytest.approx([2 / 3, 1 / 3])


# By hand, and on digits


def test_backward_correction_is_unbiased():
    transition, z = symmetric(4, 0.5), torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double()
    every = torch.eye(4).double()[:, None].expand(4, 6, 4)
    noisy = torch.stack([backward_loss(z, y, torch.linalg.inv(transition), 1e-9) for y in every], dim=1)
    clean = torch.stack([cross_entropy(z, y) for y in every], dim=1)
    assert_close(noisy @ transition.T, clean)


def test_backward_correction_has_a_floor():
    inverse, z = torch.linalg.inv(symmetric(3, 0.4)), torch.tensor([[1000.0, 0.0, -1000.0]]).double()
    y = torch.tensor([[1.0, 0.0, 0.0]]).double()
    found = backward_loss(z, y, inverse, 0.01)
    assert_close(found, -(inverse[0, 1:].sum() * math.log(0.01))[None])


def test_a_singular_matrix_is_mixed_with_the_identity():
    singular = torch.full((4, 4), 0.25).double()
    inverse = bounded_inverse(singular, 3.0)
    assert torch.isfinite(inverse).all()
    assert 2.8 < inverse.abs().max() <= 3
    mild = symmetric(4, 0.3)
    assert_close(bounded_inverse(mild, 3.0), torch.linalg.inv(mild))
    assert_close(bounded_inverse(singular, 1.0), torch.eye(4).double())


def test_the_noise_layer_starts_at_the_confusion():
    transition = symmetric(4, 0.3)
    layer = NoiseLayer(transition, lr=0.5)
    assert layer.joint_lr == 0.5
    assert_close(layer.transition.detach(), transition, rtol=0, atol=1e-6)
    z, labels = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).double(), torch.tensor([0, 1, 2, 3, 0])
    found, _, _ = evaluate(layer, z, labels)
    assert_close(found.losses[0], forward_loss(z, hot(labels, 4), layer.transition).detach())


def test_the_revised_matrix_stays_a_transition_matrix():
    transition, slack = symmetric(3, 0.3), torch.tensor([[0.1, -0.5, 0], [0, 0, 0], [0, 0.2, 0]]).double()
    found = revised(transition, slack)
    assert_close(found.sum(dim=1), torch.ones(3).double())
    assert found[0, 1] == 0
    assert_close(found[1], transition[1])


def test_the_slack_learns_and_the_prediction_in_the_weights_is_a_constant():
    z, labels = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).double(), torch.arange(6) % 3
    constant, through = (Revision(symmetric(3, 0.3), through=way) for way in (False, True))
    _, one, (by_logits, by_slack) = evaluate(constant, z, labels, constant.slack)
    _, two, (otherwise, same) = evaluate(through, z, labels, through.slack)
    assert_close(one, two)
    assert_close(by_slack, same)
    assert by_slack.abs().max() > 1e-3
    weights = importance_weights(z, hot(labels, 3), symmetric(3, 0.3))
    assert_close(by_logits, weights[:, None] * (z.softmax(dim=1) - hot(labels, 3)) / 6)
    assert (by_logits - otherwise).abs().max() > 1e-3


def test_the_volume_falls_where_labels_do_not_speak():
    method = volume(1.0, raw=torch.full((4, 4), -1.0).double())
    z, labels = torch.zeros(4, 4).double(), torch.arange(4)
    before = method.transition.slogdet().logabsdet.detach()
    _, _, (_, by_raw) = evaluate(method, z, labels, method.raw)
    method.raw.data -= 0.1 * by_raw
    assert method.transition.slogdet().logabsdet < before


@pytest.fixture(scope="module")
def digits():
    """400 rows with 30 % symmetric noise."""
    x, y = load_digits(return_X_y=True)
    whole = Dataset((x[:400] / 16).astype(np.float32), y[:400], tuple(map(str, range(10))))
    return corrupt(whole, "symmetric:0.3", seed=0)


def small(shape, classes):
    return nn.Sequential(nn.Linear(shape[0], 24), nn.ReLU(), nn.Linear(24, classes))


def run(data, spec, epochs=8):
    """A finished training."""
    training = Training(data, small, Config(epochs=epochs, batch_size=20, lr=0.1, validation=0.0))
    build(spec)(training)
    return training


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("method", FAMILY)
def test_every_estimator_serves_every_method(name, method, digits):
    training = run(digits, f"{method}:estimator={name}")
    found = training._checkpoints.memos["transition"][1]
    assert_close(found.sum(dim=1), torch.ones(10))
    assert training.history[-1]["train_accuracy"] > 0.5


@pytest.mark.parametrize("method", FAMILY)
def test_a_matrix_may_be_given(method, digits, tmp_path):
    np.save(tmp_path / "t.npy", symmetric(10, 0.3).numpy())
    training = run(digits, f"{method}:matrix={tmp_path / 't.npy'}", epochs=4)
    assert len(training.history) == 4
    assert "transition" not in training._checkpoints.memos


@pytest.mark.parametrize("spec", ["s-model", "t-revision"])
@pytest.mark.parametrize("epochs, expected", [(1, 2), (4, 4), (7, 7)])
def test_the_phases_share_the_epochs(spec, epochs, expected, digits):
    assert len(run(digits, spec, epochs).history) == expected


@pytest.mark.parametrize(
    "spec, message",
    [
        *(
            (f"{m}:estimator=hok", f"{m}: estimator='hok' must be one of {', '.join(ESTIMATORS)} (did you mean 'hoc'?)")
            for m in FAMILY
        ),
        *((f"{m}:estimator={v}", f"{m}: estimator=") for m in FAMILY for v in ("3", "true", "none")),
        *((f"{m}:matrix={v}", f"{m}: matrix=") for m in FAMILY for v in ("3", "true")),
        *((f"{m}:percentile=0.2", f"{m}: percentile=0.2 must lie between 0.5 and 1") for m in FAMILY),
        ("backward:largest=0.5", "backward: largest=0.5"),
        ("backward:floor=0", "backward: floor=0"),
        ("s-model:first=2", "s-model: first=2"),
        ("s-model:lr=0", "s-model: lr=0"),
        ("t-revision:revision=1", "t-revision: revision=1"),
        ("t-revision:lr=-1", "t-revision: lr=-1"),
        ("volminnet:lam=-1", "volminnet: lam=-1"),
        ("volminnet:init=100", "volminnet: init=100"),
    ],
)
def test_bad_options(spec, message, digits):
    with pytest.raises(BadInput) as error:
        run(digits, spec, epochs=1)
    assert message in str(error.value)


def test_they_are_in_the_catalogue():
    assert {"backward", "s-model", "t-revision", "volminnet"} <= set(METHODS)
    with pytest.raises(BadInput):
        BackwardCorrection(symmetric(3, 0.1), largest=0.1)
