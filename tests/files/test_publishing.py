"""Killed at any moment, a writer leaves the old files or the new ones, or what the next one makes the new ones."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.files.killing import contents, hidden, killed_at, write

from noisewise.errors import BadInput
from noisewise.files import publishing, recover, whole_folder

OLD = {"issues": "old", "report": "old", "complete": "old", "figure-a.png": "old", "gone": "old", "data/0": "old"}
NEW = {"issues": "new", "report": "new", "complete": "new", "figure-b.png": "new", "data/0": "new", "data/1": "new"}
MINE = {"thesis": "mine", "figure-me.png": "mine", "data/mine": "mine"}
STALE = ("gone", "never", "figure-[a-z].png")


def publish(folder: Path, files: dict[str, str], stale=STALE, last="complete") -> None:
    """Write files to a folder, all or none."""
    with whole_folder(folder, stale=stale, last=last) as writing:
        write(writing, files)


class Killed(BaseException):
    """Nothing catches this."""


def interrupted(change, left):
    """A function that raises after `left` calls."""

    def call(*paths):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        change(*paths)

    return call


def interrupt(folder: Path) -> None:
    """Publish NEW in a folder and be killed right behind the rename that counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "_finish", interrupted(publishing._finish, [0]))
        with pytest.raises(Killed):
            publish(folder, NEW)


def test_stale_files_go_and_those_of_people_stay(tmp_path):
    write(tmp_path, OLD | MINE)
    publish(tmp_path, NEW)
    assert contents(tmp_path) == NEW | MINE
    assert hidden(tmp_path) == []


def test_folders_are_never_stale(tmp_path):
    write(tmp_path, {"gone/mine": "mine", "figure-a.png/mine": "mine"})
    publish(tmp_path, NEW)
    assert contents(tmp_path) == NEW | {"gone/mine": "mine", "figure-a.png/mine": "mine"}


def test_a_stale_link_goes_and_what_it_leads_to_stays(tmp_path):
    write(tmp_path, {"elsewhere/mine": "mine"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "gone").symlink_to(tmp_path / "elsewhere")
    publish(tmp_path / "out", NEW)
    assert not os.path.lexists(tmp_path / "out" / "gone")
    assert (tmp_path / "elsewhere" / "mine").exists()


def test_every_moment_of_a_kill(tmp_path):
    seen = []
    for k in range(200):
        folder = tmp_path / str(k)
        write(folder, OLD | MINE)
        killed = killed_at(k, lambda folder=folder: publish(folder, NEW))
        left = contents(folder)
        if "complete" in left:  # what others take for complete is so, before it is recovered
            assert left in (OLD | MINE, NEW | MINE)
        recover(folder)
        found = contents(folder)
        assert found in (OLD | MINE, NEW | MINE)
        seen.append(found == NEW | MINE)
        publish(folder, {"issues": "third"})
        assert hidden(folder) == []
        if not killed:
            break
    assert not killed
    assert seen == sorted(seen)  # from one moment on it is the new ones
    assert 5 < sum(seen) < len(seen) - 2


def test_every_moment_of_a_kill_while_it_is_recovered(tmp_path):
    for k in range(50):
        folder = tmp_path / str(k)
        write(folder, OLD | MINE)
        interrupt(folder)
        killed = killed_at(k, lambda folder=folder: recover(folder))
        recover(folder)
        recover(folder)
        assert contents(folder) == NEW | MINE
        if not killed:
            break
    assert not killed
    assert k > 8


@pytest.mark.parametrize("k", range(7))
def test_an_exception_on_the_way_frees_the_folder(tmp_path, monkeypatch, k):
    write(tmp_path, OLD | MINE)
    left = [k]
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, interrupted(getattr(os, name), left))
    with pytest.raises(Killed):
        publish(tmp_path, NEW)
    monkeypatch.undo()
    assert contents(tmp_path) == OLD | MINE if k == 0 else "complete" not in contents(tmp_path)
    recover(tmp_path)
    assert contents(tmp_path) == (NEW | MINE if k else OLD | MINE)
    assert hidden(tmp_path) == []


NAMES = st.sampled_from(["a", "b", "c", "complete", "d/a", "d/b", "d/e/a", "figure-a.png", "figure-b.png"])
FILES = st.dictionaries(NAMES, st.text(max_size=3).filter(lambda text: "\r" not in text), max_size=6)


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])  # smaller examples take minutes
@given(
    old=FILES,
    new=FILES,
    stale=st.sets(st.sampled_from(["a", "b", "figure-?.png", "*"]), max_size=3),
    last=st.sampled_from(["", "complete", "a", "d"]),
    k=st.integers(0, 30),
    again=st.integers(0, 15),
)
def test_any_files_and_any_moment(old, new, stale, last, k, again):
    expected = {name: text for name, text in old.items() if "/" in name or not is_stale(name, stale, new)} | new
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, old)
        killed = killed_at(k, lambda: publish(folder, new, stale, last))
        killed_at(again, lambda: recover(folder))
        recover(folder)
        assert contents(folder) in ((old, expected) if killed else (expected,))
        publish(folder, {"z": ""}, ())
        assert hidden(folder) == []


def is_stale(name, stale, new):
    """Whether a file at the top goes."""
    figure = name.startswith("figure-") and "figure-?.png" in stale
    return name not in new and ("*" in stale or name in stale or figure)


def test_the_next_writer_finishes_what_was_interrupted(tmp_path):
    write(tmp_path, OLD | MINE)
    interrupt(tmp_path)
    with whole_folder(tmp_path) as folder:
        assert contents(tmp_path) == NEW | MINE
        write(folder, {"issues": "third"})
    assert contents(tmp_path) == NEW | MINE | {"issues": "third"}
    assert hidden(tmp_path) == []


def test_recovering_touches_no_other_folder(tmp_path):
    (tmp_path / f"{publishing.PUBLISHING}mine" / "new").mkdir(parents=True)
    (tmp_path / f"{publishing.PUBLISHING}mine" / "new" / "a").touch()
    recover(tmp_path)
    recover(tmp_path / "there is none")
    assert not (tmp_path / "a").exists()


def test_a_plan_of_unknown_origin_removes_nothing_elsewhere(tmp_path):
    write(tmp_path, {"victim": "mine", "out/kept": "old"})
    room = tmp_path / "out" / f"{publishing.PUBLISHING}{'0' * 16}"
    names = ["../victim", str(tmp_path / "victim"), "..", ".", ""]
    for last in ("../victim", "a"):
        write(room, {"new/a": "new", "plan.json": json.dumps({"stale": names, "last": last})})
        recover(tmp_path / "out")
        assert contents(tmp_path) == {"victim": "mine", "out/kept": "old", "out/a": "new"}
    write(room, {"new/a": "newer", "plan.json": "{"})
    recover(tmp_path / "out")
    assert contents(tmp_path / "out") == {"kept": "old", "a": "newer"}
    assert hidden(tmp_path / "out") == []


def test_what_cannot_be_finished_is_one_sentence(tmp_path):
    write(tmp_path, OLD)
    interrupt(tmp_path)
    (tmp_path / "issues").unlink()
    (tmp_path / "issues").mkdir()
    with pytest.raises(BadInput, match=r"mixed with older ones.*Is a directory"):
        recover(tmp_path)
    (tmp_path / "issues").rmdir()
    recover(tmp_path)
    assert contents(tmp_path) == NEW
