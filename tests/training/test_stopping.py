"""Rules that choose an epoch without clean labels, on hand-made histories, and on a training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import noisewise as nw
from noisewise.errors import BadInput
from noisewise.training.history import RULES, agreement_plateau, best_validation, first_minimum, label_wave


def history(**columns):
    """Rows from columns of equal length."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_validation_takes_the_first_of_the_best():
    assert best_validation(history(validation_accuracy=[0.1, 0.5, 0.4, 0.5, 0.2])) == 1


def test_validation_without_validation_rows_takes_the_last():
    assert best_validation(history(train_accuracy=[0.1, 0.5, 0.4])) == 2


def test_label_wave_takes_the_first_valley_of_the_average_not_a_later_deeper_one():
    changes = [1.0, 0.6, 0.3, 0.2, 0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.0, 0.0, 0.0]
    assert label_wave(history(prediction_changes=changes)) == 5
    averages = [np.mean(changes[i - 2 : i + 1]) for i in range(2, 8)]
    assert int(np.argmin(averages)) + 2 == 5


def test_a_single_low_value_is_no_valley():
    changes = [1.0, 0.9, 0.1, 0.9, 0.8, 0.7, 0.5, 0.4, 0.6, 0.8, 1.0]
    assert label_wave(history(prediction_changes=changes)) == 8


def test_agreement_takes_the_plateau_between_learning_and_memorising():
    accuracy = [0.1, 0.4, 0.5, 0.55, 0.57, 0.58, 0.585, 0.59, 0.62, 0.66, 0.71, 0.77]
    assert agreement_plateau(history(train_accuracy=accuracy)) == 7


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_rule_that_has_passed_its_valley_stays_with_it(values):
    chosen = [first_minimum(values[:n]) for n in range(1, len(values) + 1)]
    moves = [i for i, c in enumerate(chosen) if c == i]
    assert all(c == max(m for m in moves if m <= i) for i, c in enumerate(chosen))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_every_rule_chooses_an_epoch_that_was_there(values):
    rows = history(validation_accuracy=values, prediction_changes=values, train_accuracy=values)
    assert all(0 <= rule(rows) < len(rows) for rule in RULES.values())


@pytest.mark.parametrize("rule", RULES)
def test_a_run_keeps_the_epoch_of_its_rule_and_reports_all(rule):
    run = nw.train("digits", "ce", model="mlp:widths=16", epochs=8, corrupt="symmetric:0.4", select=rule, rows=400)
    assert run.metrics["selected_epoch"] == run.metrics["selection"][rule]["epoch"]
    assert run.metrics["selection"].keys() == RULES.keys()
    assert run.metrics["test_accuracy_selected"] == run.metrics["selection"][rule]["test_accuracy"]
    assert run.history["prediction_changes"].iloc[0] == 1


def test_an_unknown_rule():
    with pytest.raises(BadInput, match="select='oracle' must be one of validation, label-wave, agreement, last"):
        nw.train("digits", "ce", epochs=1, select="oracle")
