import os
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import noisewise as nw
from noisewise.auditing.gathering import crossfit, engines
from noisewise.auditing.gathering.crossfit import CrossFit, cross_fit
from noisewise.auditing.gathering.engines import fold_engine, portable, suited
from noisewise.auditing.progress import Progress
from noisewise.compute import LocalEngine, RayEngine, SerialEngine
from noisewise.errors import BadInput
from noisewise.training.config import configured


class Lazy:
    """Inputs that are read when they are asked for."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, positions):
        return self.array[positions]


@pytest.fixture(scope="module")
def data():
    return nw.corrupt(nw.subset(nw.load("digits"), 300, 0), "symmetric:0.2").blind()


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def evidence(data, engine=None, model="mlp:widths=32", on_progress=None, **settings):
    config = configured(2, 0, {"device": "cpu", **settings})
    return cross_fit(data, CrossFit(model, config=config), engine, Progress(on_progress))


def assert_same(found, expected):
    assert np.array_equal(found.probabilities, expected.probabilities)
    assert set(found.ledger) == set(expected.ledger)
    for name, values in expected.ledger.items():
        assert np.array_equal(found.ledger[name], values), name


class Recording(SerialEngine):
    """An engine that trains the last fold first, in this process."""

    def __init__(self):
        object.__setattr__(self, "seen", [])

    def map(self, function, items):
        for fold in reversed(items):
            self.seen.append(function.data)
            yield fold, function(fold)


@pytest.mark.usefixtures("one_thread")
def test_folds_do_not_depend_on_their_order(data):
    engine = Recording()
    assert_same(evidence(data, engine), evidence(data))
    assert [data.truth for data in engine.seen] == [None] * 3


@pytest.mark.usefixtures("one_thread")
def test_processes_give_the_same_bits_and_say_how_far_they_are(data):
    shares = []
    assert_same(evidence(data, LocalEngine(2, threads=1), on_progress=shares.append), evidence(data))
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_long_work_on_a_cpu_goes_to_processes_and_balances(monkeypatch):
    cpu, seconds = torch.device("cpu"), engines.LONG
    monkeypatch.setattr(engines, "cores", lambda: 64)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert suited(seconds, 3, cpu) == LocalEngine(3, threads=1)
    assert suited(seconds, 10, cpu) == LocalEngine(2, threads=1)
    assert suited(seconds / 2, 3, cpu) == SerialEngine(1)
    assert suited(seconds, 3, torch.device("meta")) == SerialEngine()
    assert suited(seconds, 1, cpu, 3) == SerialEngine(1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert suited(seconds, 2, cpu, 3) == LocalEngine(2, threads=5)
    assert suited(seconds, 1, cpu, 3) == SerialEngine(5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert suited(seconds, 3, cpu) == SerialEngine(1)


def test_the_threads_of_this_process_are_as_before(data):
    before, seen = torch.get_num_threads(), []

    def watching(inputs, classes, *_):
        seen.append(torch.get_num_threads())
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(inputs)), classes))

    torch.set_num_threads(3)
    try:
        evidence(data, model=watching)
        assert torch.get_num_threads() == 3
        evidence(data, SerialEngine(), model=watching)
    finally:
        torch.set_num_threads(before)
    assert seen == [1] * (len(seen) // 2) + [3] * (len(seen) // 2)


@pytest.mark.usefixtures("one_thread")
def test_what_cannot_be_sent_is_trained_here_where_nobody_chose_processes(data, monkeypatch):
    lock = threading.Lock()

    def bound(inputs, classes, *_):
        with lock:
            return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(inputs)), classes))

    expected = evidence(data, SerialEngine(), model=bound)
    monkeypatch.setattr(crossfit, "suited", lambda *about: LocalEngine(2, threads=1))
    assert_same(evidence(data, model=bound), expected)


@pytest.mark.usefixtures("one_thread")
def test_processes_take_models_that_are_no_names(data):
    def small(inputs, classes, *_):
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(inputs)), classes))

    assert_same(evidence(data, LocalEngine(2, threads=1), model=small), evidence(data, model=small))


def test_what_a_fold_raises_in_a_process_is_raised_here(data):
    with pytest.raises(nw.Diverged):
        evidence(data, LocalEngine(2, threads=1), lr=1e30)
    with pytest.raises(BadInput, match="lenet"):
        evidence(data, LocalEngine(2, threads=1), model="lenets")


@pytest.mark.slow
def test_a_process_that_is_killed_and_a_model_that_cannot_travel_are_one_sentence(data):
    def deadly(*_):
        os._exit(1)

    lock = threading.Lock()

    def bound(*_):
        lock.acquire()

    with pytest.raises(BadInput, match="sent to other processes"):
        evidence(data, LocalEngine(2, threads=1), model=bound)
    with pytest.raises(BadInput, match=r"killed.*workers=2"):
        evidence(data, LocalEngine(2, threads=1), model=deadly)


def test_engines_by_name():
    assert fold_engine("local") is None
    assert fold_engine("local", 1) == SerialEngine()
    assert fold_engine("local", 2) == LocalEngine(2, threads=1)
    assert fold_engine("ray", 2, gpu=False) == RayEngine(2, gpu=False)
    engine = Recording()
    assert fold_engine(engine, 5) is engine


@pytest.mark.parametrize(("engine", "workers"), [("cloud", None), ("local", 0), ("ray", -1)])
def test_bad_engines_are_refused(engine, workers):
    with pytest.raises(BadInput, match=r"engine='cloud'|workers="):
        fold_engine(engine, workers)


def test_an_audit_refuses_before_it_trains(data):
    with pytest.raises(BadInput, match=r"engine='cloud'.*local, ray"):
        nw.audit(data, engine="cloud")
    with pytest.raises(BadInput, match="workers=0"):
        nw.audit(data, workers=0)


def test_lazy_inputs_travel_as_arrays(data):
    lazy = replace(data, inputs=Lazy(data.inputs), test=replace(data, inputs=Lazy(data.inputs[::-1]), test=None))
    found = portable(lazy)
    assert isinstance(found.inputs, np.ndarray)
    assert np.array_equal(found.inputs, data.inputs)
    assert np.array_equal(found.test.inputs, data.inputs[::-1])
    assert portable(data).inputs is data.inputs


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_ray_gives_the_same_bits(data, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    from noisewise.compute.ray import cluster

    lazy, shares = replace(data, inputs=Lazy(data.inputs)), []
    expected = evidence(data)
    with cluster(2):
        assert_same(evidence(lazy, RayEngine(2), on_progress=shares.append), expected)
        with pytest.raises(nw.Diverged):
            evidence(data, RayEngine(2), lr=1e30)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_an_audit_on_ray_loses_nothing_when_a_worker_dies_in_a_fold(data, monkeypatch, tmp_path):
    pytest.importorskip("ray", reason="needs the extra ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    from noisewise.compute.ray import cluster

    mark, here = tmp_path / "died", os.getpid()

    class Dying(nn.Module):
        """A linear model; the first process that trains it dies in the middle."""

        def __init__(self, inputs, classes):
            super().__init__()
            self.linear, self.steps = nn.Linear(int(np.prod(inputs)), classes), 0

        def forward(self, x):
            self.steps += 1
            if self.steps == 5 and os.getpid() != here and not mark.exists():
                mark.touch()
                os._exit(1)
            return self.linear(x.flatten(1))

    def dying(inputs, classes, *_):
        return Dying(inputs, classes)

    expected = evidence(data, model=dying)
    with cluster(2):
        assert_same(evidence(data, RayEngine(2), model=dying), expected)
    assert mark.exists()
