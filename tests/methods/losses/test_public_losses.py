"""`noisewise.losses`: what every loss promises about targets, shapes and gradients."""

import inspect
import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from noisewise import losses
from noisewise.errors import BadInput
from noisewise.training.batch import one_hot

K = 4
T = 0.6 * torch.eye(K, dtype=torch.float64) + 0.1
MORE = {
    "backward_loss": (losses.bounded_inverse(T, 3.0),),
    "forward_loss": (T,),
    "overparametrised_loss": (torch.full((K, K), 0.3, dtype=torch.float64),),
    "poly_soft_loss": (1.5,),
}
OTHER = {"bounded_inverse", "early_learning_penalty", "early_predictions"}
NAMES = sorted(set(losses.__all__) - OTHER)
every = pytest.mark.parametrize("name", NAMES)
Y = torch.tensor([2, 0, 3, 1])
HOT = one_hot(Y, K).double()


def logits(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def evaluate(name, z, y):
    return getattr(losses, name)(z, y, *MORE.get(name, ()))


def test_every_loss_is_listed_with_its_arguments():
    public = {n for n, f in vars(losses).items() if inspect.isfunction(f)}
    assert public == set(losses.__all__)


def check_indices(loss):
    z = logits(K, K)  # as many rows as classes, where a wrong broadcast would go unseen
    indices, distributions = loss(z, Y), loss(z, HOT)
    assert indices.shape == (K,)
    assert_close(indices, distributions, rtol=0, atol=0)
    assert_close(loss(z, Y.int()), distributions, rtol=0, atol=0)
    single = torch.stack([loss(z[i : i + 1], Y[i : i + 1])[0] for i in range(K)])
    assert_close(indices, single)


@every
def test_class_indices_are_one_hot_targets(name):
    if name == "overparametrised_loss":  # its memory has one row per row of the batch
        z = logits(K, K)
        assert_close(evaluate(name, z, Y), evaluate(name, z, HOT), rtol=0, atol=0)
    else:
        check_indices(lambda z, y: evaluate(name, z, y))


def test_a_loss_that_takes_indices_for_distributions_is_caught():
    with pytest.raises(AssertionError):
        check_indices(lambda z, y: -(y * z.log_softmax(dim=-1)).sum(dim=-1))


@every
def test_networks_are_an_axis(name):
    z = logits(3, K, K)
    expected = torch.stack([evaluate(name, one, Y) for one in z])
    assert expected.shape == (3, K)
    for targets in (Y, HOT, HOT.expand(3, K, K), Y.expand(3, K), HOT[None]):
        assert_close(evaluate(name, z, targets), expected)


@every
@pytest.mark.parametrize(
    "targets",
    [
        torch.zeros(3, dtype=torch.long),
        torch.zeros(K, 1, dtype=torch.long),
        torch.zeros(K),
        torch.zeros(K, 1),
        torch.zeros(1, K),
        torch.zeros(3, K),
        torch.zeros(2, K, K),
        torch.ones(K, K, dtype=torch.bool),
        torch.ones(K, dtype=torch.bool),
    ],
    ids=lambda t: f"{str(t.dtype)[6:]}{tuple(t.shape)}",
)
def test_targets_that_do_not_fit_are_refused(name, targets):
    with pytest.raises(BadInput, match=r"targets of shape .* do not fit logits of shape \(3, 4, 4\)"):
        evaluate(name, logits(3, K, K), targets)


@every
def test_gradients_are_right_with_indices(name):
    z = logits(2, K, K).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: evaluate(name, z, Y), z)


@every
def test_huge_logits_stay_finite(name):
    z = (1e4 * logits(K, K).sign()).requires_grad_()
    loss = evaluate(name, z, Y)
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(gradient).all()


@every
def test_the_docstring_says_what_targets_are(name):
    text = inspect.getdoc(getattr(losses, name))
    assert "targets: (B,) class indices or (..., B, K) distributions" in text
    assert "logits: (..., B, K)." in text


def test_indices_beyond_the_classes_are_refused():
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        losses.cross_entropy(logits(K, K), torch.tensor([0, 1, 2, 4]))


def test_early_learning_in_two_lines():
    z, memory = logits(2, 3, K), torch.zeros(2, 3, K, dtype=torch.float64)
    memory = losses.early_predictions(memory, z, beta=0.5)
    p = z.softmax(dim=-1)
    assert_close(memory, 0.5 * p)
    assert_close(losses.early_learning_penalty(z, memory), torch.log(1 - 0.5 * (p * p).sum(dim=-1)))
    assert torch.autograd.gradcheck(lambda z: losses.early_learning_penalty(z, memory), z.requires_grad_())
    with pytest.raises(BadInput, match="do not fit"):
        losses.early_learning_penalty(z, memory[:, :2])


def test_losses_are_an_attribute_of_the_package():
    code = "import sys, noisewise as nw; assert 'torch' not in sys.modules; print(nw.losses.cross_entropy.__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "cross_entropy\n"
