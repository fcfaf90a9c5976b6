"""Held-out predictions are weighted by how well they predict the given labels."""

import numpy as np
import pytest
from scipy.optimize import minimize

from noisewise.auditing.candidate import log_loss
from noisewise.auditing.gathering.stack import (
    CHANNEL_STEPS,
    PRIOR_RIGHT,
    PRIOR_ROWS,
    SMALL,
    Channel,
    chosen_weights,
    mixture_weights,
    stacked,
    through_channel,
)


def test_weights_are_the_most_likely_ones():
    rng = np.random.default_rng(0)
    likelihoods = rng.random((3, 200))

    def loss(free):
        weights = np.exp(np.append(free, 0)) / np.exp(np.append(free, 0)).sum()
        return -np.log(weights @ likelihoods).mean()

    best = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    found = mixture_weights(likelihoods)
    assert -np.log(found @ likelihoods).mean() == pytest.approx(best.fun, abs=1e-4)
    assert found.sum() == pytest.approx(1)


def test_small_weights_become_none():
    rng = np.random.default_rng(0)
    good = rng.uniform(0.5, 1, 400)
    weights = mixture_weights(np.stack([good, np.where(rng.random(400) < 0.03, 0.99, 0.4 * good)]))
    assert weights.tolist() == [1, 0]
    assert SMALL == 0.05


def test_what_helps_by_chance_alone_gets_no_weight():
    """Of ten rows the most likely weights are halves; over many rows a mixture of two independent members helps."""
    few = np.stack([np.full(10, 0.6), np.random.default_rng(0).uniform(0.3, 0.9, 10)])
    assert mixture_weights(few).min() > 0.4
    assert chosen_weights(few).tolist() == [1, 0]
    many = np.random.default_rng(0).uniform(0.2, 1, (2, 3000))
    np.testing.assert_allclose(chosen_weights(many), mixture_weights(many), atol=1e-3)


def labelled(noise, n=3000, seed=0):
    """Distributions of the correct labels, of which labels are drawn, and given labels moved on by one."""
    rng = np.random.default_rng(seed)
    clean = rng.dirichlet([0.3, 0.3, 0.3], n)
    correct = (clean.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return clean, np.where(rng.random(n) < noise, (correct + 1) % 3, correct)


def test_what_knows_nothing_gets_no_weight():
    clean, given = labelled(0.1)
    useless = np.random.default_rng(1).dirichlet([1, 1, 1], len(given))
    found = stacked([clean, useless], given)
    assert found.weights == (1.0, 0.0)
    assert found.losses[0] < found.losses[1]


def test_one_prediction_stays_as_it_is():
    clean, given = labelled(0.1, n=100)
    assert stacked([clean], given).probabilities is clean


def test_a_mixture_predicts_better_than_its_members():
    clean, given = labelled(0.1)
    first, second = clean.copy(), clean.copy()
    first[::2], second[1::2] = 1 / 3, 1 / 3
    found = stacked([first, second], given)
    assert min(found.weights) > 0.3
    assert log_loss(found.probabilities, given) < min(log_loss(part, given) for part in (first, second))
    assert found.probabilities.sum(axis=1) == pytest.approx(1)


def test_the_channel_is_the_noise():
    clean, given = labelled(0.2, n=20_000)
    order = np.argsort(given, kind="stable")
    channel = Channel(clean[order], given[order])
    seen = channel.fit()
    expected = 0.8 * np.eye(3) + 0.2 * np.roll(np.eye(3), 1, axis=1)
    np.testing.assert_allclose(channel.matrix.T, expected, atol=0.04)
    np.testing.assert_allclose(seen, (clean @ expected)[order, given[order]], atol=0.05)
    assert np.log(through_channel(clean, given)).mean() > np.log(clean[np.arange(20_000), given]).mean() + 0.1


@pytest.mark.parametrize("classes", [3, 40])
def test_the_channel_is_that_of_expectation_maximisation_written_out(classes):
    """With whole tables and one-hot labels; some of forty classes have no label."""
    rng = np.random.default_rng(0)
    clean = rng.dirichlet(np.full(classes, 0.3), 60)
    given = np.sort(rng.integers(classes - 1, size=60))
    onehot = np.eye(classes)[given]
    prior = PRIOR_ROWS * (PRIOR_RIGHT * np.eye(classes) + (1 - PRIOR_RIGHT) * onehot.mean(axis=0))
    matrix = prior / prior.sum(axis=1, keepdims=True)
    for _ in range(CHANNEL_STEPS):
        posterior = clean * matrix[:, given].T
        counts = prior + (posterior / posterior.sum(axis=1, keepdims=True)).T @ onehot
        matrix = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(Channel(clean, given).fit(), (clean @ matrix)[np.arange(60), given], rtol=1e-12)


def test_a_smooth_model_of_correct_labels_beats_a_ragged_one_of_the_given():
    """The ragged model predicts the given labels better as it stands, but knows less of the correct ones."""
    clean, given = labelled(0.3)
    noisy = 0.7 * clean + 0.3 * np.roll(clean, 1, axis=1)
    ragged = (np.random.default_rng(2).multinomial(12, noisy) + 1 / 3) / 13
    assert log_loss(ragged, given) < log_loss(clean, given)
    assert stacked([clean, ragged], given).weights[0] > 0.9
