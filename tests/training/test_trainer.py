from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import noisewise as nw
from noisewise.data import Dataset, split
from noisewise.errors import BadInput
from noisewise.training import Config, Method, Training, resume
from noisewise.training.networks import Networks
from noisewise.training.observer import Callbacks, Observer
from noisewise.training.recipe import single


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=150)
    inputs = rng.normal(size=(150, 4)).astype(np.float32)
    inputs[:, 0] += 3 * truth
    test = Dataset(inputs[100:], truth[100:], ("a", "b", "c"))
    return split(Dataset(inputs[:100], truth[:100], ("a", "b", "c"), test=test), validation=0.2)


class Tempered(Method):
    """A target station with one parameter that the objective itself moves."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))

    def penalty(self, batch):
        return (batch.scores.mean(dim=(0, 1)) - self.shift).square().sum()


def training(data, **more):
    return Training(data, "mlp:widths=8", Config(epochs=6, validation=0.0, batch_size=16), **more)


def test_a_fit_may_have_its_own_batch_size(data):
    class Sizes(Method):
        def __init__(self):
            super().__init__()
            self.seen = []

        def observe(self, batch):
            self.seen.append(len(batch))

    run, method = training(data), Sizes()
    learner = run.learner()
    run.fit(learner, method, 1, batch_size=40)
    run.fit(learner, method, 1)
    assert method.seen == [40, 40, 16, 16, 16, 16, 16]
    with pytest.raises(BadInput, match="batch_size=1 must"):
        run.fit(learner, method, 1, batch_size=1)


def test_a_methods_own_parameters_move_with_the_objective_and_resume(data, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", 0.0)
    whole, method = training(data), Tempered()
    single(whole, method)
    assert method.shift.abs().sum() > 0.1

    class Cut(Exception):
        pass

    def stop(row):
        if row["epoch"] == 4:
            raise Cut

    with pytest.raises(Cut):
        single(training(data, folder=tmp_path, observers=[Callbacks(on_epoch=stop)]), Tempered())
    regrad, resumed = training(data, folder=tmp_path, resume=True), Tempered()
    single(regrad, resumed)
    assert torch.equal(resumed.shift, method.shift)
    assert [r["epoch"] for r in regrad.history] == [1, 2, 3, 4, 5, 6]


def test_patience_stops_and_selection_takes_the_best_validation_epoch(data):
    stopped = Training(data, "mlp:widths=8", Config(epochs=60, validation=0.0, batch_size=16, patience=2))
    single(stopped, Method())
    assert 3 <= len(stopped.history) < 60
    accuracies = [r["validation_accuracy"] for r in stopped.history]
    chosen = max(i for i, r in enumerate(stopped.history) if r["selected"])
    assert accuracies[chosen] == max(accuracies)
    assert len(accuracies) - 1 - chosen == 2


def test_a_recipe_remembers_what_it_computed_between_fits(data, tmp_path):
    calls = []

    def recipe(t):
        first = t.fit(t.learner("first"), Method(), 1, record=False)
        value = t.memoize("value", lambda: calls.append(1) or sum(p.sum().item() for p in first.nets.parameters()))
        t.fit(t.learner("main"), Method(), 2)
        t.finish()
        return value

    before = recipe(training(data, folder=tmp_path))
    after = recipe(training(data, folder=tmp_path, resume=True))
    assert before == after
    assert calls == [1]


def test_a_checkpoint_of_another_configuration_is_refused(data, tmp_path):
    first = training(data, folder=tmp_path)
    single(first, Method())
    first.finish()
    with pytest.raises(BadInput, match="another data set, method, model or configuration"):
        Training(data, "mlp:widths=8", Config(epochs=7, validation=0.0, batch_size=16), folder=tmp_path, resume=True)


def test_too_few_rows_are_refused(data):
    with pytest.raises(BadInput, match="at least 2"):
        training(data.take([0]))


def test_a_checkpoint_of_another_method_is_refused(tmp_path):
    settings = {"model": "mlp:widths=8", "epochs": 2, "rows": 200, "out": tmp_path}
    nw.train("digits", "ce", **settings)
    nw.train("digits", "ce", **settings, resume=True)
    with pytest.raises(BadInput, match="another data set, method"):
        nw.train("digits", "gce", **settings, resume=True)


class Constant(torch.nn.Module):
    """Says the same of every row."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, x):
        return self.logits.expand(len(x), -1)


