"""A convolutional network of one filter whose patches do not overlap: its population loss in closed form.

Zhou, Liu, Li, Lin, Zhou and Zhao, Toward Understanding the Importance of Noise in Training Neural Networks, ICML 2019;
the network is that of Du, Lee, Tian, Singh and Poczos, Gradient Descent Learns One-hidden-layer CNN: Don't be Afraid
of Spurious Local Minima, ICML 2018. k patches of p numbers, all independent N(0, 1), are the rows of Z:

    f(Z; w, a) = a . relu(Z w),    L(w, a) = 1/2 E (f(Z; w, a) - f(Z; w*, a*))^2,    |w*| = 1

With phi the angle between w and w*, g(phi) = (pi - phi) cos phi + sin phi, s = a . a* and m = 1 . a, sigma = 1 . a*,

    4 pi L = |w|^2 ((pi - 1) |a|^2 + m^2) - 2 |w| ((g - 1) s + m sigma) + (pi - 1) |a*|^2 + sigma^2

In addition to the teacher there is one more critical point on the sphere |w| = 1, w = -w* and
a = (1 1' + (pi - 1) I)^-1 (1 1' - I) a*. It is attracting iff a . a* < 0 there, that is, sigma^2 / |a*|^2 <
(k + pi - 1) / pi.

All functions take many networks at once: w (n, p) and a (n, k).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisewise.errors import BadInput

TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Teacher:
    """The network to be learned.

    Attributes:
        filter: (p,) w*, of norm one.
        output: (k,) a*.
    """

    filter: np.ndarray
    output: np.ndarray

    @classmethod
    def of_ratio(cls, patches: int, inputs: int, ratio: float) -> Teacher:
        """The teacher of k patches and p inputs with |a*| = 1 and (1 . a*)^2 = ratio.

        The loss depends only on scalar products, hence all teachers with the same ratio are equivalent.

        Raises:
            BadInput: there are fewer than two patches or inputs, or the ratio is outside 0 to k.
        """
        if patches < 2 or inputs < 2:
            raise BadInput(f"patches={patches} and inputs={inputs} must both be at least 2")
        if not 0 <= ratio <= patches:
            raise BadInput(f"ratio={ratio!r} must be between 0 and the number of patches, {patches}")
        along, across = np.full(patches, patches**-0.5), np.zeros(patches)
        across[:2] = 0.5**0.5, -(0.5**0.5)
        output = np.sqrt(ratio / patches) * along + np.sqrt(1 - ratio / patches) * across
        return cls(np.eye(inputs)[0], output)


@dataclass(frozen=True)
class Stage:
    """Several steps of descent with constant step size and noise.

    Attributes:
        steps: number of steps.
        rate: the step size eta.
        filter_noise: radius of the ball from which the perturbation of w is drawn.
        output_noise: radius of the ball from which the perturbation of a is drawn.
    """

    steps: int
    rate: float
    filter_noise: float = 0.0
    output_noise: float = 0.0


def threshold(patches: int) -> float:
    """The ratio (1 . a*)^2 / |a*|^2 from which the spurious point no longer attracts: (k + pi - 1) / pi."""
    return (patches + np.pi - 1) / np.pi


def largest_rate(patches: int) -> float:
    """The step size above which descent in a diverges while |w| = 1: 4 pi / (k + pi - 1)."""
    return 4 * np.pi / (patches + np.pi - 1)


def angles(w: np.ndarray, teacher: Teacher) -> np.ndarray:
    """(n,) the angle phi between each filter (n, p) and the teacher's, from 0 to pi; exact near both ends."""
    along = w @ teacher.filter
    across = w - along[:, None] * teacher.filter
    return np.arctan2(np.sqrt(_dots(across, across)), along)


