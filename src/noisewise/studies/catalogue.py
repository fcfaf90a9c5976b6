"""The names of studies. Adding one is one file and one line here."""

from __future__ import annotations

from noisewise.catalogue import Catalogue, load
from noisewise.errors import BadInput
from noisewise.studies.study import Study

STUDIES = Catalogue(
    "study",
    {
        # fitting random labels
        "fitting-random-labels": "noisewise.studies.fitting_random_labels:STUDY",
        "explicit-regularization": "noisewise.studies.explicit_regularization:STUDY",
        "implicit-regularization": "noisewise.studies.implicit_regularization:STUDY",
        "finite-sample-expressivity": "noisewise.studies.finite_sample_expressivity:STUDY",
        "minimum-norm": "noisewise.studies.minimum_norm:STUDY",
        "rademacher": "noisewise.studies.rademacher:STUDY",
        "uniform-stability": "noisewise.studies.uniform_stability:STUDY",
        # noise through training
        "two-phases": "noisewise.studies.two_phases:STUDY",
        "early-learning": "noisewise.studies.early_learning:STUDY",
        "detecting-noise": "noisewise.studies.detecting_noise:STUDY",
        "coteaching": "noisewise.studies.coteaching:STUDY",
        "critical-periods": "noisewise.studies.critical_periods:STUDY",
        "fisher-phases": "noisewise.studies.fisher_phases:STUDY",
        "adversarial-training": "noisewise.studies.adversarial_training:STUDY",
        # theory of why
        "wide-network-dynamics": "noisewise.studies.wide_network_dynamics:STUDY",
        "neural-tangent-kernel": "noisewise.studies.neural_tangent_kernel:STUDY",
        "dataset-complexity": "noisewise.studies.dataset_complexity:STUDY",
        "spectral-bias": "noisewise.studies.spectral_bias:STUDY",
        "influence": "noisewise.studies.influence:STUDY",
        # noise that helps
        "spurious-optima": "noisewise.studies.spurious_optima:STUDY",
        "noise-and-flatness": "noisewise.studies.noise_and_flatness:STUDY",
        # robust early learning
        "early-learning-memorization": "noisewise.studies.early_learning_memorization:STUDY",
        "lottery-tickets": "noisewise.studies.lottery_tickets:STUDY",
        "cdr-denoising": "noisewise.studies.cdr_denoising:STUDY",
        "cdr-ablation": "noisewise.studies.cdr_ablation:STUDY",
        "cdr-table": "noisewise.studies.cdr_table:STUDY",
        # learning to learn from noise
        "weight-functions": "noisewise.studies.weight_functions:STUDY",
        "meta-weight-net": "noisewise.studies.meta_weight_net:STUDY",
        "learned-loss": "noisewise.studies.learned_loss:STUDY",
        "trusted-data": "noisewise.studies.trusted_data:STUDY",
        "imbalance": "noisewise.studies.imbalance:STUDY",
        "hypergradient": "noisewise.studies.hypergradient:STUDY",
    },
)


def find(name: str) -> Study:
    """The study of a name in the catalogue, or "module:attribute" for one of your own.

    Raises:
        BadInput: there is none.
    """
    found = load(name) if ":" in name else STUDIES[name]
    if not isinstance(found, Study):
        raise BadInput(f"{name!r} is no study but a {type(found).__name__}")
    return found
