"""Files are written whole or not at all, and nothing of other people is removed."""

import os
import stat

import pytest

from noisewise.errors import BadInput
from noisewise.files import check_writable, to_json, whole, whole_folder


@pytest.fixture
def mask():
    """Sets the mask of the rights of new files."""
    before = os.umask(0o077)
    yield os.umask
    os.umask(before)


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


@pytest.mark.parametrize("stop", range(4))
def test_a_folder_is_complete_only_with_its_last_file(tmp_path, monkeypatch, stop):
    names = ("issues", "report", "samples", "summary")
    for name in names:
        (tmp_path / name).write_text("old")
    replace, done = os.replace, []

    def killed(*paths):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(paths)
        replace(*paths)

    monkeypatch.setattr(os, "replace", killed)

    def write():
        with whole_folder(tmp_path, last="summary") as folder:
            for name in names:
                (folder / name).write_text("new")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not (tmp_path / "summary").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


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


def test_json_of_characters_that_utf8_lacks():
    assert to_json({"a": "\udce9é"}) == '{\n  "a": "\\udce9é"\n}\n'
    assert to_json("é", plain=True) == '"\\u00e9"\n'