def loss(w: np.ndarray, a: np.ndarray, teacher: Teacher) -> np.ndarray:
    """(n,) the population loss of networks (n, p), (n, k)."""
    phi, length = angles(w, teacher), np.sqrt(_dots(w, w))
    star, s, m, sigma = teacher.output, a @ teacher.output, a.sum(axis=1), teacher.output.sum()
    own = length**2 * ((np.pi - 1) * _dots(a, a) + m**2)
    shared = length * ((overlap(phi) - 1) * s + m * sigma)
    return (own - 2 * shared + (np.pi - 1) * (star @ star) + sigma**2) / (4 * np.pi)


def overlap(phi: np.ndarray) -> np.ndarray:
    """g(phi) = (pi - phi) cos phi + sin phi: 2 pi times the mean product of two rectified units at that angle."""
    return (np.pi - phi) * np.cos(phi) + np.sin(phi)


def gradients(w: np.ndarray, a: np.ndarray, teacher: Teacher) -> tuple[np.ndarray, np.ndarray]:
    """(n, p) and (n, k): the gradients of the population loss in w and in a; w need not be of norm one."""
    along = w @ teacher.filter
    across = w - along[:, None] * teacher.filter
    off = np.sqrt(_dots(across, across))
    length = np.maximum(np.sqrt(along**2 + off**2), TINY)
    behind = np.pi - np.arctan2(off, along)
    s, m, sigma = a @ teacher.output, a.sum(axis=1), teacher.output.sum()
    g = (behind * along + off) / length
    by_output = length[:, None] ** 2 * ((np.pi - 1) * a + m[:, None])
    by_output -= length[:, None] * ((g - 1)[:, None] * teacher.output + sigma)
    radial = (np.pi - 1) * _dots(a, a) + m**2 - s * off / length**2 - (m * sigma - s) / length
    by_filter = radial[:, None] * w - (s * behind)[:, None] * teacher.filter
    return by_filter / (2 * np.pi), by_output / (2 * np.pi)


