"""The complexity of labels, by hand, at inputs and at features."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.probes import PROBES, Subject
from noisewise.probes.complexity import Complexity
from noisewise.theory.complexity import Ground, class_targets, joined
from noisewise.theory.wide import Spectrum

SIXTY = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)]], dtype=torch.float64)


def subject(x, given, network=None, classes=2, seed=0):
    return Subject(torch.as_tensor(x), torch.tensor(given), classes, torch.Generator().manual_seed(seed), network)


def test_two_points_at_sixty_degrees_by_hand():
    """H = [[1/2, 1/6], [1/6, 1/2]] has eigenvalues 2/3 and 1/3; y = (1, -1) lies along the second."""
    found = Complexity().measure(subject(SIXTY, [0, 1]))
    assert found["complexity"] == pytest.approx(math.sqrt(6))
    assert found["spectral_energy"] == pytest.approx(1)
    assert (found["steps_to_tenth"], found["steps_to_hundredth"]) == (2, 4)
    assert found["alignment"] == pytest.approx(1 / math.sqrt(5))
    assert found["minimum_norm"] == pytest.approx(math.sqrt(2 / (1 - math.exp(-1))))
    assert found["complexity_ratio"] == pytest.approx(1), "a permutation of two labels turns their signs only"
    assert found["complexity_left_out"] == 0


def test_complexity_is_invariant_to_input_scale():
    scaled = SIXTY * torch.tensor([[3.0], [0.2]])
    assert Complexity().measure(subject(scaled, [0, 1])) == pytest.approx(Complexity().measure(subject(SIXTY, [0, 1])))


def test_zero_rows_and_duplicates_are_left_out():
    x = torch.cat([SIXTY, torch.zeros(1, 2), 2 * SIXTY[:1]])
    found = Complexity().measure(subject(x, [0, 1, 0, 1]))
    assert found["complexity_left_out"] == pytest.approx(0.5)
    assert found["complexity"] == pytest.approx(math.sqrt(6))


def test_one_class_has_no_complexity():
    found = Complexity().measure(subject(SIXTY, [1, 1]))
    assert set(found) == set(Complexity.card.columns)
    assert found.pop("complexity_left_out") == 0
    assert all(math.isnan(value) for value in found.values())


def test_random_labels_cost_more_than_clusters():
    rng = np.random.default_rng(0)
    given = rng.integers(3, size=120)
    x = np.eye(3)[given] + 0.2 * rng.normal(size=(120, 3))
    found = Complexity(permutations=4).measure(subject(x, given.tolist(), classes=3))
    assert set(found) == set(Complexity.card.columns)
    for name in ("complexity", "spectral_energy", "steps_to_tenth", "minimum_norm"):
        assert found[f"{name}_ratio"] < 0.8, name
    assert found["alignment_ratio"] > 1.2
    assert found["complexity_random"] == pytest.approx(found["complexity"] / found["complexity_ratio"])
    random = Complexity().measure(subject(x, rng.permutation(given).tolist(), classes=3))
    assert random["complexity_ratio"] == pytest.approx(1, abs=0.25)


def test_with_a_network_the_features_count():
    turn = nn.Linear(2, 2, bias=False)
    turn.weight.data = torch.tensor([[1.0, 0.5], [0.0, math.sqrt(0.75)]])
    net = nn.Sequential(turn, nn.Linear(2, 2)).eval()
    found = Complexity().measure(subject(torch.eye(2), [0, 1], net))
    assert found["complexity"] == pytest.approx(math.sqrt(6), rel=1e-5)
    assert Complexity().measure(subject(torch.eye(2), [0, 1]))["complexity"] == pytest.approx(2)


def test_the_same_generator_gives_the_same_numbers():
    x, given = np.random.default_rng(1).normal(size=(30, 4)), [0, 1, 2] * 10
    one, same, other = (Complexity().measure(subject(x, given, classes=3, seed=seed)) for seed in (0, 0, 1))
    assert one == same
    assert one["complexity"] == other["complexity"]
    assert one["complexity_random"] != other["complexity_random"]


def test_targets_of_classes():
    targets = class_targets(np.array([0, 0, 2, 2, 2, 2]), 3)
    assert targets.shape == (6, 2)
    assert targets.mean(axis=0) == pytest.approx(np.zeros(2))
    assert (targets**2).mean(axis=0) == pytest.approx(np.ones(2))
    assert class_targets(np.array([0, 1, 1, 0]), 2)[:, 0].tolist() == [1, -1, -1, 1]


def test_joined_energies_are_the_mean_over_targets():
    rng = np.random.default_rng(0)
    spectrum = Spectrum.of(np.cov(rng.normal(size=(5, 20))))
    targets = rng.normal(size=(5, 3))
    wanted = np.mean([(spectrum.vectors.T @ targets[:, k]) ** 2 for k in range(3)], axis=0)
    assert (spectrum.vectors.T @ joined(spectrum, targets)) ** 2 == pytest.approx(wanted)


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(BadInput, match="at least 2 different points"):
        Ground.of(np.eye(2)[:1])
    ground = Ground.of(np.eye(3))
    for targets in (np.ones((2, 1)), np.ones(3), np.zeros((3, 1))):
        with pytest.raises(BadInput, match="must be 3 rows of values"):
            ground.difficulty(targets)
    with pytest.raises(BadInput, match="permutations=0"):
        Complexity(permutations=0)


def test_in_the_catalogue():
    assert PROBES["complexity"] is Complexity


def test_points_that_are_all_zero_or_not_finite_have_none():
    for x in (torch.zeros(4, 2), torch.full((4, 2), math.inf)):
        found = Complexity().measure(subject(x, [0, 1, 0, 1]))
        assert found.pop("complexity_left_out") == 1
        assert all(map(math.isnan, found.values()))
