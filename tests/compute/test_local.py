"""The engine of this machine: once, whole, by several writers, in spite of failures and deaths."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from noisewise.compute import LocalEngine, Lost, Unsendable, read, run
from noisewise.compute.computation import WORK
from noisewise.errors import BadInput
from noisewise.files import lease

SCRIPT = """
import sys
from pathlib import Path
from noisewise.compute import LocalEngine, Task, run
log, folder = sys.argv[1], Path(sys.argv[2])
tasks = [Task("work_functions:counted", {"log": log, "value": v, "seconds": 0.3}) for v in range(6)]
ended = list(run(tasks, folder, LocalEngine(2)))
assert len(ended) == 6 and not any(done.error for done in ended), ended
"""
STEPS = """
import sys
from pathlib import Path
from noisewise.compute import LocalEngine, Task, run
list(run([Task("work_functions:steps", {"log": sys.argv[1], "count": 25})], Path(sys.argv[2]), LocalEngine(1)))
"""


def started(work, script):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(work.code), *sys.path])}
    command = [sys.executable, "-c", script, str(work.log), str(work.folder)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_everything_is_computed_once(work):
    tasks = work.counted(1, 2, 3)
    first = list(run(tasks[:2], work.folder, LocalEngine(2)))
    again = list(run([*tasks, tasks[2]], work.folder, LocalEngine(2)))
    assert sorted(done.cached for done in first) == [False, False]
    assert sorted(done.cached for done in again) == [False, True, True, True]
    assert sorted(work.log.read_text().split()) == ["1", "2", "3"]
    assert [read(task, work.folder / task.key)["square"] for task in tasks] == [1, 4, 9]
    assert {path.name for path in work.folder.iterdir()} == {WORK, *(task.key for task in tasks)}


def test_two_writers_share_the_work(work):
    both = [started(work, SCRIPT) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert sorted(work.log.read_text().split()) == list("012345")


def test_a_failure_stops_nothing_else_and_says_why(work):
    tasks = [work.task("fails", words="last line"), work.task("killed"), work.task("leaves"), *work.counted(4)]
    ended = {done.task.key: done for done in run(tasks, work.folder, LocalEngine(1))}
    errors = [ended[task.key].error for task in tasks]
    assert errors[0] == "ValueError: last line"
    assert errors[1] == "the process was ended by SIGKILL, perhaps for lack of memory"
    assert errors[2:] == ["SystemExit: enough", None]
    assert "Traceback" in (work.folder / WORK / f"{tasks[0].key}.failed").read_text()
    assert [(work.folder / task.key).exists() for task in tasks] == [False, False, False, True]


def test_a_task_that_succeeds_later_leaves_no_failure(work):
    (task,) = work.counted(5)
    failed = work.folder / WORK / f"{task.key}.failed"
    work.log.mkdir()
    (done,) = run([task], work.folder, LocalEngine(1))
    assert done.error.startswith("IsADirectoryError")
    assert failed.exists()
    work.log.rmdir()
    (done,) = run([task], work.folder, LocalEngine(1))
    assert done.error is None
    assert not failed.exists()


def test_a_killed_writer_leaves_work_that_is_gone_on_with(work):
    process = started(work, STEPS)
    wait_for(lambda: work.log.exists() and len(work.log.read_text().split()) >= 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    task = work.task("steps", log=str(work.log), count=25)
    assert not task.finished(work.folder / task.key)
    (done,) = run([task], work.folder, LocalEngine(1))
    assert done.error is None
    numbers = [int(number) for number in work.log.read_text().split()]
    assert sorted(set(numbers)) == list(range(25))
    assert len(numbers) <= 26, "only the step that was under way may be repeated"
    assert not Path(read(task, done.folder)["scratch"]).exists()


def test_closing_the_iterator_ends_what_is_under_way(work):
    tasks = [*work.counted(1), *work.counted(2, seconds=600.0)]
    running = run(tasks, work.folder, LocalEngine(2))
    next(running)
    before = time.monotonic()
    running.close()
    assert time.monotonic() - before < 30
    with lease(work.folder / WORK / f"{tasks[1].key}.lock") as held:
        assert held


def test_what_another_holds_is_waited_for_while_the_rest_goes_on(work):
    held_up, other = work.counted(1, 2)
    with lease(work.folder / WORK / f"{held_up.key}.lock") as held:
        assert held
        running = run([held_up, other], work.folder, LocalEngine(1))
        assert next(running).task == other
        held_up.compute(work.folder / held_up.key)
    last = next(running)
    assert (last.task, last.cached) == (held_up, True)
    running.close()


def test_processes_share_the_cores(work, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = os.cpu_count() or 1
    for workers, threads in ((cores, 1), (1, cores)):
        task = work.task("threads")
        folder = work.folder / str(workers)
        list(run([task], folder, LocalEngine(workers)))
        assert read(task, folder / task.key)["threads"] == str(threads)
        if cores == 1:
            return


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("0", None), ("many", None), ("64", None)])
def test_processes_have_no_more_threads_than_the_environment_says(work, monkeypatch, said, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    task = work.task("threads")
    list(run([task], work.folder, LocalEngine(1)))
    assert read(task, work.folder / task.key)["threads"] == str(threads or os.cpu_count())


def test_bad_input(work, tmp_path):
    with pytest.raises(BadInput, match="workers=0 must be a whole number of at least 1"):
        LocalEngine(0)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        list(run(work.counted(1), tmp_path / "file", LocalEngine(1)))
    assert list(run([], work.folder, LocalEngine(1))) == []


def test_what_cannot_be_sent_is_a_failure(work):
    task = work.task("killed")
    object.__setattr__(task, "unsendable", lambda: 0)
    (done,) = run([task], work.folder, LocalEngine(1))
    assert "cannot be sent to another process" in done.error


def test_results_errors_and_deaths_come_with_the_number_of_their_item():
    factor = np.arange(3.0)

    def scaled(item):
        if item == 0:
            os._exit(7)
        if item == 1:
            raise Refused("one", "two")
        if item == 2:
            return threading.Lock()
        factor[0] += item
        return factor * item, torch_free()

    found = dict(LocalEngine(2, threads=1).map(scaled, range(5)))
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert (type(found[0]), str(found[0])) == (Lost, "the process ended with exit code 7")
    assert isinstance(found[1], Unsendable), "an exception that cannot be rebuilt comes as a sentence"
    assert "Refused" in str(found[1])
    assert isinstance(found[2], Unsendable)
    assert found[4][0].tolist()[1:] == [4.0, 8.0]
    assert factor.tolist() == [0.0, 1.0, 2.0], "changes to the function's arrays stay in the process"


class Sticky:
    """It is pickled, but cannot be rebuilt."""

    def __reduce__(self):
        return int, ("x",)


def test_a_result_that_cannot_be_rebuilt_is_its_items_error():
    found = dict(LocalEngine(1, threads=1).map(lambda item: Sticky() if item == 1 else item, range(3)))
    assert (found[0], found[2]) == (0, 2)
    assert isinstance(found[1], Unsendable)
    assert "cannot be rebuilt from what a process sent: ValueError: invalid literal" in str(found[1])


def test_the_last_words_of_a_process_are_cut_short():
    def talks(item):
        sys.stderr.write("x" * 5000)
        sys.stderr.flush()
        os._exit(1)

    ((_, error),) = LocalEngine(1, threads=1).map(talks, [0])
    assert str(error) == "x" * 297 + "..."


class Refused(Exception):
    def __init__(self, first, second):
        super().__init__(first)


def torch_free():
    return "torch" not in sys.modules


def test_a_function_that_cannot_be_sent_is_refused():
    lock = threading.Lock()
    with pytest.raises(Unsendable, match="cannot be sent to other processes"):
        list(LocalEngine(1).map(lambda item: lock, [1]))


def test_items_are_taken_when_there_is_room():
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    running = LocalEngine(1).map(lambda number: time.sleep(600 * number), items())
    assert next(running) == (0, None)
    wait_for(lambda: taken == [0, 1])
    time.sleep(0.3)
    running.close()
    assert taken == [0, 1]


def test_an_error_of_the_items_is_raised():
    def items():
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(LocalEngine(1).map(abs, items()))
