"""The network of one filter without overlap: its loss, gradients, critical points and descent."""

import numpy as np
import pytest

from noisewise.errors import BadInput
from noisewise.theory.nonoverlapping import (
    Stage,
    Teacher,
    angles,
    descend,
    gradients,
    in_ball,
    largest_rate,
    loss,
    overlap,
    sampled_gradients,
    spurious,
    starts,
    threshold,
)


@pytest.fixture
def teacher():
    return Teacher.of_ratio(4, 3, 1.0)


@pytest.fixture
def networks(teacher):
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 3)), rng.normal(size=(5, 4))


def test_teachers_have_the_ratio():
    for ratio in (0.0, 1.0, 5.0, 9.0):
        teacher = Teacher.of_ratio(9, 2, ratio)
        assert teacher.output @ teacher.output == pytest.approx(1)
        assert teacher.output.sum() ** 2 == pytest.approx(ratio, abs=1e-12)
        assert np.linalg.norm(teacher.filter) == 1


def test_loss_by_hand():
    """One's own teacher costs nothing; a network of zeros costs 1/2 E f*^2 = ((pi - 1) |a*|^2 + sigma^2) / (4 pi)."""
    teacher = Teacher(np.array([0.6, 0.8]), np.array([1.0, 2.0]))
    at = teacher.filter[None], teacher.output[None]
    assert loss(*at, teacher)[0] == pytest.approx(0, abs=1e-15)
    nothing = loss(at[0], np.zeros((1, 2)), teacher)[0]
    assert nothing == pytest.approx(((np.pi - 1) * 5 + 9) / (4 * np.pi))
    assert loss(2 * at[0], at[1] / 2, teacher)[0] == pytest.approx(0, abs=1e-15), "rectified units are homogeneous"


def test_loss_is_the_mean_over_drawn_inputs(teacher, networks):
    w, a = networks
    z = np.random.default_rng(1).standard_normal((200_000, 4, 3))
    truth = np.maximum(z @ teacher.filter, 0) @ teacher.output
    sampled = [0.5 * np.mean((np.maximum(z @ one, 0) @ other - truth) ** 2) for one, other in zip(w, a, strict=True)]
    np.testing.assert_allclose(loss(w, a, teacher), sampled, rtol=0.02)


def test_gradients_are_those_of_the_loss(teacher, networks):
    w, a = networks
    by_filter, by_output = gradients(w, a, teacher)
    step = 1e-6
    for k, part in enumerate(np.eye(3) * step):
        rise = (loss(w + part, a, teacher) - loss(w - part, a, teacher)) / (2 * step)
        np.testing.assert_allclose(by_filter[:, k], rise, atol=1e-8)
    for k, part in enumerate(np.eye(4) * step):
        rise = (loss(w, a + part, teacher) - loss(w, a - part, teacher)) / (2 * step)
        np.testing.assert_allclose(by_output[:, k], rise, atol=1e-8)


def test_gradients_are_means_over_drawn_inputs(teacher, networks):
    w, a = networks
    drawn = sampled_gradients(w[0], a[0], teacher, 400_000, np.random.default_rng(0))
    for closed, mean in zip(gradients(w, a, teacher), drawn, strict=True):
        assert np.linalg.norm(closed[0] - mean) < 0.02 * np.linalg.norm(mean)


def test_gradient_on_the_sphere_points_along_the_truth(teacher, networks):
    """(I - w w') grad_w = -(a . a*) (pi - phi) / (2 pi) (I - w w') w*."""
    w = networks[0] / np.linalg.norm(networks[0], axis=1, keepdims=True)
    a = networks[1]
    found = gradients(w, a, teacher)[0]
    found -= (found * w).sum(axis=1, keepdims=True) * w
    aim = teacher.filter - (w @ teacher.filter)[:, None] * w
    wanted = -((a @ teacher.output) * (np.pi - angles(w, teacher)) / (2 * np.pi))[:, None] * aim
    np.testing.assert_allclose(found, wanted, atol=1e-14)


def test_overlap_by_hand():
    np.testing.assert_allclose(overlap(np.array([0, np.pi / 2, np.pi])), [np.pi, 1, 0], atol=1e-15)


def test_angles_near_both_ends(teacher):
    tiny = np.array([[1, 1e-9, 0], [-1, 1e-9, 0], [0, 3.0, 4.0]])
    np.testing.assert_allclose(angles(tiny, teacher), [1e-9, np.pi - 1e-9, np.pi / 2], rtol=1e-12)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 3.0])
