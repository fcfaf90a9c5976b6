"""How hard the given labels are to learn at given points (Arora et al., ICML 2019, theorem 5.1), and alternatives."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import torch

from noisewise.bounds import whole
from noisewise.probes.features import features_of
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject
from noisewise.theory.complexity import MEASURES, Ground, class_targets
from noisewise.theory.wide import distinct, unit_rows

_COLUMNS = {
    "complexity": "sqrt(2 y . H^-1 y / n) of the given labels, mean over classes inside the root",
    "spectral_energy": "share of the labels' energy outside the first tenth of the eigenvectors of H",
    "steps_to_tenth": "steps of the linear dynamics until a tenth of the squared loss is left",
    "steps_to_hundredth": "steps until a hundredth is left",
    "minimum_norm": "norm of the Gaussian kernel's interpolant of least norm",
    "alignment": "y . H y / (|H| |y|^2); higher is easier",
}


class Complexity(Probe):
    """The difficulty of the given labels at the network's penultimate features, or at the inputs without a network.

    Args:
        examples: n; the cost grows with its cube.
        every: number of epochs between measurements.
        permutations: number of random permutations of the labels over which their difficulty is averaged.
    """

    bounds = {"permutations": whole(1, 10_000)}

    card = ProbeCard(
        "complexity",
        "How hard the given labels are to learn at the features of the network, or at the inputs if there is no "
        "network, compared with randomly permuted labels. Wrong labels raise it towards the value of random labels; a "
        "network that fits them changes its features, and it falls.",
        {
            **_COLUMNS,
            "complexity_random": "mean complexity of randomly permuted labels",
            **{f"{name}_ratio": f"{name} over its mean for permuted labels" for name in MEASURES},
            "complexity_left_out": "share of the rows left out: zero, infinite, or equal to another up to rounding",
        },
        "1 forward pass, or none; and two eigenvalue problems with one row per example",
        "Arora, Du, Hu, Li and Wang, Fine-Grained Analysis of Optimization and Generalization for Overparameterized "
        "Two-Layer Neural Networks, ICML 2019",
        2019,
        departures="the paper's labels are plus and minus one; here every class has its centred one-hot labels, scaled "
        "to mean square one, and energies are means over the classes; the paper measures at the inputs, not features",
        network=False,
    )

    def __init__(self, examples: int = 256, every: int = 1, permutations: int = 3) -> None:
        super().__init__(examples, every)
        self.permutations = permutations

    def measure(self, subject: Subject) -> Measured:
        points = features_of(subject).double().cpu().numpy()
        lengths = np.linalg.norm(points, axis=1)
        kept = np.flatnonzero(np.isfinite(lengths) & (lengths > 0))
        if not len(kept):
            return dict.fromkeys(self.card.columns, math.nan) | {"complexity_left_out": 1.0}
        unit = unit_rows(points[kept])
        alone = distinct(unit)
        given = subject.given.cpu().numpy()[kept[alone]]
        left_out = {"complexity_left_out": 1 - len(given) / len(points)}
        targets = class_targets(given, subject.classes)
        if not targets.shape[1]:
            return dict.fromkeys(self.card.columns, math.nan) | left_out
        ground = Ground.of(unit[alone])
        found = asdict(ground.difficulty(targets))
        drawn = [torch.randperm(len(given), generator=subject.rng).numpy() for _ in range(self.permutations)]
        permuted = [asdict(ground.difficulty(targets[order])) for order in drawn]
        random = {name: float(np.mean([one[name] for one in permuted])) for name in MEASURES}
        ratios = {f"{name}_ratio": found[name] / random[name] for name in MEASURES}
        return {**found, "complexity_random": random["complexity"], **ratios, **left_out}
