"""Former names of modules and functions, which keep stored results and specs valid.

The result of a computation is stored in a folder named by a hash of its function's name. A function that moves or is
renamed keeps the name under which its results were computed.
"""

from __future__ import annotations

# All of these were once modules of `noisewise.studies` itself.
_STUDIES = {
    "frame": "study results perform report",
    "harness": "pairs weighting deficits interpolation",
    "random_labels": "fitting_random_labels explicit_regularization implicit_regularization "
    "finite_sample_expressivity minimum_norm rademacher uniform_stability",
    "training_phases": "two_phases early_learning detecting_noise coteaching critical_periods "
    "fisher_phases adversarial_training attacks",
    "theory": "wide_network_dynamics neural_tangent_kernel dataset_complexity spectral_bias influence",
    "helpful_noise": "spurious_optima noise_and_flatness descents",
    "robust_early_learning": "robust_early early_learning_memorization lottery_tickets cdr_denoising "
    "cdr_ablation cdr_table",
    "meta_learning": "weight_functions meta_weight_net learned_loss trusted_data imbalance hypergradient",
}
MOVED = {
    f"noisewise.studies.{name}": f"noisewise.studies.{folder}.{name}"
    for folder, names in _STUDIES.items()
    for name in names.split()
}
MOVED |= {
    "noisewise.studies.trainings:trained": "noisewise.studies.harness.fit:trained",
    "noisewise.studies.curves:curve": "noisewise.studies.harness.fit:curve",
    "noisewise.studies.followed:followed": "noisewise.studies.harness.fit:redrawn_curve",
    "noisewise.studies.noisy_fits:followed": "noisewise.studies.harness.fit:trained_on_drawn",
}
_FORMER = {present: former for former, present in MOVED.items()}


def present_name(target: str) -> str:
    """The present "module:name" of a target, whose module or function may have a former name."""
    return _translate(target, MOVED)


def stable_name(target: str) -> str:
    """The "module:name" under which results of a function are stored: its first name."""
    return _translate(target, _FORMER)


def _translate(target: str, names: dict[str, str]) -> str:
    module, colon, name = target.partition(":")
    return names.get(target, f"{names.get(module, module)}{colon}{name}")
