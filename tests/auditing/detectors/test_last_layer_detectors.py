"""GraNd, TracIn and self-influence against automatic differentiation, and against each other."""

import numpy as np
import pytest
import torch
from torch.func import hessian as second_derivative

from noisewise.auditing.detectors.gradients.grand import gradient_norms
from noisewise.auditing.detectors.gradients.self_influence import DAMPING, hessian, self_influence
from noisewise.auditing.detectors.gradients.tracin import checkpoints, influence


@pytest.fixture
def layer():
    """Features, weights (K, d + 1), probabilities and labels of 12 rows, 3 classes, 4 features; double precision."""
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(12, 4, generator=rng, dtype=torch.float64)
    weights = torch.randn(3, 5, generator=rng, dtype=torch.float64)
    labels = torch.randint(3, (12,), generator=rng)
    return features, weights, with_bias(features) @ weights.T, labels


def with_bias(features):
    return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)


def loss(weights, features, labels):
    return torch.nn.functional.cross_entropy(with_bias(features) @ weights.T, labels)


def gradients(features, weights, labels):
    rows = [weights.clone().requires_grad_() for _ in labels]
    for i, leaf in enumerate(rows):
        loss(leaf, features[i : i + 1], labels[i : i + 1]).backward()
    return torch.stack([leaf.grad.flatten() for leaf in rows])


def test_gradient_norms_are_those_of_autograd(layer):
    features, weights, logits, labels = layer
    expected = gradients(features, weights, labels).norm(dim=1)
    assert torch.allclose(gradient_norms(features, logits.softmax(dim=1), labels), expected)


def test_a_checkpoints_influence_is_the_first_order_drop_of_the_rows_own_loss(layer):
    features, weights, logits, labels = layer
    lr = 1e-6
    found = influence(features, logits.softmax(dim=1), labels, lr)
    for i, gradient in enumerate(gradients(features, weights, labels)):
        row = features[i : i + 1], labels[i : i + 1]
        drop = loss(weights, *row) - loss(weights - lr * gradient.view_as(weights), *row)
        assert float(found[i]) == pytest.approx(float(drop), rel=1e-3)


def test_the_hessian_is_that_of_autograd(layer):
    features, weights, logits, labels = layer
    expected = second_derivative(loss)(weights, features, labels).reshape(15, 15)
    assert torch.allclose(hessian(with_bias(features), logits.softmax(dim=1)), expected)


def test_self_influence_solves_with_the_damped_hessian(layer):
    features, weights, logits, labels = layer
    curvature = second_derivative(loss)(weights, features, labels).reshape(15, 15)
    damped = curvature + DAMPING * curvature.diagonal().mean() * torch.eye(15, dtype=torch.float64)
    g = gradients(features, weights, labels)
    expected = (g * torch.linalg.solve(damped, g.T).T).sum(dim=1)
    assert torch.allclose(self_influence(features, logits.softmax(dim=1), labels), expected)


def test_factors_are_exact_where_all_rows_are_predicted_alike(layer):
    features, _, logits, labels = layer
    alike = logits[:1].softmax(dim=1).expand(12, 3)
    exact, factored = (self_influence(features, alike, labels, most) for most in (10**6, 0))
    assert torch.allclose(exact, factored)


def test_factors_follow_the_exact_order(layer):
    rng = torch.Generator().manual_seed(1)
    features = torch.randn(400, 8, generator=rng, dtype=torch.float64)
    table = (features[:, :4] * 2).softmax(dim=1)
    labels = torch.where(torch.rand(400, generator=rng) < 0.2, torch.randint(4, (400,), generator=rng), table.argmax(1))
    exact, factored = (self_influence(features, table, labels, most) for most in (10**6, 0))
    ranks = [values.argsort().argsort().double() for values in (exact, factored)]
    assert np.corrcoef(*ranks)[0, 1] > 0.95
    assert not torch.allclose(exact, factored)


def test_self_influence_in_blocks_is_the_same(layer, monkeypatch):
    features, _, logits, labels = layer
    whole = self_influence(features, logits.softmax(dim=1), labels)
    monkeypatch.setattr("noisewise.auditing.detectors.gradients.self_influence._BLOCK", 30)
    assert torch.allclose(self_influence(features, logits.softmax(dim=1), labels), whole)


@pytest.mark.parametrize("most", [10**6, 0])
def test_sure_predictions_have_finite_influence(most):
    sure = torch.eye(3)[torch.tensor([0, 1, 1])]
    assert self_influence(torch.zeros(3, 2), sure, torch.tensor([0, 1, 2]), most).isfinite().all()


@pytest.mark.parametrize(("epochs", "expected"), [(1, (1,)), (2, (1, 2)), (4, (1, 2, 3, 4)), (10, (2, 5, 8, 10))])
def test_checkpoints_are_spread_evenly(epochs, expected):
    assert checkpoints(epochs) == expected
