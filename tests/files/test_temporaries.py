"""What killed writers left is removed; living writers and people's files are left alone."""

import threading
import time
from pathlib import Path

import pytest
from tests.files.killing import contents, hidden, waiting, write

from noisewise.files import fresh_folder, publishing, temporaries, whole, whole_folder
from noisewise.files.temporaries import WRITING


def in_folder(folder):
    """Begin to write a folder."""
    return whole_folder(folder)


def in_file(folder):
    """Begin to write a file."""
    return whole(folder / "a.pt")


def beside(folder):
    """Begin to write a folder in this one."""
    return fresh_folder(folder / "new")


@pytest.mark.parametrize("begin", [in_folder, in_file, beside])
@pytest.mark.parametrize("next_one", [in_folder, in_file, beside])
def test_a_living_writer_is_left_alone_and_a_killed_one_is_swept(tmp_path, begin, next_one):
    def work(wait):
        with begin(tmp_path):
            wait()

    with waiting(work):
        (before,) = hidden(tmp_path)
        with next_one(tmp_path):
            assert before in hidden(tmp_path)
    assert before in hidden(tmp_path)
    with next_one(tmp_path):
        assert before not in hidden(tmp_path)
    assert hidden(tmp_path) == []


def test_two_writers_of_one_folder(tmp_path):
    first = {"a": "first", "b": "first", "only": "first"}
    second = {"a": "second", "b": "second"}
    with whole_folder(tmp_path) as one:
        write(one, first)
        with whole_folder(tmp_path, stale=("only",)) as two:
            write(two, second)
        assert contents(tmp_path) == second
    assert contents(tmp_path) == first
    assert hidden(tmp_path) == []


def test_many_writers_at_once_leave_no_mixture(tmp_path):
    def work(name):
        for number in range(10):
            with whole_folder(tmp_path, last="a") as folder:
                write(folder, dict.fromkeys("abcdef", f"{name}{number}"))
            with whole(tmp_path / "single") as file:
                file.write_text(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = contents(tmp_path)
    assert found.pop("single") in ("x", "y", "z")
    assert set(found) == set("abcdef")
    assert len(set(found.values())) == 1
    assert hidden(tmp_path) == []


def test_one_publishes_after_the_other(tmp_path, monkeypatch):
    finish, order = publishing._finish, []

    def slow(room):
        order.append("begins")
        time.sleep(0.1)
        finish(room)
        order.append("ends")

    def work():
        with whole_folder(tmp_path) as folder:
            write(folder, {"a": "", "b": ""})

    monkeypatch.setattr(publishing, "_finish", slow)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == ["begins", "ends"] * 2


def test_what_only_looks_like_ours_stays(tmp_path):
    mine = [f"{WRITING}mine", f"{WRITING}{'0' * 16}/thesis", ".0123456789abcdef.pt", ".writing.mine/a"]
    write(tmp_path, dict.fromkeys(mine, "mine"))
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / f"{WRITING}{'1' * 16}").symlink_to(tmp_path / "elsewhere")
    with whole(tmp_path / "a"), whole_folder(tmp_path):
        pass
    assert [(tmp_path / name).read_text() for name in mine] == ["mine"] * 4
    assert (tmp_path / f"{WRITING}{'1' * 16}").read_text() == "mine"


def test_an_empty_folder_of_a_writer_killed_at_its_start_is_swept(tmp_path):
    (tmp_path / f"{WRITING}{'0' * 16}").mkdir()
    with whole(tmp_path / "a"):
        pass
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("begin", [in_folder, in_file])
def test_a_temporary_that_is_swept_before_it_is_locked_is_made_again(tmp_path, monkeypatch, begin):
    lock, swept = temporaries.lock, []

    def late(file, *, wait=False):
        if wait and not swept:
            swept.extend(hidden(tmp_path))
            temporaries.sweep(tmp_path)
        return lock(file, wait=wait)

    monkeypatch.setattr(temporaries, "lock", late)
    with begin(tmp_path) as path:
        assert path.exists()
        assert len(swept) == 1
        assert hidden(tmp_path) != swept
    assert hidden(tmp_path) == []


def test_without_locks_nothing_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(temporaries, "LOCKS", False)
    left = Path(tmp_path / f"{WRITING}{'0' * 16}")
    left.touch()
    with whole_folder(tmp_path) as folder:
        (folder / "a").touch()
    assert left.exists()
