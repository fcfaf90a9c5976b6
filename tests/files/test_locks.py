"""Locks: given to one, free after its holder, whose file is removed; and folders that one process writes to."""

import errno
import os
import threading

import pytest
from tests.files.killing import waiting

from noisewise.errors import BadInput
from noisewise.files import lease, locks, occupied


def test_a_lock_is_given_to_one_and_free_after_its_holder(tmp_path):
    with lease(tmp_path / "a") as first:
        with lease(tmp_path / "a") as second:
            assert (first, second) == (True, False)
        with lease(tmp_path / "b") as other:
            assert other
    with lease(tmp_path / "a") as again:
        assert again
    assert list(tmp_path.iterdir()) == []


def test_many_that_wait_hold_it_one_after_the_other(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(50):
            with lease(tmp_path / "a", wait=True) as held:
                inside.append(held)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 200
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    lock, calls = locks.lock, []

    def late(file, *, wait=False):
        if not calls:  # its last holder ends between the opening and the locking
            (tmp_path / "a").unlink()
        calls.append(file)
        return lock(file, wait=wait)

    monkeypatch.setattr(locks, "lock", late)
    with lease(tmp_path / "a") as held:
        assert held
        assert (tmp_path / "a").exists()
        assert len(calls) == 2


def test_a_forked_copy_does_not_keep_what_is_released(tmp_path):
    file = os.open(tmp_path / "a", os.O_CREAT | os.O_RDWR)
    assert locks.lock(file)
    with waiting(lambda wait: wait()):
        locks.release(file)
        other = os.open(tmp_path / "a", os.O_RDWR)
        assert locks.lock(other)
        locks.release(other)


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refused(file, *, wait=False):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "lock", refused)
    with pytest.raises(OSError, match="No locks"), lease(tmp_path / "a"):
        pass
    with lease(tmp_path / "a", needed=False) as held:
        assert held


def test_a_folder_is_written_by_one(tmp_path):
    with occupied(tmp_path / "out"):
        with pytest.raises(BadInput, match=r"out is being written by another process"), occupied(tmp_path / "out"):
            pass
        with occupied(tmp_path / "other"), occupied(None):
            pass
    with occupied(tmp_path / "out"):
        (tmp_path / "out" / "a").touch()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/a"]


def test_a_folder_is_free_when_its_writer_was_killed(tmp_path):
    def work(wait):
        with occupied(tmp_path):
            wait()

    with waiting(work), pytest.raises(BadInput, match="another process"), occupied(tmp_path):
        pass
    with occupied(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".noisewise-lock"]
    assert list(tmp_path.iterdir()) == []
