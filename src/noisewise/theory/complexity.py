"""Six measures of how hard labels are to learn at given points, computed without training.

Arora, Du, Hu, Li and Wang, Fine-Grained Analysis of Optimization and Generalization for Overparameterized Two-Layer
Neural Networks, ICML 2019, bound the test loss of a wide network by sqrt(2 y . H^-1 y / n) (theorem 5.1). Alternative
measures use the same matrix H, or another kernel: the position of the labels in its spectrum, the time of gradient
descent (theorem 4.1), the alignment, and the norm of the minimum-norm interpolant (Zhang, Bengio, Hardt, Recht and
Vinyals, ICLR 2017, section 5).

The paper's labels are one number per point, plus or minus one. For K classes there is such a vector per class
(`class_targets`), and the energy along each eigenvector is the mean over the classes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from noisewise.errors import BadInput
from noisewise.theory.minimum_norm import gaussian_gram
from noisewise.theory.wide import Spectrum, infinite_gram

TOP = 0.1
TENTH, HUNDREDTH = 0.1, 0.01


@dataclass(frozen=True)
class Difficulty:
    """Measures of difficulty. All except the alignment increase with the difficulty.

    Attributes:
        complexity: sqrt(2 y . H^-1 y / n), with eigenvalues raised to at least 1e-10 of the largest.
        spectral_energy: the share of |y|^2 outside the first tenth of the eigenvectors of H.
        steps_to_tenth: steps of gradient descent, at a rate of one over the largest eigenvalue, until the predicted
            squared loss is at most a tenth of its initial value.
        steps_to_hundredth: the same, until it is at most a hundredth.
        minimum_norm: sqrt(y . G^-1 y), the norm of the minimum-norm interpolant for the Gaussian kernel G whose
            exponent is minus the squared distance over the mean squared distance; eigenvalues raised as above.
        alignment: y . H y / (|H| |y|^2) with the Frobenius norm of H, from 0 to 1.
    """

    complexity: float
    spectral_energy: float
    steps_to_tenth: float
    steps_to_hundredth: float
    minimum_norm: float
    alignment: float


MEASURES = tuple(field.name for field in fields(Difficulty))


def class_targets(given: np.ndarray, classes: int) -> np.ndarray:
    """(n, k) one column per class that occurs: one-hot labels (n,), centred, scaled to mean square one.

    Two classes of equal size result in plus and minus one, a single class in (n, 0).
    """
    hot = np.eye(classes)[given]
    centred = hot - hot.mean(axis=0)
    size = np.sqrt((centred**2).mean(axis=0))
    some = size > 0
    return np.asarray(centred[:, some] / size[some])


def joined(spectrum: Spectrum, targets: np.ndarray) -> np.ndarray:
    """(n,) one vector whose energy along every eigenvector is the mean over those of targets (n, k)."""
    squared = ((spectrum.vectors.T @ targets) ** 2).mean(axis=1)
    return np.asarray(spectrum.vectors @ np.sqrt(squared))


@dataclass(frozen=True, eq=False)
class Ground:
    """Points at which the difficulty of labels is measured.

    Attributes:
        wide: the spectrum of H, the kernel of infinitely wide two-layer networks.
        gaussian: the spectrum of the Gaussian kernel.
    """

    wide: Spectrum
    gaussian: Spectrum

    @classmethod
    def of(cls, x: np.ndarray) -> Ground:
        """Compute the spectra for points x (n, d) of length one, without duplicates.

        See `wide.unit_rows` and `wide.distinct`.

        Raises:
            BadInput: there are fewer than two points.
        """
        if len(x) < 2:
            raise BadInput(f"the difficulty of labels needs at least 2 different points, but there are {len(x)}")
        distance = 2 * len(x) / (len(x) - 1) * float(x.var(axis=0).sum())
        return cls(Spectrum.of(infinite_gram(x)), Spectrum.of(gaussian_gram(x, x, 1 / distance)))

    def difficulty(self, targets: np.ndarray) -> Difficulty:
        """The difficulty of targets (n, k), such as one column of plus and minus one.

        Raises:
            BadInput: the targets have another number of rows, or are all zero.
        """
        values = self.wide.values
        if targets.ndim != 2 or len(targets) != len(values) or not np.any(targets):
            raise BadInput(f"targets of shape {targets.shape} must be {len(values)} rows of values, not all zero")
        y, rate = joined(self.wide, targets), 1 / float(values[0])
        energies = self.wide.energies(y)
        norm = self.gaussian.complexity(joined(self.gaussian, targets)).value * np.sqrt(len(values) / 2)
        return Difficulty(
            complexity=self.wide.complexity(y).value,
            spectral_energy=float(energies[max(1, round(TOP * len(values))) :].sum()),
            steps_to_tenth=float(self.wide.steps_to(y, rate, TENTH)),
            steps_to_hundredth=float(self.wide.steps_to(y, rate, HUNDREDTH)),
            minimum_norm=float(norm),
            alignment=float((values * energies).sum() / np.linalg.norm(values)),
        )
