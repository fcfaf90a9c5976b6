"""Kill a writer at its k-th change of the file system, by SIGKILL, so that nothing of it runs afterwards."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir")


def killed_at(k: int, work: Callable[[], object]) -> bool:
    """Whether `work`, in a process of its own, was killed before its k-th change; with fewer changes it ends."""
    child = os.fork()
    if not child:
        code = 1
        try:
            left = [k]
            for name in CHANGES:
                setattr(os, name, _counted(getattr(os, name), left))
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


@contextmanager
def waiting(work: Callable[[Callable[[], None]], object]) -> Iterator[None]:
    """A process in which `work` has come to where it calls its argument, and waits there; it is killed at the end."""
    there, gone = os.pipe()
    child = os.fork()
    if not child:
        try:
            work(lambda: (os.write(gone, b"!"), signal.pause()))
        finally:
            os._exit(1)
    os.close(gone)
    try:
        assert os.read(there, 1) == b"!"
        yield
    finally:
        os.close(there)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _counted(change: Callable[..., object], left: list[int]) -> Callable[..., object]:
    def counted(*args: object, **named: object) -> object:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return change(*args, **named)

    return counted


def contents(folder: Path) -> dict[str, str]:
    """What the files of a folder hold by their path, but for hidden ones of noisewise."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".noisewise-" not in str(path.relative_to(folder))
    }


def hidden(folder: Path) -> list[str]:
    """The hidden entries of noisewise in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".noisewise-"))


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files by their path."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
