"""The engine of the present process keeps the promises of `run` that need no second process."""

import os

import pytest

from noisewise.compute import SerialEngine, read, run
from noisewise.compute.build import build
from noisewise.compute.computation import WORK
from noisewise.errors import BadInput
from noisewise.files import lease


def test_everything_is_computed_once_in_this_process(work):
    tasks = [*work.counted(1, 2), work.task("steps", log=str(work.log), count=0)]
    first = list(run(tasks[:1], work.folder, SerialEngine()))
    again = list(run([*tasks, tasks[1]], work.folder, SerialEngine()))
    assert [done.cached for done in [*first, *again]] == [False, True, False, False, True]
    assert work.log.read_text().split() == ["1", "2"]
    assert read(tasks[2], work.folder / tasks[2].key)["pid"] == os.getpid()


def test_a_failure_stops_nothing_else_and_says_why(work):
    tasks = [work.task("fails", words="last line"), work.task("leaves"), *work.counted(4)]
    errors = [done.error for done in run(tasks, work.folder, SerialEngine())]
    assert errors == ["ValueError: last line", "SystemExit: enough", None]
    assert "Traceback" in (work.folder / WORK / f"{tasks[0].key}.failed").read_text()


def test_what_another_holds_is_waited_for_while_the_rest_goes_on(work):
    held_up, other = work.counted(1, 2)
    with lease(work.folder / WORK / f"{held_up.key}.lock"):
        running = run([held_up, other], work.folder, SerialEngine())
        assert next(running).task == other
        held_up.compute(work.folder / held_up.key)
    assert next(running).cached


def test_errors_come_as_they_were_raised():
    error = KeyError("x")

    def fail(item):
        raise error

    assert list(SerialEngine().map(fail, [0])) == [(0, error)]


@pytest.mark.parametrize(
    "name, workers, words",
    [("cloud", None, "serial, local, ray"), ("serial", 2, "one call at a time"), ("local", 0, "at least 1")],
)
def test_engines_that_are_refused(name, workers, words):
    with pytest.raises(BadInput, match=words):
        build(name, workers)


def test_engines_by_name():
    assert build("serial", 1) == SerialEngine()
    assert build("local", 3).workers == 3
    assert build("ray", 2, gpu=False).gpu is False
