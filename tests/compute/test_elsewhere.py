"""Machines that share no files: what a task reads goes there once, what it wrote comes back whole."""

from dataclasses import dataclass

import pytest

from noisewise.compute import SerialEngine, read, run
from noisewise.compute.computation import WORK
from noisewise.errors import BadInput
from noisewise.files import lease


class Away(SerialEngine):
    """An engine that claims not to see this machine's files."""

    shares_files = False


@dataclass(frozen=True)
class Copy:
    """Writes what it was given, or else what it is called, into a file."""

    key: str
    input_name: str
    reads = []

    @property
    def title(self):
        return self.key

    def read_input(self):
        self.reads.append(self.input_name)
        if self.input_name == "far":
            raise BadInput("not here")
        return self.input_name * 2

    def finished(self, folder):
        return (folder / "deep" / "text").exists()

    def compute(self, folder):
        self.compute_from(folder, self.key)

    def compute_from(self, folder, given):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "text").write_text(given)


def test_inputs_are_read_once_and_what_is_not_here_is_looked_for_there(tmp_path):
    Copy.reads.clear()
    tasks = [Copy("a", "near"), Copy("b", "near"), Copy("c", "far")]
    assert [done.error for done in run(tasks, tmp_path, Away())] == [None] * 3
    assert Copy.reads == ["near", "far"]
    assert [(tmp_path / key / "deep" / "text").read_text() for key in "abc"] == ["nearnear", "nearnear", "c"]
    assert all(done.cached for done in run(tasks, tmp_path, Away()))
    assert Copy.reads == ["near", "far"], "what is done needs no input"


def test_tasks_of_functions_come_back_too(work):
    failing, task = work.task("fails", words="last line"), work.task("everything", value=7)
    ended = list(run([failing, task], work.folder, Away()))
    assert [done.error for done in ended] == ["ValueError: last line", None]
    assert read(task, work.folder / task.key)["history"]["loss"].tolist() == [0.5, 0.25]
    assert not (work.folder / failing.key).exists()


def test_what_another_holds_is_waited_for_and_what_is_sent_is_held(work):
    held_up, other = work.counted(1, 2)
    with lease(work.folder / WORK / f"{held_up.key}.lock"):
        running = run([held_up, other], work.folder, Away())
        assert next(running).task == other
        held_up.compute(work.folder / held_up.key)
    assert next(running).cached


def test_a_task_that_is_sent_is_held(work):
    (task,) = work.counted(1)
    seen = []

    class Looking(Away):
        def map(self, function, items):
            for number, item in enumerate(items):
                with lease(work.folder / WORK / f"{item.key}.lock") as held:
                    seen.append(held)
                yield number, function(item)

    assert len(list(run([task], work.folder, Looking()))) == 1
    assert seen == [False]
    with lease(work.folder / WORK / f"{task.key}.lock") as held:
        assert held


def test_a_killed_process_leaves_no_temporary_folder(work, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    class Interrupted(Away):
        def map(self, function, items):
            next(iter(items))
            (tmp_path / "temporary" / f"{function.prefix}left").mkdir()
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        list(run(work.counted(1), work.folder, Interrupted()))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        list(run([Copy("a", "near")], tmp_path / "file", Away()))
