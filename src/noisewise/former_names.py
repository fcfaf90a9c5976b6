"""Former names of modules. Stored results and specs that name them stay valid.

The result of a computation lies in a folder named by a hash of its function's name. A function that moves to another
module keeps the name under which its results were computed.
"""

from __future__ import annotations

# All of these were once modules of `noisewise.studies` itself.
_STUDIES = {
    "frame": "study results perform report",
    "harness": "trainings pairs curves followed noisy_fits weighting deficits interpolation",
    "random_labels": "fitting_random_labels explicit_regularization implicit_regularization "
    "finite_sample_expressivity minimum_norm rademacher uniform_stability",
    "training_phases": "two_phases early_learning detecting_noise coteaching critical_periods critical_plans "
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
_FORMER = {present: former for former, present in MOVED.items()}


def present_name(module: str) -> str:
    """The module's present name, where `module` may be a former one."""
    return MOVED.get(module, module)


def stable_name(module: str) -> str:
    """The name under which results of the module's functions are kept: its first name."""
    return _FORMER.get(module, module)
