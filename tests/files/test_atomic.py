"""Files are written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from noisewise.errors import BadInput
from noisewise.files import check_writable, final, fresh_folder, whole, whole_folder


@pytest.fixture
def mask():
    """Sets the mask of the rights of new files."""
    before = os.umask(0o077)
    yield os.umask
    os.umask(before)


@pytest.fixture
def watched(monkeypatch):
    """What is flushed and renamed, in this order, by the number of the file or folder."""
    calls, fsync = [], os.fsync

    def flushed(file):
        calls.append(("fsync", os.fstat(file).st_ino))
        fsync(file)

    def noting(name):
        before = getattr(os, name)

        def moved(source, target):
            calls.append((name, os.lstat(source).st_ino))
            before(source, target)

        return moved

    monkeypatch.setattr(os, "fsync", flushed)
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, noting(name))
    return calls


@pytest.mark.parametrize("rights, expected", [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_rights_are_those_of_the_users_files(tmp_path, mask, rights, expected):
    mask(rights)
    with whole(tmp_path / "a.txt") as path:
        path.write_text("a")
    with whole_folder(tmp_path / "f") as folder:
        (folder / "b.txt").write_text("b")
        (folder / "private").touch(mode=0o600)  # as some libraries do
    for path in (tmp_path / "a.txt", tmp_path / "f" / "b.txt", tmp_path / "f" / "private"):
        assert stat.S_IMODE(path.stat().st_mode) == expected


def test_a_folder_of_the_same_name_keeps_what_others_put_there(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    (tmp_path / "data" / "0.png").write_text("old")
    with whole_folder(tmp_path) as folder:
        (folder / "data").mkdir()
        (folder / "data" / "0.png").write_text("new")
    assert (tmp_path / "data" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "data" / "0.png").read_text() == "new"


@pytest.mark.parametrize("path", ["/proc/x", "a\0b", "a" * 300, "file/below", "\ud800"])
def test_paths_that_cannot_be_written(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for write in (lambda: whole(f"{path}/x.txt"), lambda: whole_folder(path)):
        with pytest.raises(BadInput, match="cannot write"), write():
            pass
    with pytest.raises(BadInput, match="cannot write"):
        check_writable(path)


def test_checking_leaves_nothing(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, watched):
    with whole(tmp_path / "a.txt") as path:
        path.write_text("a")
        written = path.stat().st_ino
    assert watched == [("fsync", written), ("replace", written), ("fsync", tmp_path.stat().st_ino)]


def test_all_files_of_a_folder_are_on_the_disk_before_the_rename_that_counts(tmp_path, watched):
    with whole_folder(tmp_path) as folder:
        (folder / "a").write_text("a")
        (folder / "deep").mkdir()
        (folder / "deep" / "b").write_text("b")
        written = {path.stat().st_ino for path in (folder / "a", folder / "deep", folder / "deep" / "b", folder)}
    at = [name for name, _ in watched].index("rename")
    assert written <= {number for name, number in watched[:at] if name == "fsync"}
    assert "replace" not in [name for name, _ in watched[:at]]
    assert watched[at + 1] == ("fsync", tmp_path.stat().st_ino)


def test_all_files_of_a_fresh_folder_are_on_the_disk_before_its_rename(tmp_path, watched):
    with fresh_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("a")
        written = (folder / "a").stat().st_ino
    assert [name for name, _ in watched].index("replace") > watched.index(("fsync", written))
    assert (tmp_path / "out" / "a").read_text() == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_fresh_folder_does_not_replace_what_is_there(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(BadInput, match="cannot write"), fresh_folder(tmp_path / "out") as folder:
        (folder / "a").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


def test_a_folder_of_many_files_is_written_at_once(tmp_path, monkeypatch):
    synced, sync = [], os.sync
    monkeypatch.setattr(os, "sync", lambda: synced.append(sync()))
    monkeypatch.setattr("noisewise.files.temporaries._MANY", 2)
    with whole_folder(tmp_path) as folder:
        for name in "abc":
            (folder / name).touch()
    assert synced


def test_folders_that_cannot_be_flushed_are_written_all_the_same(tmp_path, monkeypatch):
    fsync = os.fsync

    def refused(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EIO, "no such thing")
        fsync(file)

    monkeypatch.setattr(os, "fsync", refused)
    with whole_folder(tmp_path) as folder:
        (folder / "a").write_text("a")
    assert (tmp_path / "a").read_text() == "a"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence_and_the_old_files_stay(tmp_path, monkeypatch, call):
    (tmp_path / "a").write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(BadInput, match=r"cannot write .*: No space left on device"), whole(tmp_path / "a") as path:
        path.write_text("new")
    monkeypatch.undo()
    monkeypatch.setattr(os, {"replace": "rename"}.get(call, call), full)
    with pytest.raises(BadInput, match=r"cannot write .*: No space left on device"), whole_folder(tmp_path) as folder:
        (folder / "a").write_text("new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


@pytest.mark.parametrize("there, wanted", [("a/mine", "a"), ("a", "a/b")])
def test_a_folder_and_a_file_of_one_name_change_nothing(tmp_path, there, wanted):
    for name in (there, "z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")

    def replace():
        with whole_folder(tmp_path, last="z") as folder:
            (folder / wanted).parent.mkdir(exist_ok=True)
            (folder / wanted).write_text("new")
            (folder / "z").write_text("new")

    with pytest.raises(BadInput, match="cannot write"):
        replace()
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {there, "z"}
    assert (tmp_path / "z").read_text() == "old"


def test_where_a_file_will_be(tmp_path):
    with whole_folder(tmp_path) as folder:
        with whole(folder / "a") as inside:
            assert final(folder / "a") == tmp_path / "a"
            inside.touch()
        assert final(folder / "deep" / "a") == folder / "deep" / "a"
    assert final(tmp_path / "a") == tmp_path / "a"
    assert final(Path("a")) == Path("a")
