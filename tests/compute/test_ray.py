import os
import signal
import socket
import threading
import time

import pytest

from noisewise.compute import Lost, RayEngine, Task, Unsendable, read, run
from noisewise.compute import ray as module
from noisewise.compute.ray import cluster
from noisewise.errors import BadInput


@pytest.fixture
def nothing_runs(monkeypatch, tmp_path):
    """No cluster is named, none was left running."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    return tmp_path


class Pretend:
    """As much of the module `ray` as connecting needs."""

    def __init__(self):
        self.asked, self.shut = [], 0

    def is_initialized(self):
        return False

    def init(self, **options):
        self.asked.append(options)

    def shutdown(self):
        self.shut += 1

    def cluster_resources(self):
        return {"CPU": 8.0}


@pytest.fixture
def pretend(monkeypatch):
    ray = Pretend()
    monkeypatch.setattr(module, "_imported", lambda: ray)
    return ray


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def connected(**options):
    said = []
    with cluster(say=said.append, **options):
        pass
    return said


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BadInput, match=r"noisewise\[ray\]"), cluster():
        pass


@pytest.mark.usefixtures("nothing_runs")
def test_a_cluster_of_this_machine_is_started_where_none_runs(pretend):
    assert connected(workers=3) == ["ray: no cluster is running, so one of this machine alone was started"]
    (asked,) = pretend.asked
    assert (asked["address"], asked["num_cpus"]) == ("local", 3)
    assert pretend.shut == 1


@pytest.mark.usefixtures("nothing_runs")
def test_the_named_cluster_is_used(pretend, monkeypatch, listening):
    monkeypatch.setenv("RAY_ADDRESS", listening)
    assert connected(workers=3) == [f"ray: 8 CPUs of the cluster at {listening}"]
    assert pretend.asked[0]["address"] == listening
    assert "num_cpus" not in pretend.asked[0]


def test_the_cluster_that_runs_here_is_found_and_one_that_was_killed_is_not(pretend, nothing_runs, listening):
    (nothing_runs / "ray").mkdir()
    (nothing_runs / "ray" / "ray_current_cluster").write_text(listening + "\n")
    connected()
    (nothing_runs / "ray" / "ray_current_cluster").write_text("127.0.0.1:1\n")
    connected()
    assert [asked["address"] for asked in pretend.asked] == [listening, "local"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no owners of files")
def test_a_cluster_that_another_user_wrote_down_is_not_believed(pretend, nothing_runs, listening, monkeypatch):
    (nothing_runs / "ray").mkdir()
    (nothing_runs / "ray" / "ray_current_cluster").write_text(listening + "\n")
    known = os.fstat

    def of(owner):
        monkeypatch.setattr(os, "fstat", lambda file: os.stat_result([*known(file)[:4], owner, *known(file)[5:]]))
        connected()
        return pretend.asked[-1]["address"]

    assert of(os.getuid() + 1000) == "local"
    assert of(0) == of(os.getuid()) == listening


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere", "127.0.0.1:99999999"])
def test_an_address_where_nobody_answers_is_refused_before_ray_waits_for_it(monkeypatch, pretend, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(BadInput, match="RAY_ADDRESS=" + address), cluster():
        pass
    assert pretend.asked == []


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("failure", [ConnectionError("no\nway"), SystemExit(15)])
def test_a_cluster_that_refuses_is_one_sentence(pretend, monkeypatch, listening, failure):
    def refuse(**options):
        raise failure

    monkeypatch.setenv("RAY_ADDRESS", listening)
    monkeypatch.setattr(pretend, "init", refuse)
    with pytest.raises(BadInput, match=listening) as caught, cluster():
        pass
    assert "\n" not in str(caught.value)
    assert "RAY_AUTH_MODE=token" in str(caught.value)


def slow_square(number):
    time.sleep(0.05 * (3 - number))
    return number**2


def fail(kind):
    raise BadInput("no such thing") if kind == "bad" else ZeroDivisionError("by zero")


def die(code):
    os._exit(code)


def die_once(mark):
    if not os.path.exists(mark):
        open(mark, "w").close()
        os._exit(1)
    return "alive"


@pytest.fixture(scope="module")
def ray():
    pytest.importorskip("ray", reason="needs the extra ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        with cluster(2) as found:
            yield found


@pytest.mark.slow
def test_results_come_with_their_number_and_errors_as_they_were_raised(ray, tmp_path):
    with cluster() as same:
        assert same is ray
    assert ray.is_initialized()
    assert sorted(RayEngine(2).map(slow_square, range(4))) == [(n, n**2) for n in range(4)]
    (_, bad), (_, other) = sorted(RayEngine().map(fail, ["bad", "other"]))
    assert type(bad) is BadInput
    assert str(bad) == "no such thing"
    assert type(other) is ZeroDivisionError
    assert list(RayEngine().map(die_once, [str(tmp_path / "mark")])) == [(0, "alive")]
    assert list(RayEngine().map(slow_square, [])) == []
    lock = threading.Lock()
    with pytest.raises(Unsendable, match="sent to other machines"):
        list(RayEngine().map(lambda item: lock, [1]))


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_an_item_that_cannot_be_sent_is_its_own_error():
    found = dict(RayEngine(1).map(str, [0, threading.Lock(), 2]))
    assert (found[0], found[2]) == ("0", "2")
    assert isinstance(found[1], Unsendable)
    assert "lock cannot be sent to another machine" in str(found[1])
    assert "\n" not in str(found[1])


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_tasks_of_functions_are_computed_there_and_kept_here(tmp_path):
    tasks = [Task("json:loads", {"s": text}) for text in ('{"a": 1}', "{")]
    good, bad = sorted(run(tasks, tmp_path, RayEngine()), key=lambda done: tasks.index(done.task))
    assert read(tasks[0], good.folder)["a"] == 1
    assert bad.error.startswith("JSONDecodeError")
    assert not bad.folder.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_a_task_that_always_dies_is_given_up():
    ((_, error),) = RayEngine().map(die, [1])
    assert isinstance(error, Lost)
    assert "lost the work 4 times" in str(error)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def log_and_wait(item):
    """Says that an item has begun, and ends when it may."""
    log, number = item
    with open(log, "a") as file:
        file.write(f"{number} {os.getpid()}\n")
    if number in (0, 1) and not os.path.exists(f"{log}.go"):
        time.sleep(600)
    return number**2


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_a_worker_that_is_killed_in_the_middle_of_a_grid_loses_nothing(tmp_path):
    log = tmp_path / "log"
    found = {}

    def compute():
        found.update(RayEngine(2).map(log_and_wait, [(str(log), number) for number in range(6)]))

    grid = threading.Thread(target=compute)
    grid.start()
    wait_for(lambda: log.exists() and len(log.read_text().split("\n")) > 2)
    begun = dict(reversed(line.split()) for line in log.read_text().splitlines())
    (tmp_path / "log.go").touch()
    for process in begun:
        os.kill(int(process), signal.SIGKILL)
    grid.join(240)
    assert found == {number: number**2 for number in range(6)}
    started = [int(line.split()[0]) for line in log.read_text().splitlines()]
    assert sorted(started) == [0, 0, 1, 1, 2, 3, 4, 5], "only what was under way is repeated"
