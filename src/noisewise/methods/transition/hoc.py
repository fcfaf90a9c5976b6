"""The transition matrix from clusterable features (Zhu, Song and Liu, ICML 2021, arXiv 2102.05291), algorithm 1.

A row and its two nearest neighbours are assumed to have the same true class and independent label errors. The
frequencies of one, two and three such labels j, k, l then depend only on the prior p and on T, as in the paper's
equations for the three orders of consensus:

    c1_j = sum_i p_i T_ij,    c2_jk = sum_i p_i T_ij T_ik,    c3_jkl = sum_i p_i T_ij T_ik T_il

and (p, T) is fitted to the counts by the sum of the norms of the three differences. The norms are computed from
products with the counted triples and of the rows of T with each other, so that nothing of size K^3 is stored.

Departures: neighbours are searched among all rows once, not repeatedly in random subsets; the prior starts uniform,
without a random part; and the best fit found is returned, not the last.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.errors import BadInput

_BLOCK = 2**24
_QUERIES = 50_000
_STEPS = 500
_LR = 0.1
_SMALLEST = 1e-20


def two_nearest(features: Tensor, queries: Tensor | None = None) -> Tensor:
    """The two nearest neighbours of rows, by cosine similarity.

    Args:
        features: (n, d).
        queries: (q,) positions of rows; None is all rows.

    Returns:
        (q, 2) positions of the nearest and the second nearest other row.
    """
    unit = torch.nn.functional.normalize(features.flatten(1), dim=1)
    points = torch.arange(len(unit), device=unit.device) if queries is None else queries
    found = []
    for rows in points.split(max(1, _BLOCK // len(unit))):
        alike = unit[rows] @ unit.T
        alike.scatter_(1, rows[:, None], -torch.inf)
        found.append(alike.topk(2, dim=1).indices)
    return torch.cat(found)


def label_triples(features: Tensor, labels: Tensor) -> Tensor:
    """Labels of rows and of their two nearest neighbours.

    Args:
        features: (n, d).
        labels: (n,).

    Returns:
        (q, 3); of all rows, or of 50,000 evenly spaced ones.

    Raises:
        BadInput: fewer than three rows.
    """
    if len(labels) < 3:
        raise BadInput(f"hoc needs at least 3 rows, for a row and its two neighbours, but there are {len(labels)}")
    count = min(len(labels), _QUERIES)
    queries = torch.arange(count, device=labels.device) * len(labels) // count
    return torch.cat([labels[queries, None], labels[two_nearest(features, queries)]], dim=1)


def consensus_misfit(transition: Tensor, prior: Tensor, triples: Tensor, counts: Tensor) -> Tensor:
    """Sum over the orders 1, 2, 3 of the Euclidean norm of counted minus modelled consensus.

    Args:
        transition: (K, K).
        prior: (K,) of the true classes.
        triples: (u, 3) distinct triples of labels.
        counts: (u,) their relative frequencies.
    """
    classes = len(prior)
    gram = transition @ transition.T
    pairs = prior[:, None] * prior
    likely = gram.new_ones(len(triples), classes)
    misfit = gram.new_zeros(())
    for order in (1, 2, 3):
        likely = likely * transition[:, triples[:, order - 1]].T
        places = classes ** torch.arange(order, device=triples.device)
        cells, at = (triples[:, :order] * places).sum(dim=1).unique(return_inverse=True)
        seen = counts.new_zeros(len(cells)).index_add(0, at, counts).square().sum()
        squared = seen - 2 * (counts * (likely @ prior)).sum() + (pairs * gram**order).sum()
        misfit = misfit + squared.clamp_min(_SMALLEST).sqrt()
    return misfit


def hoc_transition(features: Tensor, labels: Tensor, classes: int, steps: int = _STEPS) -> tuple[Tensor, Tensor]:
    """Estimate T and the prior of the true classes from neighbours' labels.

    Args:
        features: (n, d) in which rows of a class are neighbours.
        labels: (n,) given labels.
        classes: K.
        steps: steps of Adam, with learning rate 0.1, from a T near the identity.

    Returns:
        T (K, K) and the prior (K,).

    Raises:
        BadInput: fewer than three rows.
    """
    triples, times = label_triples(features, labels).unique(dim=0, return_counts=True)
    return fit_consensus(triples, times.double() / times.sum(), classes, steps)


@torch.enable_grad()
def fit_consensus(triples: Tensor, counts: Tensor, classes: int, steps: int = _STEPS) -> tuple[Tensor, Tensor]:
    """Fit T and the prior to the frequencies of triples of labels.

    Args:
        triples: (u, 3) distinct triples of labels.
        counts: (u,) their relative frequencies.
        classes: K.
        steps: steps of Adam.

    Returns:
        T (K, K) and the prior (K,) with the smallest misfit found.
    """
    identity, even = torch.eye(classes).to(counts), counts.new_full((classes,), 1 / classes)
    raw_transition, raw_prior = (5 * identity - 1).requires_grad_(), even.clone().requires_grad_()
    optimizer = torch.optim.Adam([raw_transition, raw_prior], lr=_LR)
    least, best = torch.inf, (identity, even)
    for _ in range(steps):
        transition, prior = raw_transition.softmax(dim=1), raw_prior.softmax(dim=0)
        misfit = consensus_misfit(transition, prior, triples, counts)
        if misfit < least:
            least, best = float(misfit.detach()), (transition.detach(), prior.detach())
        optimizer.zero_grad()
        misfit.backward()
        optimizer.step()
    return best
