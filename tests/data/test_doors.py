"""Paths that are no files, and errors of libraries as sentences."""

import os
import socket

import numpy as np
import pytest

from noisewise import doors, memory
from noisewise.data import load
from noisewise.data.readers.matrices import read_matrix
from noisewise.errors import BadInput


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Paths of all kinds that are no files, by what they are."""
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "nowhere.csv").symlink_to("gone.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "pipe.npz")
    monkeypatch.chdir(tmp_path)
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket.csv")
    yield {
        "a loop of links": tmp_path / "loop.csv",
        "a link to nothing": tmp_path / "nowhere.csv",
        "a pipe": tmp_path / "pipe.csv",
        "a pipe of arrays": tmp_path / "pipe.npz",
        "a socket": tmp_path / "socket.csv",
        "a device": "/dev/null",
        "below a file": tmp_path / "socket.csv" / "t.csv",
        "nobody's": "~nobody_of_that_name/t.csv",
        "too long": "a" * 300 + ".csv",
        "far too long": "a/" * 3000 + "t.csv",
        "a null byte": "a\0b.csv",
        "empty": "",
    }
    server.close()


def test_paths_that_are_no_files(odd):
    for name, path in odd.items():
        for read in (load, lambda path: read_matrix(path, "--probs")):
            with pytest.raises(BadInput) as caught:
                read(path)
            assert "\n" not in str(caught.value), name
            assert len(str(caught.value)) < 500, name


@pytest.mark.parametrize(
    "error, said",
    [
        (MemoryError(), "not enough memory"),
        (RecursionError(), "nested too deeply"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (KeyError("two\nlines"), "two"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (ValueError("a" * 10_000), "a…"),
    ],
)
def test_every_error_of_a_library_is_one_sentence(error, said):
    with pytest.raises(BadInput, match=said) as caught, doors.parsing("t.bin"):
        raise error
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_memory():
    assert 0 < memory.free() < 1 << 62
    memory.need(1, "a byte")
    with pytest.raises(BadInput, match=r"everything needs 8,192 PiB of memory, but .* are free"):
        memory.need(1 << 63, "everything")
    assert [memory.in_words(size) for size in (3, 1 << 20, 3 << 29)] == ["3 bytes", "1 MiB", "1.5 GiB"]


def test_a_limit_of_the_process_counts(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (0, 0))
    assert memory.free() == 0


def test_one_label_per_row_of_a_dataset():
    from noisewise.data.dataset import Dataset

    inputs = np.zeros((3, 2), np.float32)
    for index in ([0, 0, 1], [-1, 0, 1], [0.5, 1, 2], [0, 1, 2**40]):
        with pytest.raises(BadInput, match="index"):
            Dataset(inputs, np.array([0, 1, 0]), ("a", "b"), index=np.array(index))
    with pytest.raises(BadInput, match="'a' is named more than once"):
        Dataset(inputs, np.array([0, 1, 0]), ("a", "a"))


def test_folders_that_cannot_be(odd):
    from noisewise.auditing.review.folder import is_audit, original_data
    from noisewise.data.named.finder import Finder

    for name in ("nobody's", "too long", "far too long", "a null byte", "empty"):
        for read in (is_audit, original_data, Finder.standard):
            with pytest.raises(BadInput):
                read(odd[name])
