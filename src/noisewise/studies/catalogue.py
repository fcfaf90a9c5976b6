"""The names of studies. Adding one is a TOML file, a Python file and one line here."""

from __future__ import annotations

from noisewise.catalogue import Catalogue
from noisewise.studies.frame.study import Study

STUDIES = Catalogue(
    "study",
    {
        # fitting random labels
        "fitting-random-labels": "noisewise.studies.random_labels.fitting_random_labels:STUDY",
        "explicit-regularization": "noisewise.studies.random_labels.explicit_regularization:STUDY",
        "implicit-regularization": "noisewise.studies.random_labels.implicit_regularization:STUDY",
        "finite-sample-expressivity": "noisewise.studies.random_labels.finite_sample_expressivity:STUDY",
        "minimum-norm": "noisewise.studies.random_labels.minimum_norm:STUDY",
        "rademacher": "noisewise.studies.random_labels.rademacher:STUDY",
        "uniform-stability": "noisewise.studies.random_labels.uniform_stability:STUDY",
        # noise through training
        "two-phases": "noisewise.studies.training_phases.two_phases:STUDY",
        "early-learning": "noisewise.studies.training_phases.early_learning:STUDY",
        "detecting-noise": "noisewise.studies.training_phases.detecting_noise:STUDY",
        "coteaching": "noisewise.studies.training_phases.coteaching:STUDY",
        "critical-periods": "noisewise.studies.training_phases.critical_periods:STUDY",
        "fisher-phases": "noisewise.studies.training_phases.fisher_phases:STUDY",
        "adversarial-training": "noisewise.studies.training_phases.adversarial_training:STUDY",
        # theory of why
        "wide-network-dynamics": "noisewise.studies.theory.wide_network_dynamics:STUDY",
        "neural-tangent-kernel": "noisewise.studies.theory.neural_tangent_kernel:STUDY",
        "dataset-complexity": "noisewise.studies.theory.dataset_complexity:STUDY",
        "spectral-bias": "noisewise.studies.theory.spectral_bias:STUDY",
        "noise-frequency": "noisewise.studies.theory.noise_frequency:STUDY",
        "influence": "noisewise.studies.theory.influence:STUDY",
        # noise that helps
        "spurious-optima": "noisewise.studies.helpful_noise.spurious_optima:STUDY",
        "noise-and-flatness": "noisewise.studies.helpful_noise.noise_and_flatness:STUDY",
        # robust early learning
        "early-learning-memorization": "noisewise.studies.robust_early_learning.early_learning_memorization:STUDY",
        "lottery-tickets": "noisewise.studies.robust_early_learning.lottery_tickets:STUDY",
        "effective-parameters": "noisewise.studies.robust_early_learning.effective_parameters:STUDY",
        "cdr-denoising": "noisewise.studies.robust_early_learning.cdr_denoising:STUDY",
        "cdr-ablation": "noisewise.studies.robust_early_learning.cdr_ablation:STUDY",
        "cdr-table": "noisewise.studies.robust_early_learning.cdr_table:STUDY",
        # learning to learn from noise
        "weight-functions": "noisewise.studies.meta_learning.weight_functions:STUDY",
        "meta-weight-net": "noisewise.studies.meta_learning.meta_weight_net:STUDY",
        "learned-loss": "noisewise.studies.meta_learning.learned_loss:STUDY",
        "weighting-table": "noisewise.studies.meta_learning.weighting_table:STUDY",
        "trusted-data": "noisewise.studies.meta_learning.trusted_data:STUDY",
        "imbalance": "noisewise.studies.meta_learning.imbalance:STUDY",
        "hypergradient": "noisewise.studies.meta_learning.hypergradient:STUDY",
    },
    groups=("noisewise.studies",),
    refusal="noisewise.studies.frame.study:refusal",
)


def find(name: str) -> Study:
    """The study of a name in the catalogue, or "module:attribute" for one of your own.

    Raises:
        BadInput: there is no such study.
    """
    found: Study = STUDIES[name]
    return found
