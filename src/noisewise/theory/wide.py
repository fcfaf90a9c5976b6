"""Very wide two-layer networks under gradient descent, in closed form.

Arora, Du, Hu, Li and Wang, Fine-Grained Analysis of Optimization and Generalization for Overparameterized Two-Layer
Neural Networks, ICML 2019. The network is

    f(x) = 1 / sqrt(m) sum_r a_r relu(w_r . x),   |x| = 1,   w_r ~ N(0, kappa^2 I),   a_r = +-1 fixed,

and gradient descent moves the w_r to reduce 1/2 sum_i (f(x_i) - y_i)^2. As the width m grows, its outputs follow
u(k) - y = -(I - rate H)^k y with the Gram matrix H of `infinite_gram` (theorem 4.1), the weights move by at most
sqrt(y . H^-1 y) (lemma 5.3), and the test loss is bounded by sqrt(2 y . H^-1 y / n) and vanishing terms (theorem 5.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisewise.errors import BadInput

BLOCK = 10_000


def unit_rows(x: np.ndarray) -> np.ndarray:
    """(n, d) float64: inputs (n, ...) flattened and scaled to rows of length one.

    Raises:
        BadInput: a row is zero, or has numbers that are not finite.
    """
    flat = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    lengths = np.linalg.norm(flat, axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise BadInput(f"row {bad[0]} has length {lengths[bad[0]]}, and cannot be scaled to length one")
    scaled: np.ndarray = flat / lengths[:, None]
    return scaled


def distinct(x: np.ndarray, tolerance: float = 1e-6) -> np.ndarray:
    """Positions of the rows of x (n, d), of length one, that are not near-duplicates of an earlier kept row.

    Two rows are near-duplicates if 1 - x_i . x_j is at most `tolerance`. Duplicates make the Gram matrix singular.
    """
    near = 1 - x @ x.T <= tolerance
    kept = np.ones(len(x), dtype=bool)
    for i in range(1, len(x)):
        kept[i] = not (near[i, :i] & kept[:i]).any()
    return np.flatnonzero(kept)


def infinite_gram(x: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
    """(n, m) the Gram matrix H of infinite width (Arora et al., equation 12) of rows of length one.

        H_ij = x_i . x_j (pi - arccos(x_i . x_j)) / (2 pi)

    Args:
        x: (n, d).
        other: (m, d), by default x.
    """
    cosine = np.clip(x @ (x if other is None else other).T, -1, 1)
    if other is None:
        np.fill_diagonal(cosine, 1)
    gram: np.ndarray = cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi)
    return gram


def sampled_gram(x: np.ndarray, draws: int, seed: int = 0) -> np.ndarray:
    """(n, n) Monte Carlo estimate of the Gram matrix H from its definition as an expectation.

        H_ij = E_w [x_i . x_j 1(w . x_i >= 0) 1(w . x_j >= 0)],   w ~ N(0, I)

    Args:
        x: (n, d).
        draws: number of draws of w, at least 1.
        seed: random seed.

    Raises:
        BadInput: draws is below 1.
    """
    if draws < 1:
        raise BadInput(f"draws={draws} must be at least 1")
    rng, both = np.random.default_rng(seed), np.zeros((len(x), len(x)))
    points = x.astype(np.float32)
    for start in range(0, draws, BLOCK):
        w = rng.standard_normal((points.shape[1], min(BLOCK, draws - start)), dtype=np.float32)
        on = (points @ w >= 0).astype(np.float32)
        both += on @ on.T
    gram: np.ndarray = (x @ x.T) * both / draws
    return gram


@dataclass(frozen=True)
class Complexity:
    """Complexity of labels by theorem 5.1 of Arora et al., sqrt(2 y . H^-1 y / n), with a floor for eigenvalues.

    Attributes:
        value: the complexity.
        clipped: number of eigenvalues below the floor, which were raised to it.
        share: share of |y|^2 along their eigenvectors.
        smallest: the smallest eigenvalue before clipping.
    """

    value: float
    clipped: int
    share: float
    smallest: float


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigendecomposition of a symmetric Gram matrix, and the dynamics of labels under gradient descent.

    Attributes:
        values: (n,) descending.
        vectors: (n, n), one eigenvector per column.
    """

    values: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, gram: np.ndarray) -> Spectrum:
        """Decompose a Gram matrix (n, n).

        Raises:
            BadInput: the matrix is not symmetric.
        """
        if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or not np.allclose(gram, gram.T):
            raise BadInput(f"gram of shape {gram.shape} must be a symmetric matrix")
        values, vectors = np.linalg.eigh(gram)
        return cls(values[::-1].copy(), vectors[:, ::-1].copy())

    @property
    def worst(self) -> np.ndarray:
        """(n,) the labels learned slowest: the eigenvector of the smallest eigenvalue, scaled to mean square one."""
        worst: np.ndarray = self.vectors[:, -1] * np.sqrt(len(self.values))
        return worst

    def energies(self, y: np.ndarray) -> np.ndarray:
        """(n,) the share of |y|^2 along each eigenvector, the largest eigenvalue first; they sum to one."""
        squared = (self.vectors.T @ y) ** 2
        shares: np.ndarray = squared / squared.sum()
        return shares

    def residuals(self, y: np.ndarray, rate: float, steps: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(steps), n) the predicted y - u(k) = (I - rate H)^k y after k of `steps` steps from outputs of zero.

        Raises:
            BadInput: the rate is not between 0 and 2 over the largest eigenvalue, beyond which descent diverges.
        """
        self._check(rate)
        factors = (1 - rate * self.values) ** np.asarray(steps)[:, None]
        found: np.ndarray = (factors * (self.vectors.T @ y)) @ self.vectors.T
        return found

    def residual_norms(self, y: np.ndarray, rate: float, steps: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(steps),) the norm of `residuals` (Arora et al., equation 8).

        Raises:
            BadInput: as `residuals`.
        """
        self._check(rate)
        powers = (1 - rate * self.values) ** (2 * np.asarray(steps)[:, None])
        return np.sqrt(powers @ (self.vectors.T @ y) ** 2)

    def distance(self, y: np.ndarray, rate: float, steps: int) -> float:
        """The predicted |W(k) - W(0)|: of all weights together, sqrt(sum_i (1 - (1 - rate l_i)^k)^2 (v_i . y)^2 / l_i).

        It increases with the steps to sqrt(y . H^-1 y). Eigenvalues that are zero up to rounding do not contribute.

        Raises:
            BadInput: as `residuals`.
        """
        self._check(rate)
        some = self.values > np.finfo(np.float64).eps * len(self.values) * self.values[0]
        reached = 1 - (1 - rate * self.values[some]) ** steps
        return float(np.sqrt((reached**2 * (self.vectors.T @ y)[some] ** 2 / self.values[some]).sum()))

    def steps_to(self, y: np.ndarray, rate: float, share: float, limit: int = 10**9) -> int:
        """The first step at which the predicted loss is at most `share` of the loss at the start; `limit` if later.

        Raises:
            BadInput: as `residuals`, or share is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise BadInput(f"share={share!r} must be between 0 and 1")
        wanted = np.sqrt(share) * np.linalg.norm(y)
        low, high = 0, 1
        while high < limit and self.residual_norms(y, rate, [high])[0] > wanted:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.residual_norms(y, rate, [middle])[0] > wanted else (low, middle)
        return min(high, limit)

    def complexity(self, y: np.ndarray, floor: float = 1e-10) -> Complexity:
        """sqrt(2 y . H^-1 y / n) (Arora et al., theorem 5.1), with eigenvalues below a floor raised to it.

        Args:
            y: (n,) labels.
            floor: relative to the largest eigenvalue, above 0.

        Raises:
            BadInput: floor is not above 0.
        """
        if not floor > 0:
            raise BadInput(f"floor={floor!r} must be above 0")
        least = floor * self.values[0]
        low = self.values < least
        squared = (self.vectors.T @ y) ** 2
        value = np.sqrt(2 * (squared / np.maximum(self.values, least)).sum() / len(self.values))
        return Complexity(float(value), int(low.sum()), float(self.energies(y)[low].sum()), float(self.values[-1]))

    def _check(self, rate: float) -> None:
        if not 0 < rate < 2 / self.values[0]:
            raise BadInput(f"rate={rate!r} must be between 0 and 2 / {self.values[0]:.4g}, where descent would diverge")


@dataclass(frozen=True, eq=False)
class Descent:
    """Gradient descent of a two-layer network.

    Attributes:
        residual_norms: (steps + 1,) |y - u(k)|, including the initial value.
        distance: |W - W(0)| at the end, over all weights.
        outputs: (n,) u at the end.
    """

    residual_norms: np.ndarray
    distance: float
    outputs: np.ndarray


@dataclass(frozen=True)
class TwoLayer:
    """The initial two-layer network f(x) = sum_r a_r relu(w_r x) / sqrt(m).

    Attributes:
        width: m; even if mirrored.
        kappa: standard deviation of the initial weights, above 0.
        mirrored: whether the second half of the units copies the first with the opposite sign of a, so that u(0) = 0.
        seed: random seed of the initial weights.

    Raises:
        BadInput: width is below 1, or odd and mirrored, or kappa is not above 0.
    """

    width: int
    kappa: float = 1.0
    mirrored: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 1 or (self.mirrored and self.width % 2):
            raise BadInput(f"width={self.width} must be at least 1, and even for a mirrored start")
        if not self.kappa > 0:
            raise BadInput(f"kappa={self.kappa!r} must be above 0")

    def inputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (n, m) of the units at points x (n, d), and their signs a (m,)."""
        rng = np.random.default_rng(self.seed)
        drawn = self.width // 2 if self.mirrored else self.width
        inputs = x.astype(np.float32) @ (self.kappa * rng.standard_normal((x.shape[1], drawn), dtype=np.float32))
        signs = rng.choice([-1.0, 1.0], size=drawn)
        if self.mirrored:
            return np.concatenate([inputs, inputs], axis=1), np.concatenate([signs, -signs])
        return inputs, signs


