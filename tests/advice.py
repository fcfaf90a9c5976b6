"""What to do when a check that runs over a whole catalogue fails; printed below the failure."""

import pytest

METHODS = {
    "test_every_entry_has_a_case": (
        "Write a Case in the file of its family in tests/methods/cases: its spec with settings for four epochs, "
        "how it is made within a step, and what it reaches on digits."
    ),
    "test_the_neutral_setting_is_cross_entropy": (
        "`neutral=` of the case is a setting at which the method does nothing, such as a weight of 0. Leave it "
        "out where there is none."
    ),
    "test_the_other_setting_is_not": (
        "With its usual settings the method ends at the weights of cross entropy: either it changes nothing, or "
        "the `step` of its case has a neutral setting."
    ),
    "test_judging_is_pure": (
        "`target`, `loss`, `weight` and `penalty` must give the same when called twice and write nothing: move "
        "what they write to `observe` (after a step) or `refit` (after an epoch), and draw random numbers in "
        "`edit` alone."
    ),
    "test_rows_may_come_in_any_order": (
        "A row's loss or weight depends on its place in the batch. Look memories up by `batch.rows`, and reduce "
        "over rows only by sums, means or sorted values."
    ),
    "test_an_edit_that_draws_nothing_does_not_mind_the_order": (
        "The edit depends on the order of the rows. If it draws random numbers, state `draws=True` in the case."
    ),
    "test_classes_have_no_names": (
        "The objective changes when classes are renamed. Treat all classes alike; a value per class belongs into "
        "a buffer called `memory`, with the classes on its last axis, or into `info` of the batch."
    ),
    "test_memories_follow_the_index": (
        "Write a memory per row at `batch.rows`, not at positions in the batch, and leave all other rows as they are."
    ),
    "test_huge_logits_stay_finite": (
        "Logits of 10,000 give infinity or NaN. Use log_softmax, logsumexp, log1p and expm1, and clamp a "
        "probability before its logarithm or a negative power."
    ),
    "test_float64_gradients_are_right": (
        "Autograd and differences disagree. If the objective has a jump or a kink (it sorts, selects or "
        "compares), state `smooth=` in the case: a setting at which it has none. If not, something is detached "
        "that should not be, or computed in float32."
    ),
    "test_the_same_draws_give_the_same_weights": (
        "Two runs with one generator must agree, and with another one differ exactly if the case states "
        "`draws=True`. Draw from the `rng` that `edit` receives, never from the global state."
    ),
    "test_mixed_rows_lose_their_index": (
        "State `mixes_rows = True` if the edit mixes rows, and set `index=None` in the batch that it returns."
    ),
    "test_the_card_is_complete": (
        "`idea` has two sentences, `equation` is not empty, `relative_cost` is at least 1. A citation only for "
        "published work: the paper with its year, and in the module's docstring its first author and the number "
        "of the equation, algorithm or theorem. What is not published has the paper '-'."
    ),
    "test_what_needs_trusted_rows_says_so": (
        "`auxiliary = ('trusted',)` and `needs_trusted=True` on the card go together."
    ),
    "test_interrupted_and_resumed_is_uninterrupted": (
        "A resumed training ends elsewhere. Everything that is remembered must be a parameter or a buffer "
        "(register_buffer in `prepare`), and a recipe keeps what it computes between fits by `training.memoize`."
    ),
    "test_checkpoints_of_different_epochs_differ": (
        "An epoch left the weights as they were: the recipe records it without training, or every weight of a row "
        "was 0."
    ),
    "test_the_seed_decides": (
        "Equal seeds must end at equal bits and other seeds elsewhere: use `config.seed_of(...)` or the generator "
        "that is given, never the global state."
    ),
    "test_a_last_batch_of_one_row": (
        "The last batch has one row: no variance, no quantile of others, no BatchNorm pass of your own in "
        "training mode over it."
    ),
    "test_rare_and_missing_classes": "A class has one row, another none: guard divisions by a class's count.",
    "test_a_users_module_on_images_in_half_precision": (
        "Under autocast losses must be computed in float32: start from `batch.scores`, which is, and give "
        "memories a type of their own."
    ),
    "test_the_truth_changes_nothing": (
        "The method has seen the true labels: it may use what Training, LearningTask and Batch give, which hold none."
    ),
    "test_learns": (
        "The case states what is reached on digits with 40 % wrong labels, less 0.04. Print it with `-s`; if it "
        "is below 0.8, the method or its defaults do not work at ten epochs."
    ),
    "test_the_card_counts_the_passes": (
        "`forwards` and `backwards` of the card are passes per training row, counted with default options; `-s` "
        "prints what was counted. If they need other options, state `counted=` in the case."
    ),
}
CORRUPTIONS = {
    "test_the_card_is_complete_and_its_example_works": (
        "`name` as in the catalogue, an `example` that starts with it and can be applied, `does` in one line; "
        "`paper` ends with a year, or is '-' for what is not published."
    ),
    "test_only_the_given_labels_of_the_training_split_change": (
        "Return `relabel(data, given)`; copy `data.given` before you write into it."
    ),
    "test_only_inputs_change": (
        "A corruption whose card says changes='inputs' leaves labels, truth and index as they are."
    ),
    "test_only_which_rows_there_are_changes": "Return `data.take(rows)` with one more record.",
    "test_the_seed_decides_and_the_global_generator_does_not": "Draw from the `rng` that `apply` receives.",
    "test_the_seed_alone_decides_inputs_and_rows": "Draw from the `rng` that `apply` receives.",
    "test_instances_are_frozen_and_equal_by_their_parameters": "Make it a `@dataclass(frozen=True)`.",
    "test_a_rate_lies_between_0_and_1": "Derive it from `Checked` and state `bounds = {'rate': SHARE}`.",
}
DETECTORS = {
    "test_its_card_names_it": "`name` as in the catalogue; `does` is a sentence with a full stop.",
    "test_finds_easy_errors": "Higher must be more suspect: perhaps the sign is wrong.",
    "test_follows_the_rows_and_ignores_class_names": (
        "A score must move with its row and not depend on class numbers."
    ),
    "test_is_finite_at_extremes": "Probabilities of 0 and 1 and constant features must give finite scores.",
    "test_asks_for_statistics_that_exist": "`statistics` of the card are names of `Ledger.statistics()`.",
    "test_says_what_it_lacks": "State in `needs` of the card every part of the evidence that the function reads.",
}
PROBES = {
    "test_cards_are_complete": (
        "Every column that is measured stands in `columns` of the card with its unit; `measures` and `cost` are "
        "not empty; a paper, or '-'."
    ),
    "test_measuring_does_not_change_the_network_or_random_state": (
        "Use `stateless_forward` and the generator of the subject, and leave mode, buffers and gradients of the "
        "network as they were."
    ),
    "test_a_measurement_repeats": "Draw from `subject.rng` alone.",
}
ADVICE = METHODS | CORRUPTIONS | DETECTORS | PROBES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add what to do to the report of a failed check."""
    report = yield
    text = ADVICE.get(getattr(item.function, "__name__", ""))
    if report.when == "call" and report.failed and text:
        report.sections.append(("what to do", text))
    return report
