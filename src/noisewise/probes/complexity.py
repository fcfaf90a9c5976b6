"""How hard the given labels are to learn where the points lie (Arora et al., ICML 2019, theorem 5.1), and rivals."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import torch

from noisewise.probes.features import features_of
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject, whole_from
from noisewise.theory.complexity import MEASURES, Ground, class_targets
from noisewise.theory.wide import distinct, unit_rows

_TOLD = {
    "complexity": "sqrt(2 y . H^-1 y / n) of the given labels, mean over classes inside the root",
    "spectral_energy": "share of the labels' energy outside the first tenth of the eigenvectors of H",
    "steps_to_tenth": "steps of the linear dynamics until a tenth of the squared loss is left",
    "steps_to_hundredth": "steps until a hundredth is left",
    "minimum_norm": "norm of the Gaussian kernel's interpolant of least norm",
    "alignment": "y . H y / (|H| |y|^2); higher is easier",
}


class Complexity(Probe):
    """The cost of the given labels at the network's penultimate features, or at the inputs without a network.

    Args:
        examples: n; the work grows with its cube.
        every: after how many epochs again.
        permutations: of the labels, over which the measure of random labels is a mean.
    """

    card = ProbeCard(
        "complexity",
        "How hard the given labels are to learn at the features of the network, or at the inputs where there is no "
        "network, and how much harder randomly permuted labels would be. Wrong labels raise it towards that of "
        "random ones; a network that fits them moves its features so that it falls.",
        {
            **_TOLD,
            "complexity_random": "the complexity of randomly permuted labels, mean",
            **{f"{name}_ratio": f"{name} over its mean for permuted labels" for name in MEASURES},
            "complexity_left_out": "share of the rows left out: zero, infinite, or but for rounding like another",
        },
        "1 forward pass, or none; and two eigenvalue problems of as many rows as examples",
        "Arora, Du, Hu, Li and Wang, Fine-Grained Analysis of Optimization and Generalization for Overparameterized "
        "Two-Layer Neural Networks, ICML 2019",
        2019,
        departures="the paper's labels are plus and minus one; here every class has its centred one-hot labels, scaled "
        "to mean square one, and energies are means over the classes; the paper knows inputs alone, no features",
        network=False,
    )

    def __init__(self, examples: int = 256, every: int = 1, permutations: int = 3) -> None:
        super().__init__(examples, every)
        whole_from("complexity", "permutations", permutations, 1)
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