def test_the_spurious_point_is_critical(ratio):
    teacher = Teacher.of_ratio(4, 3, ratio)
    w, a = (part[None] for part in spurious(teacher))
    assert max(np.abs(part).max() for part in gradients(w, a, teacher)) < 1e-15
    found = float(a[0] @ teacher.output)
    assert found == pytest.approx((np.pi * ratio / (4 + np.pi - 1) - 1) / (np.pi - 1)), "a . a* in closed form"
    assert (found < 0) == (ratio < threshold(4))


@pytest.mark.parametrize(("factor", "stays"), [(0.98, True), (1.02, False)])
def test_spurious_point_attracts_only_below_the_threshold(factor, stays):
    teacher = Teacher.of_ratio(9, 3, factor * threshold(9))
    a = spurious(teacher)[1][None]
    nearby = np.array([[-np.cos(1e-3), np.sin(1e-3), 0]])
    end = descend(teacher, nearby, a, [Stage(200, 0.1)]).w
    assert (np.pi - angles(end, teacher)[0] < 1e-3) == stays


def test_balls_are_filled_evenly():
    """The share within half of the radius is 2^-d, and directions cancel."""
    drawn = in_ball(20_000, 3, 2.0, np.random.default_rng(0))
    lengths = np.linalg.norm(drawn, axis=1)
    assert lengths.max() <= 2
    assert (lengths < 1).mean() == pytest.approx(1 / 8, abs=0.01)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.03)


def test_starts_lie_where_they_should(teacher):
    w, a = starts(teacher, 5000, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1)
    assert 0.49 < np.linalg.norm(a, axis=1).max() <= 0.5, "|1 . a*| / sqrt(k) = 1/2"
    flat = starts(Teacher.of_ratio(4, 3, 0.0), 5000, np.random.default_rng(0))[1]
    assert 0.99 < np.linalg.norm(flat, axis=1).max() <= 1


def test_descent_without_noise_finds_a_critical_point(teacher):
    w, a = starts(teacher, 200, np.random.default_rng(0))
    end = descend(teacher, w, a, [Stage(3000, 0.3)])
    lost = angles(end.w, teacher) > np.pi / 2
    assert 0.2 < lost.mean() < 0.4
    np.testing.assert_allclose(end.a[~lost], np.tile(teacher.output, ((~lost).sum(), 1)), atol=1e-3)
    np.testing.assert_allclose(end.a[lost], np.tile(spurious(teacher)[1], (lost.sum(), 1)), atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(end.w, axis=1), 1)


def test_noise_comes_from_the_generator_and_paths_are_kept(teacher):
    w, a = starts(teacher, 3, np.random.default_rng(0))
    noisy = [Stage(4, 0.1, 1.0, 0.5), Stage(3, 0.1)]
    one, same, other = (descend(teacher, w, a, noisy, np.random.default_rng(seed), keep=2) for seed in (1, 1, 2))
    assert (one.w == same.w).all()
    assert (one.w != other.w).any()
    assert one.steps.tolist() == [0, 2, 4, 6]
    assert one.path_w.shape == (4, 3, 3)
    assert one.path_a.shape == (4, 3, 4)
    assert (one.path_w[0] == w).all()
    assert (one.path_w[1] != other.path_w[1]).any()
    plain = descend(teacher, w, a, [Stage(7, 0.1)])
    assert (plain.a != one.a).any()
    assert plain.path_w.size == 0
    for part in ({"filter_noise": 1.0}, {"output_noise": 0.5}):
        assert (descend(teacher, w, a, [Stage(7, 0.1, **part)]).a != plain.a).any()


def test_descent_diverges_beyond_the_largest_rate(teacher):
    w, a = starts(teacher, 2, np.random.default_rng(0))
    limit = largest_rate(4)
    assert limit == pytest.approx(4 * np.pi / (3 + np.pi))
    kept = descend(teacher, w, a + 1, [Stage(200, 0.99 * limit)]).a
    assert np.abs(kept).max() < 2
    with pytest.raises(BadInput, match=r"rate=2\.2 of a stage must be above 0 and below 2\.046, or a diverges"):
        descend(teacher, w, a, [Stage(1, 2.2)])
    with pytest.raises(BadInput, match="rate=0"):
        descend(teacher, w, a, [Stage(1, 0.0)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((1, 3, 0.5), "patches=1"), ((4, 1, 0.5), "inputs=1"), ((4, 3, 4.5), "ratio=4.5"), ((4, 3, -1), "ratio=-1")],
)
def test_teachers_that_cannot_be(arguments, said):
    with pytest.raises(BadInput, match=said):
        Teacher.of_ratio(*arguments)