def noting(training):
    """A recipe that trains nothing: two epochs of networks made elsewhere."""
    for epoch in range(2):
        logits = training.memoize(f"logits {epoch}", lambda epoch=epoch: torch.eye(training.classes)[epoch])
        learner = training.add_learner(f"constant {epoch}", Networks([Constant(logits)]))
        training.record_epoch(learner, Method(), seconds=1.5)


def test_a_recipe_may_note_epochs_of_networks_it_made_itself(data):
    training = Training(data, "mlp:widths=8", Config(epochs=1, validation=0.0))
    noting(training)
    assert [row["stage"] for row in training.history] == ["constant 0", "constant 1"]
    given = training.rows.given
    for epoch, row in enumerate(training.history):
        assert row["train_accuracy"] == pytest.approx(float((given == epoch).float().mean()))
    assert training.seconds == 3.0
    assert (training.ledger.seen[training.rows.index] == 2).all()
    assert training.history[1]["prediction_changes"] == 1


def test_noted_epochs_are_not_noted_again_after_an_interruption(data, tmp_path, monkeypatch):
    monkeypatch.setattr("noisewise.training.resume.CHECKPOINT_SECONDS", -1.0)

    def killed(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    interrupted = Training(
        data, "mlp:widths=8", Config(epochs=1), folder=tmp_path, observers=[Callbacks(on_epoch=killed)]
    )
    with pytest.raises(KeyboardInterrupt):
        noting(interrupted)
    resumed = Training(data, "mlp:widths=8", Config(epochs=1), folder=tmp_path, resume=True)
    noting(resumed)
    assert [row["epoch"] for row in resumed.history] == [1, 2]
    assert (resumed.ledger.seen[resumed.rows.index] == 2).all()
    regrad = Training(data, "mlp:widths=8", Config(epochs=1), folder=tmp_path, resume=True)
    noting(regrad)
    assert (regrad.ledger.seen[regrad.rows.index] == 2).all()


class Joins(Method):
    """Trains on the auxiliary rows instead of its own."""

    auxiliary = ("extra",)

    def edit(self, batch, nets, rng):
        self.seen = batch.auxiliary["extra"]
        return batch


def test_rows_may_be_added_under_a_name(data):
    training = Training(data, "mlp:widths=8", Config(epochs=1))
    extra = data.take(np.arange(7))
    training.add("extra", extra)
    method = Joins()
    training.fit(training.learner(), method)
    assert len(method.seen) == 7
    assert set(method.seen.index.tolist()) == set(extra.index.tolist())


def test_rows_that_nobody_added(data):
    training = Training(data, "mlp:widths=8", Config(epochs=1))
    with pytest.raises(BadInput, match="needs extra rows"):
        training.fit(training.learner(), Joins())


class Watched(Method):
    """Keeps the inputs and labels of all rows it was shown, by index."""

    def edit(self, batch, nets, rng):
        for index, x, y in zip(batch.rows.tolist(), batch.x, batch.y.argmax(dim=-1), strict=True):
            self.shown[index] = (x.clone(), int(y))
        return batch

    def __init__(self):
        super().__init__()
        self.shown = {}


def other_version(data):
    """The same rows, upside down and with other labels."""
    return replace(data, inputs=-data.inputs, given=(data.given + 1) % 3, test=None, validation=None)


def test_a_recipe_draws_from_rows_it_added(data):
    whole = training(data)
    whole.add("other", other_version(data))
    learner, there, here = whole.learner(), Watched(), Watched()
    whole.fit(learner, there, 1, split="other")
    whole.fit(learner, here, 1)
    assert set(there.shown) == set(here.shown) == set(data.index.tolist())
    mean, std = whole.rows.normalise.mean, whole.rows.normalise.std
    for index, (x, y) in there.shown.items():
        own, label = here.shown[index]
        assert torch.allclose(x * std + mean, -(own * std + mean), atol=1e-5)
        assert y == (label + 1) % 3
    assert (whole.ledger.seen[whole.ledger.given >= 0] == 2).all()


def test_rows_of_an_added_split_may_be_chosen(data):
    whole, method = training(data), Watched()
    whole.add("other", other_version(data))
    chosen = torch.zeros(whole.task.rows, dtype=torch.bool)
    chosen[torch.tensor(data.index[:9])] = True
    whole.fit(whole.learner(), method, 1, split="other", rows=chosen)
    assert set(method.shown) == set(data.index[:9].tolist())


def test_drawing_from_added_rows_resumes_to_the_same_bits(data, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", 0.0)

    def recipe(t):
        t.add("other", other_version(data))
        t.fit(t.learner(), first := Method(), 3, split="other")
        t.fit(t.learner(), first, 2)
        return torch.cat([p.detach().flatten() for p in t.learner().nets.parameters()])

    class Cut(Exception):
        pass

    for cut in (2, 4):

        def stop(row, cut=cut):
            if row["epoch"] == cut:
                raise Cut

        with pytest.raises(Cut):
            recipe(training(data, folder=tmp_path / str(cut), observers=[Callbacks(on_epoch=stop)]))
        assert torch.equal(recipe(training(data, folder=tmp_path / str(cut), resume=True)), recipe(training(data)))


def test_splits_that_cannot_be_drawn_from(data):
    whole = training(data)
    for name in ("test", "validation"):
        with pytest.raises(BadInput, match="held out"):
            whole.fit(whole.learner(), Method(), 1, split=name)
    with pytest.raises(BadInput, match="needs other rows"):
        whole.fit(whole.learner(), Method(), 1, split="other")
    whole.add("other", replace(data, index=data.index + 1000, test=None, validation=None))
    with pytest.raises(BadInput, match="not known here"):
        whole.fit(whole.learner(), Method(), 1, split="other")
    whole.add("none", replace(data, test=None, validation=None).take(np.array([], dtype=np.int64)))
    with pytest.raises(BadInput, match="only 0 row"):
        whole.fit(whole.learner(), Method(), 1, split="none")


class Notes(Observer):
    """Notes what it is called with, and gives one column."""

    def __init__(self, column):
        self.column, self.calls = column, []

    def before(self, training):
        self.calls.append(("before", len(training.history)))

    def during_epoch(self, share):
        self.calls.append(("during", share))

    def after_epoch(self, training, method):
        self.calls.append(("after", len(training.history), type(method).__name__))
        return {self.column: float(len(training.history))}

    def recorded(self, row):
        self.calls.append(("recorded", row["epoch"], row.get("one"), row.get("two")))


def test_observers_are_called_in_order_and_their_columns_are_in_the_history(data):
    one, two = Notes("one"), Notes("two")
    observed = Training(data, "mlp:widths=8", Config(epochs=2, validation=0.0, batch_size=64), observers=[one, two])
    assert one.calls == [("before", 0)]
    single(observed, Method())
    steps = len([call for call in one.calls if call[0] == "during"]) // 2
    epoch = [("during", (k + 1) / steps) for k in range(steps)]
    ends = [[("after", k, "Method"), ("recorded", k + 1, float(k), float(k))] for k in (0, 1)]
    assert one.calls == two.calls == [("before", 0), *epoch, *ends[0], *epoch, *ends[1]]
    assert [(row["one"], row["two"]) for row in observed.history] == [(0.0, 0.0), (1.0, 1.0)]


def test_an_observer_does_not_change_what_is_trained(data):
    def weights(**options):
        found = Training(data, "mlp:widths=8", Config(epochs=2, validation=0.0, batch_size=16), **options)
        single(found, Method())
        return found.predictor.nets.state_dict()

    alone, observed = weights(), weights(observers=[Notes("one")])
    assert all(torch.equal(value, observed[name]) for name, value in alone.items())


@pytest.mark.parametrize("content", [[], [1], 3, torch.zeros(3), {}])
def test_a_checkpoint_that_holds_something_else_is_damaged(tmp_path, content):
    torch.save(content, tmp_path / resume.FILE)
    with pytest.raises(BadInput, match="damaged"):
        resume.read(tmp_path)
