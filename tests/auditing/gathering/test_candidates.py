"""Every candidate of the catalogue: its predictions are held out, and its cost is counted."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

import noisewise as nw
from noisewise.auditing.gathering import compare as comparing
from noisewise.auditing.gathering.candidates.catalogue import PREDICTORS
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task, Trial
from noisewise.auditing.gathering.candidates.regression import STRENGTHS, standardised
from noisewise.auditing.gathering.candidates.softmax import path, rotated
from noisewise.auditing.gathering.candidates.views import COLUMNS, ROWS, View, ranks
from noisewise.auditing.gathering.compare import Entry, compare, entries, within
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import SILENT
from noisewise.data import Dataset
from noisewise.data.texts import Texts
from noisewise.errors import BadInput


class Fixed(Task):
    """A task whose folds do not depend on the labels."""

    @cached_property
    def fold(self):
        return np.arange(len(self)) % self.folds


def blobs(n=150, classes=3, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    inputs = (2 * np.eye(classes)[labels] + rng.normal(size=(n, classes))).astype(np.float32)
    given = np.where(rng.random(n) < noise, (labels + 1) % classes, labels)
    return Dataset(inputs, given, tuple("abcdefgh"[:classes]))


def view_of(predictor, data):
    if predictor.views == ("rows",):
        return data
    return np.exp(data.inputs) if predictor.views == ("words",) else data.inputs  # words have no negative weights


def predictions(name, task):
    found = PREDICTORS[name].predict(view_of(PREDICTORS[name], task.data), task, SILENT)
    return found.finish(SILENT) if isinstance(found, Trial) else found


PLAN = AuditPlan(epochs=2)


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictions_are_distributions_better_than_guessing(name):
    task = Fixed(blobs(), PLAN)
    found = predictions(name, task)
    assert found.probabilities.shape == (150, 3)
    assert (found.probabilities >= 0).all()
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (found.probabilities.argmax(axis=1) == task.labels).mean() > 0.45
    again = predictions(name, Fixed(blobs(), PLAN))
    assert np.array_equal(again.probabilities, found.probabilities)


@pytest.mark.parametrize("name", [name for name in PREDICTORS if name != "networks"])
def test_a_rows_own_label_does_not_change_its_prediction(name):
    data = blobs()
    given = data.given.copy()
    given[7] = (given[7] + 1) % 3
    task, changed = (Fixed(one, PLAN) for one in (data, replace(data, given=given)))
    before, after = (predictions(name, one) for one in (task, changed))
    if before.note == after.note:  # the same settings were chosen
        others = np.flatnonzero(task.fold == task.fold[7]) if name != "neighbours" else [7]
        # the frequencies of all labels, which smooth the votes of neighbours, move by 1/150 of a vote
        np.testing.assert_allclose(after.probabilities[others], before.probabilities[others], atol=1e-2 / 3)
    assert before.note == after.note


@pytest.mark.parametrize("name", [name for name in PREDICTORS if name != "networks"])
def test_a_class_of_one_row_is_not_predicted_for_it(name):
    data = blobs(noise=0)
    given = data.given.copy()
    given[given == 2] = 1
    given[11] = 2
    assert predictions(name, Fixed(replace(data, given=given), PLAN)).probabilities[11, 2] < 0.01


@pytest.mark.parametrize("name", PREDICTORS)
def test_costs_are_counted_and_grow(name):
    cost = PREDICTORS[name].cost
    assert 0 < cost((500, 10), 3, 5) < cost((5000, 10), 3, 5) < cost((50_000, 10), 3, 5)
    assert cost((500, 10), 3, 5) == cost((500, 10), 3, 5)


def test_every_candidate_is_listed_for_some_data():
    names = set()
    texts = Dataset(Texts(["one two three", "four five six"] * 5, "text"), np.arange(10) % 2, ("a", "b"), "text")
    for data in (blobs(), nw.load("digits").blind(), texts):
        names |= {entry.name.split(" on ")[0] for entry in entries(Task(data, AuditPlan()))}
    assert names == set(PREDICTORS)


def entry(name, cost, probabilities=None, view=None, trial=None):
    def predict(values, task, progress):
        found = Predicted(
            np.full((len(task), task.classes), 1 / task.classes) if probabilities is None else probabilities
        )
        if trial is None:
            return found
        return Trial(np.arange(len(task)) < len(task) // 2, trial[: len(task) // 2], lambda progress: found)

    return Entry(name, Predictor(("rows",), lambda *_: cost, predict), view or ROWS)


def test_the_budget_is_spent_from_cheap_to_costly():
    task = Task(blobs(), AuditPlan())
    listed = [entry("dear", 50), entry("cheap", 1), entry("middling", 20)]
    chosen, skipped = within(task, listed, 30)
    assert [one.name for one in chosen] == ["cheap", "middling"]
    assert [one.name for one in skipped] == ["dear"]
    assert skipped[0].note == "not run: about 50 s on one core, and the budget has 9 s left"
    assert [one.name for one in within(task, listed, 0)[0]] == ["cheap"]
    assert len(within(task, listed, np.inf)[0]) == 3


def test_a_view_is_paid_for_once():
    task = Task(blobs(), AuditPlan())
    view = View("costly", ROWS.make, lambda task: 3, lambda task: 10.0)
    listed = [entry("first", 1, view=view), entry("second", 2, view=view)]
    assert len(within(task, listed, 14)[0]) == 2
    assert [one.name for one in within(task, listed, 12)[0]] == ["first"]
    free = replace(view, required=lambda task: True)
    assert len(within(task, [replace(one, view=free) for one in listed], 4)[0]) == 2


def test_a_costly_candidate_stops_where_its_first_part_earns_no_weight():
    data = blobs(600, noise=0)
    right = np.where(np.eye(3)[data.given] > 0, 0.8, 0.1)
    useless = np.random.default_rng(0).dirichlet([1, 1, 1], 600)
    task = Task(data, AuditPlan())
    found = compare(task, [entry("good", 1, right), entry("slow", 9, right, trial=useless)], np.inf)
    assert [(one.name, one.weight) for one in found.candidates] == [("guessing", 0), ("good", 1), ("slow", 0)]
    assert found.candidates[2].note == "stopped: no weight on the rows of its first fold"
    other = compare(task, [entry("good", 1, useless), entry("slow", 9, right, trial=right)], np.inf)
    assert [(one.name, one.weight) for one in other.candidates[1:]] == [("slow", 1), ("good", 0)]


def test_a_candidate_without_finite_predictions_is_left_out():
    data = blobs(600, noise=0)
    right, broken = np.where(np.eye(3)[data.given] > 0, 0.8, 0.1), np.full((600, 3), np.nan)
    task = Task(data, AuditPlan())
    found = compare(task, [entry("good", 1, right), entry("broken", 2, broken)], np.inf)
    assert [(one.name, one.weight) for one in found.candidates] == [("guessing", 0), ("good", 1), ("broken", 0)]
    assert found.candidates[2].note == "left out: its predictions are not all finite"
    with pytest.raises(BadInput, match="finite"):
        compare(task, [entry("broken", 2, broken)], np.inf)


@pytest.mark.parametrize("budget,names", [("quick", 4), ("thorough", 7)])
def test_more_budget_runs_more(budget, names):
    data = blobs(40_000, classes=8)
    listed = entries(Task(data, AuditPlan(budget=budget)))
    chosen, skipped = within(Task(data, AuditPlan()), listed, comparing.allowed(Task(data, AuditPlan(budget=budget))))
    assert len(listed) == 7
    assert len(chosen) == names
    assert all(one.note for one in skipped)


def test_regression_is_that_of_scikit_learn():
    data = blobs(300)
    rows, others = standardised(data.inputs[:200]), standardised(data.inputs[:200])[:50] + 0.1
    for values in (rows, sparse.csr_matrix(rows)):
        found = list(path(values, data.given[:200], 3, STRENGTHS[:8], others))
        for strength, probabilities in zip(STRENGTHS[:8], found, strict=True):
            model = LogisticRegression(C=strength, tol=1e-8, max_iter=1000).fit(rows, data.given[:200])
            np.testing.assert_allclose(probabilities, model.predict_proba(others), atol=2e-3)


def test_rotation_does_not_change_a_regression():
    wide = np.random.default_rng(0).normal(size=(60, 90)).astype(np.float32)
    labels = blobs(60).given
    axes = rotated(wide)
    assert axes.shape[1] <= 60
    np.testing.assert_allclose(axes @ axes.T, wide @ wide.T, atol=1e-3)
    (first,), (second,) = (list(path(x[:50], labels[:50], 3, [0.01], x[50:])) for x in (wide, axes))
    np.testing.assert_allclose(first, second, atol=5e-3)


def test_a_slip_does_not_move_the_ranks_of_others():
    data = blobs(100)
    inputs = data.inputs.copy()
    inputs[inputs[:, 0].argmax(), 0] = 40_000
    before, after = (ranks(Task(replace(data, inputs=x), AuditPlan()), SILENT) for x in (data.inputs, inputs))
    assert np.array_equal(before, after)
    assert COLUMNS.width(Task(data, AuditPlan())) == 3


@pytest.mark.parametrize("n", [2, 3, 4, 12])
def test_few_rows_are_no_error(n):
    data = Dataset(np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32), np.arange(n) % 2, ("a", "b"))
    found = nw.audit(data, conditions=False)
    assert np.isfinite(found.suspicion).all()
    notes = {one.name: one.note for one in found.candidates}
    assert notes["networks"] == "not run: it needs at least 30 rows"


def test_an_encoder_is_refused_for_rows_that_it_cannot_read():
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    with pytest.raises(BadInput, match="embed='mine' is for texts and images, but data is a vector"):
        nw.audit(nw.Dataset(rows, np.arange(60) % 3, ("a", "b", "c")), embed="mine")
