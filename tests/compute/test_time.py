"""Computing until a time is over, and going on later."""

import itertools

import pytest

from noisewise import allowance
from noisewise.allowance import Allowance, OutOfTime, Pace, allowing
from noisewise.compute import LocalEngine, RayEngine, SerialEngine, read, run
from noisewise.errors import BadInput


@pytest.fixture
def clock(monkeypatch):
    """A clock whose time is set: `clock.time`."""

    class Clock:
        time = 0.0

    monkeypatch.setattr(allowance, "now", lambda: Clock.time)
    return Clock


def test_a_pace_begins_no_piece_that_would_end_too_late(clock):
    stored = []
    with allowing(Allowance(until=10.0)):
        pace = Pace()
        for clock.time in (0.0, 3.0, 6.0):
            pace.begin(lambda: stored.append(clock.time))
        clock.time = 7.0
        pace.begin(lambda: stored.append(clock.time))
        clock.time = 9.0
        with pytest.raises(OutOfTime):
            pace.begin(lambda: stored.append(clock.time))
        assert stored == [9.0]
        clock.time = 9.9
        Pace().begin(list)  # how long its first piece takes is not known
        clock.time = 10.0
        with pytest.raises(OutOfTime):
            Pace().begin(list)
    Pace().begin(list)
    assert allowance.present() == Allowance()


@pytest.mark.parametrize("engine", [SerialEngine(), LocalEngine(1)])
def test_no_task_is_started_when_the_time_is_over(work, engine):
    tasks = [work.task("everything", value=value) for value in range(3)]
    (first,) = run(tasks[:1], work.folder, engine)
    assert not first.left
    ended = list(run(tasks, work.folder, engine, Allowance(until=allowance.now() - 1)))
    assert [(done.cached, done.left, done.error) for done in ended] == [(True, False, None)] + [(False, True, None)] * 2
    assert [done.left for done in run(tasks, work.folder, engine, Allowance(until=allowance.now() + 60))] == [False] * 3


def test_tasks_end_where_they_can_go_on(work, monkeypatch):
    """Every look at the clock takes a second, so the time is over within the run."""
    ticks = itertools.count()
    monkeypatch.setattr(allowance, "now", lambda: float(next(ticks)))
    task = work.task("paced", log=str(work.log), count=6)
    sessions, left = 0, True
    while left:
        (done,) = run([task], work.folder, SerialEngine(), Allowance(until=next(ticks) + 6.0))
        left, sessions = done.left, sessions + 1
        assert done.error is None
    assert sessions == 3
    assert work.log.read_text().split() == ["0", "1", "2", "3", "4", "5"]
    assert read(task, done.folder)["first"] > 0


def test_a_time_limit_is_refused_where_nothing_is_kept(work):
    with pytest.raises(BadInput, match="a time limit needs runs that are stored on this machine"):
        next(run([work.task("everything", value=1)], work.folder, RayEngine(), Allowance(until=1.0)))
