"""Estimators of the transition matrix: the authors' numbers, and problems with a known T."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods.transition import hoc
from noisewise.methods.transition.estimators import ESTIMATORS, estimate_transition
from noisewise.methods.transition.hoc import consensus_misfit, fit_consensus, hoc_transition, label_triples, two_nearest
from noisewise.methods.transition.matrix import anchor_transition, predicted_confusion

from ..case import symmetric
from ..golden import stored

estimators = pytest.mark.parametrize("name", ESTIMATORS)


# Official numbers


def test_dual_t():
    numbers = stored("dual_t")
    p = numbers["logits"].softmax(dim=1)
    confusion = predicted_confusion(p, numbers["labels"])
    assert_close(confusion, numbers["confusion"])
    assert_close(numbers["anchors"] @ confusion, numbers["dual"])
    ours = estimate_transition("dual-t", p, numbers["labels"], percentile=0.97)
    assert_close(ours, anchor_transition(p, 0.97) @ numbers["confusion"])
    assert (ours - numbers["dual"]).abs().max() < 0.02


def test_counts_of_consensus():
    numbers = stored("hoc")
    triples = label_triples(numbers["features"], numbers["labels"])
    for order in (1, 2, 3):
        counted = torch.zeros([3] * order).double()
        counted.index_put_(tuple(triples[:, :order].T), torch.ones(len(triples)).double(), accumulate=True)
        assert_close(counted / len(triples), numbers[f"count{order}"].reshape(counted.shape))


def consensus(numbers):
    """Different triples and their shares."""
    triples, times = label_triples(numbers["features"], numbers["labels"]).unique(dim=0, return_counts=True)
    return triples, times.double() / times.sum()


def test_misfit_of_consensus():
    numbers = stored("hoc")
    raw, prior = numbers["raw_transition"].clone().requires_grad_(), numbers["raw_prior"].clone().requires_grad_()
    misfit = consensus_misfit(raw.softmax(dim=1), prior.softmax(dim=0), *consensus(numbers))
    assert_close(misfit.detach(), numbers["misfit"])
    by_raw, by_prior = torch.autograd.grad(misfit, [raw, prior])
    assert_close(by_raw, numbers["grad_transition"])
    assert_close(by_prior, numbers["grad_prior"])


def dense_misfit(numbers, transition, prior):
    """The misfit from the official counts, with the whole of every consensus tensor held."""
    modelled = [
        torch.einsum("i,ij->j", prior, transition),
        torch.einsum("i,ij,ik->jk", prior, transition, transition),
        torch.einsum("i,ij,ik,il->jkl", prior, transition, transition, transition),
    ]
    counted = [numbers[f"count{order}"].reshape([3] * order) for order in (1, 2, 3)]
    return sum((one - other).norm() for one, other in zip(counted, modelled, strict=True))


def test_fit_of_consensus_by_dense_tensors():
    """The same best step of the same path: 200 steps of Adam, so few that rounding has not yet grown (about 1e-10)."""
    numbers = stored("hoc")
    raw = [(5 * torch.eye(3).double() - 1).requires_grad_(), torch.full((3,), 1 / 3).double().requires_grad_()]
    optimizer = torch.optim.Adam(raw, lr=0.1)
    path = []
    for _ in range(200):
        transition, prior = raw[0].softmax(dim=1), raw[1].softmax(dim=0)
        misfit = dense_misfit(numbers, transition, prior)
        path.append((float(misfit.detach()), transition.detach(), prior.detach()))
        optimizer.zero_grad()
        misfit.backward()
        optimizer.step()
    least, transition, prior = min(path, key=lambda entry: entry[0])
    assert path[-1][0] > least + 1e-3, "the last step is not the best one"
    found = fit_consensus(*consensus(numbers), 3, steps=200)
    assert_close(found[0], transition, rtol=0, atol=1e-6)
    assert_close(found[1], prior, rtol=0, atol=1e-6)
    assert float(consensus_misfit(*found, *consensus(numbers))) == pytest.approx(least, abs=1e-7)


def test_fit_of_consensus():
    """Adam at a constant rate circles the kink of a sum of norms, so what 1,500 steps reach depends on rounding.

    Under relative noise of 1e-15 and three instruction sets, misfits lie within 2.2e-4 of the stored one, T within
    0.005 and the prior within 0.007. The first 200 steps are compared exactly above.
    """
    numbers = stored("hoc")
    transition, prior = fit_consensus(*consensus(numbers), 3, steps=1500)
    assert consensus_misfit(transition, prior, *consensus(numbers)) <= numbers["fit_misfit"] + 1e-3
    assert_close(transition, numbers["fit_transition"], rtol=0, atol=0.02)
    assert_close(prior, numbers["fit_prior"], rtol=0, atol=0.02)


# Where T is known


def pair(classes, rate):
    """T in which every class loses to the next."""
    identity = torch.eye(classes).double()
    return (1 - rate) * identity + rate * identity.roll(1, 1)


def problem(transition, n, seed=0, certainty=1.0):
    """Gaussian classes: features, exact noisy posteriors (mixed towards the given label), given labels."""
    rng, k = torch.Generator().manual_seed(seed), len(transition)
    true = torch.randint(k, (n,), generator=rng)
    x = 5 * one_hot(true, k).double() + torch.randn(n, k, generator=rng, dtype=torch.float64)
    given = torch.multinomial(transition[true], 1, generator=rng)[:, 0]
    p = (5 * x).softmax(dim=1) @ transition
    jitter = (0.3 * torch.randn(n, k, generator=rng, dtype=torch.float64)).exp()
    p = (p * jitter) ** certainty
    return x, p / p.sum(dim=1, keepdim=True), given


def distance(found, transition):
    """The mean over true classes of the total variation distance."""
    return float((found - transition).abs().sum(dim=1).mean() / 2)


BINARY = torch.tensor([[0.9, 0.1], [0.3, 0.7]]).double()


@pytest.mark.parametrize(
    "name, transition, error",
    [
        ("anchor", symmetric(10, 0.4), 0.08),
        ("anchor", pair(10, 0.3), 0.07),
        ("anchor", BINARY, 0.06),
        ("anchor-mean", symmetric(10, 0.4), 0.10),
        ("anchor-mean", BINARY, 0.10),
        ("hoc", symmetric(10, 0.4), 0.11),
        ("hoc", pair(10, 0.3), 0.05),
        ("hoc", BINARY, 0.04),
    ],
)
def test_a_known_matrix_is_found(name, transition, error):
    x, p, given = problem(transition, 3000)
    found = estimate_transition(name, p, given, x)
    assert_close(found.sum(dim=1), torch.ones(len(transition)).double())
    assert distance(found, transition) < error
    assert distance(torch.eye(len(transition)).double(), transition) > 2 * error


@pytest.mark.parametrize("transition, error", [(symmetric(10, 0.4), 0.06), (pair(10, 0.3), 0.03)])
def test_dual_t_of_a_network_that_is_too_sure(transition, error):
    """Exact posteriors contradict its assumption and make its T too noisy; overconfident ones are its case."""
    _, sure, given = problem(transition, 3000, certainty=12.0)
    assert distance(estimate_transition("dual-t", sure, given), transition) < error
    assert distance(estimate_transition("anchor", sure, given), transition) > 5 * error
    _, exact, _ = problem(transition, 3000)
    assert distance(estimate_transition("dual-t", exact, given), transition) > 0.1


@pytest.mark.parametrize("transition, better", [(symmetric(10, 0.7), "anchor-mean"), (pair(10, 0.3), "anchor")])
def test_the_mean_over_anchors_is_better_under_strong_noise_only(transition, better):
    errors: dict[str, list[float]] = {"anchor": [], "anchor-mean": []}
    for seed in range(8):
        _, p, given = problem(transition, 300, seed)
        for name, found in errors.items():
            found.append(distance(estimate_transition(name, p, given), transition))
    means = {name: float(np.mean(found)) for name, found in errors.items()}
    assert means[better] < 0.95 * max(means.values())


def test_hoc_finds_the_prior_and_does_without_features():
    rng = torch.Generator().manual_seed(1)
    true = (torch.rand(4000, generator=rng) > 0.7).long()
    x = 5 * one_hot(true, 2).double() + torch.randn(4000, 2, generator=rng, dtype=torch.float64)
    given = torch.multinomial(BINARY[true], 1, generator=rng)[:, 0]
    found, prior = hoc_transition(x, given, 2)
    assert distance(found, BINARY) < 0.04
    assert float(prior[1]) == pytest.approx(0.3, abs=0.05)
    unsaturated = x.softmax(dim=1) @ BINARY  # saturated posteriors tie, and rounding would choose the neighbours
    assert distance(estimate_transition("hoc", unsaturated, given), BINARY) < 0.05


def test_two_nearest_are_those_of_the_largest_cosine():
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).double()
    unit = x / x.norm(dim=1, keepdim=True)
    alike = unit @ unit.T - 3 * torch.eye(30)
    expected = alike.argsort(dim=1, descending=True)[:, :2]
    assert torch.equal(two_nearest(x), expected)
    assert torch.equal(two_nearest(x, torch.tensor([4, 7])), expected[[4, 7]])


def test_every_row_is_asked_once_until_there_are_too_many(monkeypatch):
    x, labels = torch.eye(7).double(), torch.arange(7)
    assert torch.equal(label_triples(x, labels)[:, 0], labels)
    monkeypatch.setattr(hoc, "_QUERIES", 3)
    assert label_triples(x, labels)[:, 0].tolist() == [0, 2, 4]


@estimators
def test_missing_classes_keep_their_labels(name):
    x, p, given = problem(symmetric(4, 0.2), 400)
    here = (given != 2).nonzero()[:, 0]
    found = estimate_transition(name, p[here], given[here], x[here])
    assert found[2].tolist() == [0, 0, 1, 0]
    assert torch.isfinite(found).all()
    assert_close(found.sum(dim=1), torch.ones(4).double())
    assert (found >= 0).all()


@estimators
@pytest.mark.parametrize("classes", [3, 10])
def test_one_row_per_class(name, classes):
    p = torch.eye(classes).double() * 0.9 + 0.1 / classes
    found = estimate_transition(name, p, torch.arange(classes), torch.eye(classes).double())
    assert torch.isfinite(found).all()
    assert_close(found.sum(dim=1), torch.ones(classes).double())
    assert (found >= 0).all()


@estimators
def test_features_that_are_all_the_same(name):
    p = torch.full((40, 4), 0.25).double()
    found = estimate_transition(name, p, torch.arange(40) % 4, torch.zeros(40, 3).double())
    assert torch.isfinite(found).all()
    assert_close(found.sum(dim=1), torch.ones(4).double())


def test_hoc_needs_neighbours():
    with pytest.raises(BadInput, match="hoc needs at least 3 rows"):
        estimate_transition("hoc", torch.eye(2).double(), torch.tensor([0, 1]))


def test_an_unknown_estimator():
    with pytest.raises(BadInput, match="unknown transition estimator 'hok'"):
        estimate_transition("hok", torch.eye(2), torch.tensor([0, 1]))


def test_the_percentile_follows_from_the_number_of_classes():
    _, p, _ = problem(symmetric(10, 0.4), 1000)
    assert_close(anchor_transition(p, None), anchor_transition(p, 0.97))


def test_confusion_counts_given_labels_of_predicted_classes():
    p = torch.tensor([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.1, 0.9, 0], [0.6, 0.4, 0]])
    found = predicted_confusion(p, torch.tensor([0, 1, 1, 2]))
    assert_close(found, torch.tensor([[1 / 3, 1 / 3, 1 / 3], [0, 1, 0], [0, 0, 1]]))