def descend_two_layer(x: np.ndarray, y: np.ndarray, net: TwoLayer, *, rate: float, steps: int) -> Descent:
    """Train the first layer of a two-layer network by full gradient descent, in float32.

    The weights stay in W(0) plus the span of the points, W(k) = W(0) + C^T x. Instead of W, C (n, m) and the units'
    inputs W(0) x + C^T x x^T are updated: equal up to rounding, at a cost of n^2 m per step.

    Args:
        x: (n, d).
        y: (n,) values.
        net: the initial network.
        rate: step size.
        steps: number of steps.
    """
    start, signs = net.inputs(x)
    gram, targets = (x @ x.T).astype(np.float32), y.astype(np.float32)
    out = (signs / np.sqrt(net.width)).astype(np.float32)
    moved, inputs, norms = np.zeros_like(start), start, []
    for _ in range(steps):
        residual = np.maximum(inputs, 0) @ out - targets
        norms.append(float(np.linalg.norm(residual)))
        moved -= (inputs > 0) * (np.float32(rate) * residual)[:, None] * out
        inputs = start + gram @ moved
    outputs = np.maximum(inputs, 0) @ out
    norms.append(float(np.linalg.norm(outputs - targets)))
    squared = float((moved * (inputs - start)).sum(dtype=np.float64))
    return Descent(np.array(norms), float(np.sqrt(max(squared, 0.0))), outputs)