def sampled_gradients(
    w: np.ndarray, a: np.ndarray, teacher: Teacher, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(p,) and (k,): the gradients of one network (p,), (k,) as means over drawn inputs Z."""
    by_filter, by_output, left = np.zeros_like(w), np.zeros_like(a), draws
    while left:
        size = min(left, 50_000)
        z = rng.standard_normal((size, len(a), len(w)))
        before = z @ w
        units = np.maximum(before, 0)
        error = units @ a - np.maximum(z @ teacher.filter, 0) @ teacher.output
        by_output += error @ units
        by_filter += np.einsum("ij,ijl->l", error[:, None] * (before > 0) * a, z, optimize=True)
        left -= size
    return by_filter / draws, by_output / draws


def batch_gradients(
    w: np.ndarray, a: np.ndarray, teacher: Teacher, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(n, p) and (n, k): the gradients of every network on a batch of inputs Z of its own, drawn for it."""
    z = rng.standard_normal((len(w), batch * a.shape[1], w.shape[1]))
    shape = (len(w), batch, a.shape[1])
    before = (z @ w[:, :, None]).reshape(shape)
    units = np.maximum(before, 0)
    wanted = np.maximum((z @ teacher.filter).reshape(shape), 0) @ teacher.output
    error = ((units @ a[:, :, None])[:, :, 0] - wanted) / batch
    by_output = (error[:, None, :] @ units)[:, 0]
    passed = (error[:, :, None] * (before > 0) * a[:, None, :]).reshape(len(w), 1, -1)
    return (passed @ z)[:, 0], by_output


def spurious(teacher: Teacher) -> tuple[np.ndarray, np.ndarray]:
    """(p,) and (k,): the critical point that is not the teacher."""
    patches = len(teacher.output)
    ones = np.ones((patches, patches))
    output = np.linalg.solve(ones + (np.pi - 1) * np.eye(patches), (ones - np.eye(patches)) @ teacher.output)
    return -teacher.filter, output


def starts(teacher: Teacher, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(n, p) and (n, k): filters uniform on the sphere, outputs uniform in the ball of radius |1 . a*| / sqrt(k).

    If 1 . a* is zero, this ball is a point; the radius is then |a*| instead.
    """
    w = rng.standard_normal((count, len(teacher.filter)))
    radius = abs(teacher.output.sum()) / np.sqrt(len(teacher.output))
    if radius < 1e-9:
        radius = float(np.linalg.norm(teacher.output))
    return _unit(w), in_ball(count, len(teacher.output), radius, rng)


def in_ball(count: int, dimensions: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """(count, dimensions) points drawn uniformly from a ball."""
    drawn = rng.standard_normal((count, dimensions))
    lengths = radius * rng.random(count) ** (1 / dimensions) / np.sqrt(_dots(drawn, drawn))
    return drawn * lengths[:, None]


@dataclass(frozen=True, eq=False)
class Descent:
    """Final weights of n descents, and their paths.

    Attributes:
        w: (n, p) final filters.
        a: (n, k) final output weights.
        steps: (T,) numbers of steps at which the path was recorded.
        path_w: (T, n, p) filters at these steps; empty if the path was not recorded.
        path_a: (T, n, k) output weights at these steps; empty if the path was not recorded.
    """

    w: np.ndarray
    a: np.ndarray
    steps: np.ndarray
    path_w: np.ndarray
    path_a: np.ndarray


def descend(
    teacher: Teacher,
    w: np.ndarray,
    a: np.ndarray,
    stages: Sequence[Stage],
    rng: np.random.Generator | None = None,
    keep: int | None = None,
    batch: int | None = None,
) -> Descent:
    """Perturbed gradient descent on the population loss (Zhou et al., algorithm 1), from all starts at once.

    A step draws xi and eps uniformly from balls and computes the gradients at w + xi, scaled to norm one, and a + eps.
    It moves a against its gradient, and w against the part of its gradient orthogonal to w, and scales w back to norm
    one. Without noise this is gradient descent.

    Args:
        teacher: the network to be found.
        w: (n, p) initial filters, of norm one.
        a: (n, k) initial output weights.
        stages: carried out one after the other.
        rng: generator of the noise; by default seeded with 0.
        keep: record the path at the start and every `keep` steps; None does not record it.
        batch: inputs that are drawn for every step of every start, on which its gradients are computed; None takes
            those of the population loss. This is the paper's mini-batch variant.

    Raises:
        BadInput: a diverges at the step size of a stage.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    limit = largest_rate(a.shape[1])
    for stage in stages:
        if not 0 < stage.rate < limit:
            raise BadInput(f"rate={stage.rate!r} of a stage must be above 0 and below {limit:.4g}, or a diverges")
    path: list[tuple[int, np.ndarray, np.ndarray]] = [(0, w, a)] if keep else []
    done = 0
    for stage in stages:
        for _ in range(stage.steps):
            w, a = _step(teacher, w, a, stage, rng, batch)
            done += 1
            if keep and done % keep == 0:
                path.append((done, w, a))
    kept = [np.array([part[i] for part in path]) for i in range(3)]
    return Descent(w, a, *kept)


def _step(
    teacher: Teacher, w: np.ndarray, a: np.ndarray, stage: Stage, rng: np.random.Generator, batch: int | None
) -> tuple[np.ndarray, np.ndarray]:
    near_w, near_a = w, a
    if stage.filter_noise:
        near_w = _unit(w + in_ball(w.shape[0], w.shape[1], stage.filter_noise, rng))
    if stage.output_noise:
        near_a = a + in_ball(a.shape[0], a.shape[1], stage.output_noise, rng)
    if batch is None:
        by_filter, by_output = gradients(near_w, near_a, teacher)
    else:
        by_filter, by_output = batch_gradients(near_w, near_a, teacher, batch, rng)
    by_filter -= _dots(by_filter, w)[:, None] * w
    return _unit(w - stage.rate * by_filter), a - stage.rate * by_output


def _unit(w: np.ndarray) -> np.ndarray:
    return w / np.sqrt(_dots(w, w))[:, None]


def _dots(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", one, other)
