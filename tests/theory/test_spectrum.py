"""Frequencies, by hand."""

import numpy as np
import pytest
import torch

from noisewise.errors import BadInput
from noisewise.theory.spectrum import (
    amplitudes_of,
    descend,
    first_reached,
    high_share,
    moved,
    part_errors,
    rectified,
    sines,
    smoother,
)


def test_sines_by_hand():
    """At t = 0, 1/4, 1/2, 3/4 a sine is 0, 1, 0, -1, and a cosine 1, 0, -1, 0."""
    assert sines(4, [1], [2.0], [0.0]) == pytest.approx([0, 2, 0, -2], abs=1e-12)
    assert sines(4, [1], [1.0], [np.pi / 2]) == pytest.approx([1, 0, -1, 0], abs=1e-12)


def test_amplitudes_round_trip():
    target = sines(50, [2, 5, 24], [1.0, 0.3, 2.0], [0.1, 2.0, 4.0])
    assert amplitudes_of(np.stack([target, 3 + 2 * target]), [2, 5, 24, 7]) == pytest.approx(
        np.array([[1.0, 0.3, 2.0, 0.0], [2.0, 0.6, 4.0, 0.0]]), abs=1e-12
    )


def test_first_reached_by_hand():
    ratios = np.array([[0.1, 0.0, 0.0], [0.5, 0.2, 0.0], [0.4, 0.9, 0.1]])
    found = first_reached(np.array([0, 10, 20]), ratios, 0.5)
    assert found[:2].tolist() == [10, 20]
    assert np.isnan(found[2])


def test_smoothing_by_hand():
    """Points 0 and 1: mean squared distance 1; with width 1/2 the kernel between them is exp(-1)."""
    near, far = 1 / (1 + np.exp(-1)), 1 / (1 + np.e)
    smooth = smoother(np.array([[0.0], [1.0]]), 0.5)
    assert smooth == pytest.approx(np.array([[near, far], [far, near]]))
    y = np.array([[1.0], [-1.0]])
    assert high_share(smooth, y) == pytest.approx((1 - near + far) ** 2)
    assert high_share(smooth, y + 7) == pytest.approx((1 - near + far) ** 2)
    assert part_errors(smooth, 0 * y, y) == pytest.approx((1.0, 1.0, 1.0))
    assert part_errors(smooth, y, y) == pytest.approx((0.0, 0.0, 0.0))
    assert part_errors(smooth, smooth @ y, y)[1] == pytest.approx(1 - near + far)
    assert part_errors(smooth, y + 1, y) == pytest.approx((1 / (near - far), 0.0, 1.0), abs=1e-12)


def test_smoothing_is_invariant_to_scale():
    x = np.random.default_rng(0).normal(size=(40, 3))
    assert smoother(5 * x + 2, 0.3) == pytest.approx(smoother(x, 0.3))
    assert smoother(x, 0.3).sum(axis=1) == pytest.approx(np.ones(40))


def test_labels_that_follow_the_points_are_slow():
    x = np.linspace(0, 1, 200)[:, None]
    smooth = smoother(x, 0.01)
    slow, fast = (np.sin(2 * np.pi * k * x) for k in (1, 20))
    assert high_share(smooth, slow) < 0.05
    assert high_share(smooth, fast) > 0.95


def test_networks_are_those_of_their_seed():
    before = torch.get_rng_state()
    first, same, other = (rectified(3, 8, 2, 1, seed)(torch.ones(1, 3)).item() for seed in (0, 0, 1))
    assert first == same != other
    assert (torch.get_rng_state() == before).all()
    assert [tuple(w.shape) for w in rectified(3, 8, 2, 1, 0).parameters()] == [(8, 3), (8,), (8, 8), (8,), (1, 8), (1,)]


def test_descent_fits_and_tells_the_steps():
    net = rectified(1, 16, 1, 1, 0)
    x = torch.linspace(-1, 1, 20)[:, None]
    times, seen = descend(net, x, x.abs(), steps=300, rate=0.01, every=100, observe=lambda found: found[:, 0])
    assert times.tolist() == [0, 100, 200, 300]
    errors = np.abs(seen - x.abs()[:, 0].numpy()).mean(axis=1)
    assert errors[-1] < 0.05 < errors[0]


def test_an_interrupted_descent_continues_to_the_same_end(tmp_path):
    x = torch.linspace(-1, 1, 20)[:, None]

    def descended(stop=None, checkpoint=None):
        net, calls = rectified(1, 8, 1, 1, 0), []

        def observe(found):
            calls.append(1)
            if len(calls) == stop:
                raise KeyboardInterrupt
            return found[:, 0].copy()

        found = descend(net, x, x.abs(), steps=50, rate=0.01, every=10, observe=observe, checkpoint=checkpoint, keep=15)
        return *found, len(calls)

    whole = descended()
    with pytest.raises(KeyboardInterrupt):
        descended(5, tmp_path / "state.pt")
    again = descended(None, tmp_path / "state.pt")
    assert again[0].tolist() == whole[0].tolist()
    assert (again[1] == whole[1]).all()
    assert again[2] == 3, "it went on from step 30"


def test_weights_move_by_their_norm_and_come_back():
    net = rectified(2, 8, 1, 1, 0)
    before = torch.cat([w.detach().clone().flatten() for w in net.parameters()])
    with moved(net, 0.1, torch.Generator().manual_seed(0)):
        there = torch.cat([w.detach().clone().flatten() for w in net.parameters()])
    after = torch.cat([w.detach().flatten() for w in net.parameters()])
    assert float((there - before).norm() / before.norm()) == pytest.approx(0.1, rel=1e-4)
    assert (after == before).all()


def test_bad_input():
    with pytest.raises(BadInput, match="frequency 2 must lie between 0 and 2"):
        sines(4, [2], [1.0], [0.0])
    with pytest.raises(BadInput, match="frequency 0"):
        amplitudes_of(np.zeros(8), [0])
    with pytest.raises(BadInput, match="must have the same number"):
        sines(8, [1, 2], [1.0], [0.0])
    with pytest.raises(BadInput, match="width="):
        smoother(np.eye(3), 0.0)
    with pytest.raises(BadInput, match="must not all be the same"):
        smoother(np.ones((3, 2)), 1.0)
    with pytest.raises(BadInput, match="energy is zero"):
        high_share(np.eye(2), np.ones((2, 1)))
