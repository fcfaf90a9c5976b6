"""Fidelity-weighted learning: the Gaussian process teacher, and the weights of the third step."""

import math

import numpy as np
import pytest
import torch
from sklearn.gaussian_process.kernels import RBF
from torch.testing import assert_close

from noisewise.methods.learned.fwl import FidelityWeighted, Teacher
from noisewise.training.batch import cross_entropy
from noisewise.training.step import objective_of

from .. import scene


def rows(count=60, seed=0):
    """Three groups of points around far corners, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return 6 * np.eye(3)[labels] + rng.normal(size=(count, 3)), labels


def test_teacher_is_the_gaussian_process_posterior():
    features, labels = rows()
    teacher, (asked, _) = Teacher(features, labels, 3), rows(9, 1)
    kernel = teacher.processes[0].kernel_
    scale = np.sqrt(3) * features.std(axis=0)
    known, new = ((part - features.mean(axis=0)) / scale for part in (features, asked))
    smooth = kernel.k1
    inverse = np.linalg.inv(kernel(known) + 1e-10 * np.eye(60))
    mean = 1 / 3 + smooth(new, known) @ inverse @ (np.eye(3)[labels] - 1 / 3)
    spread = smooth(new, known) @ inverse @ smooth(known, new)
    expected = np.maximum(mean, 1e-6)
    soft, uncertainty = teacher(asked)
    np.testing.assert_allclose(soft, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(uncertainty, np.sqrt(1 - np.diag(spread) / kernel.diag(new)), atol=1e-5)
    assert isinstance(smooth.k2, RBF)


@pytest.mark.parametrize("most", [500, 25])
def test_teacher_is_accurate_near_trusted_rows_and_uncertain_far_away(most):
    features, labels = rows()
    teacher, (asked, true) = Teacher(features, labels, 3, most), rows(30, 1)
    assert len(teacher.processes) == math.ceil(60 / most)
    soft, uncertainty = teacher(asked)
    assert (soft.argmax(axis=1) == true).mean() > 0.95
    far, largest = teacher(1e4 * np.ones((1, 3)) * [[1, -1, 1]])
    np.testing.assert_allclose(far, 1 / 3, atol=1e-3)
    assert largest[0] > 0.99 > uncertainty.max()


def test_teacher_without_rows_of_a_class_or_with_equal_features():
    features, labels = rows()
    soft, _ = Teacher(features[labels != 1], labels[labels != 1], 3)(features)
    assert soft[:, 1].max() < 1 / 3 + 1e-6
    same, uncertainty = Teacher(np.ones((6, 2)), np.arange(6) % 3, 3, most=2)(np.ones((4, 2)))
    assert np.isfinite(same).all()
    assert np.isfinite(uncertainty).all()


def test_weights_decay_with_uncertainty():
    labels, uncertainty = torch.rand(scene.ROWS, 4).softmax(dim=-1), torch.rand(scene.ROWS)
    method, given = FidelityWeighted(labels, uncertainty, 2.0, 0.25), scene.batch()
    joined = method.edit(given, scene.networks(1), torch.Generator())
    assert joined.index.tolist() == [*given.index.tolist(), 20, 21, 22]
    logits = torch.randn(1, 13, 4)
    evaluated, objective = objective_of(method, joined, logits)
    share = torch.cat([torch.ones(10), torch.full((3,), 2.5 / 3)])
    weights = share * torch.exp(-2 * uncertainty[joined.index])
    assert_close(evaluated.w, weights)
    assert_close(objective, (weights * cross_entropy(logits, labels[joined.index])).mean())
