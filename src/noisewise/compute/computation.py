"""Computations in folders: each is done once, whole, whoever else works on the same folder."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import time
import traceback
import uuid
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from noisewise.allowance import Allowance, OutOfTime, allowing
from noisewise.compute.engine import Engine, Lost, Unsendable
from noisewise.compute.local import LocalEngine
from noisewise.errors import BadInput
from noisewise.files import flush_all, flush_folder, lease
from noisewise.threads import launched

WORK = ".work"
_DONE, _CACHED, _BUSY, _LEFT = "done", "cached", "busy", "left"
_POLL_SECONDS = 0.2


class Computation(Protocol):
    """Something that is computed into its own folder. It must survive pickling, because engines send it."""

    @property
    def key(self) -> str:
        """The name of its folder: a hash of all that determines what is computed."""

    @property
    def title(self) -> str:
        """For progress lines."""

    def finished(self, folder: Path) -> bool:
        """Whether the folder holds its result."""

    def compute(self, folder: Path) -> None:
        """Compute into the folder, in the present process; at the end, and not before, it is finished."""


@runtime_checkable
class WithInput(Protocol):
    """A computation that reads something which machines without our files cannot read, such as a data set."""

    @property
    def input_name(self) -> Hashable:
        """Computations of equal names read the same."""

    def read_input(self) -> Any:
        """Read its input, in a form that can be sent.

        Raises:
            BadInput: the input is not on this machine.
        """

    def compute_from(self, folder: Path, given: Any) -> None:
        """`compute`, from the result of `read_input`."""


@dataclass(frozen=True)
class Done:
    """How one computation ended.

    Attributes:
        task: what was computed.
        folder: where its result is.
        error: the sentence it failed with, or None.
        cached: whether its result was there already.
        left: whether the time was over before it was done: what it has stored is kept, and it goes on from there.
    """

    task: Any
    folder: Path
    error: str | None = None
    cached: bool = False
    left: bool = False


def run(
    tasks: Sequence[Any], folder: Path, engine: Engine | None = None, allowance: Allowance | None = None
) -> Iterator[Done]:
    """Compute every task into `folder / task.key`.

    Finished tasks are not computed again, tasks that another writer is computing are waited for, and a failure stops
    only its own task. Closing the iterator ends the running tasks. When the time of the allowance is over, no further
    task is started, and those that run end where they can go on later.

    Args:
        tasks: see `Computation`.
        folder: of all of them; several writers may work on it.
        engine: where they are computed; by default in one process per core of this machine.
        allowance: until when, and on which device; by default without end, on a GPU where there is one.

    Yields:
        One `Done` per task, in the order in which they end.

    Raises:
        BadInput: the folder cannot be made; `torchrun` started this program in several processes; a time limit with
            an engine whose machines do not see the folder.
    """
    allowance = allowance or Allowance()
    if launched():
        raise BadInput("torchrun starts the processes of one training: start a bench or a study without it")
    engine = engine or LocalEngine()
    if allowance.until is not None and not engine.shares_files:
        raise BadInput("a time limit needs runs that are stored on this machine: with engine='ray' there is none")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write {folder}: {error.strerror}") from error
    waiting = list(tasks)
    while waiting:
        free: dict[str, Any] = {}
        later = []
        for task in waiting:
            if task.finished(folder / task.key):
                yield Done(task, folder / task.key, cached=True)
            elif allowance.over:
                yield Done(task, folder / task.key, left=True)
            elif task.key in free or _is_computed(task, folder):
                later.append(task)
            else:
                free[task.key] = task
        if later and not free:
            time.sleep(_POLL_SECONDS)
        for task, done in _ended(list(free.values()), folder, engine, allowance) if free else ():
            if done is None:
                later.append(task)
            else:
                yield done
        waiting = later


def _is_computed(task: Computation, folder: Path) -> bool:
    """Whether another writer computes the task at the moment."""
    with contextlib.suppress(OSError), lease(_lock(task, folder)) as held:
        return not held
    return False


def _lock(task: Computation, folder: Path) -> Path:
    return folder / WORK / f"{task.key}.lock"


def _ended(tasks: list[Any], folder: Path, engine: Engine, allowance: Allowance) -> Iterator[tuple[Any, Done | None]]:
    """Tasks as they end; None for one that another writer computes."""
    if not engine.shares_files:
        yield from _ended_elsewhere(tasks, folder, engine, allowance)
        return
    for number, answer in engine.map(functools.partial(attempt, folder, allowance), tasks):
        task = tasks[number]
        status, error = (_DONE, _sentence(answer)) if isinstance(answer, BaseException) else answer
        done = Done(task, folder / task.key, error, cached=status == _CACHED, left=status == _LEFT)
        yield task, None if status == _BUSY else done


def attempt(folder: Path, allowance: Allowance, task: Computation) -> tuple[str, str | None]:
    """Compute a task into `folder / task.key` unless that is done, or being done by another process.

    The traceback of a failure is kept in `folder/.work/KEY.failed` until the task succeeds.

    Returns:
        "done", "cached", "busy", or "left" where the time was over first; and the sentence it failed with, if it did.
    """
    if allowance.over:
        return _LEFT, None
    failed = folder / WORK / f"{task.key}.failed"
    try:
        with lease(_lock(task, folder)) as held:
            if not held:
                return _BUSY, None
            if task.finished(folder / task.key):
                return _CACHED, None
            with allowing(allowance):
                task.compute(folder / task.key)
        failed.unlink(missing_ok=True)
    except OutOfTime:
        return _LEFT, None
    except (Exception, SystemExit) as error:
        with contextlib.suppress(OSError):
            failed.write_text(traceback.format_exc(), encoding="utf-8")
        return _DONE, _sentence(error)
    return _DONE, None


def _ended_elsewhere(
    tasks: list[Any], folder: Path, engine: Engine, allowance: Allowance
) -> Iterator[tuple[Any, Done | None]]:
    """Tasks as they end, computed by machines that do not see the folder: their files come back and are written here.

    The present process holds their leases meanwhile. What a task reads is sent once, with the function; a machine
    searches for what cannot be read here.
    """
    leases: dict[int, contextlib.ExitStack] = {}
    prefix = f"noisewise.{uuid.uuid4().hex}."
    sent: list[Any] = []
    busy: list[Any] = []

    def leased() -> Iterator[Any]:
        for task in tasks:
            stack = contextlib.ExitStack()
            if stack.enter_context(lease(_lock(task, folder))):
                leases[len(sent)] = stack
                sent.append(task)
                yield task
            else:
                stack.close()
                busy.append(task)

    try:
        for number, answer in engine.map(_Files(_inputs(tasks), prefix, allowance), leased()):
            task = sent[number]
            error = _sentence(answer) if isinstance(answer, BaseException) else None
            if error is None:
                _write(folder / task.key, answer)
            leases.pop(number).close()
            yield task, Done(task, folder / task.key, error)
    finally:
        for stack in leases.values():
            stack.close()
        # A process of this machine that is killed leaves its temporary folder behind.
        for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
    for task in busy:
        yield task, None


def _inputs(tasks: list[Any]) -> dict[Hashable, Any]:
    found: dict[Hashable, Any] = {}
    for task in tasks:
        if isinstance(task, WithInput) and task.input_name not in found:
            try:
                found[task.input_name] = task.read_input()
            except BadInput:
                found[task.input_name] = None
    return found


@dataclass(frozen=True)
class _Files:
    """Computes a task in a temporary folder.

    Attributes:
        inputs: what tasks read, by its name.
        prefix: start of the name of the temporary folder.
        allowance: without a limit of time, because the temporary folder is lost.
    """

    inputs: dict[Hashable, Any]
    prefix: str
    allowance: Allowance

    def __call__(self, task: Any) -> dict[str, bytes]:
        """The files of the task's folder, by their path in it."""
        with tempfile.TemporaryDirectory(prefix=self.prefix) as name, allowing(self.allowance):
            folder = Path(name) / task.key
            given = self.inputs.get(task.input_name) if isinstance(task, WithInput) else None
            if given is None:
                task.compute(folder)
            else:
                task.compute_from(folder, given)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        writing = emptied(folder.parent / WORK / folder.name)
        for name, content in files.items():
            path = writing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        publish(writing, folder)
    except OSError as error:
        raise BadInput(f"cannot write {folder}: {error.strerror}") from error


def emptied(folder: Path) -> Path:
    """An empty folder in place of whatever was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def publish(writing: Path, folder: Path) -> None:
    """Put a written folder in the place of whatever was there, with one rename, when all of it is on the disk."""
    flush_all(writing)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(writing, folder)
    flush_folder(folder.parent)


def _sentence(error: BaseException) -> str:
    if isinstance(error, (Lost, Unsendable)):
        return str(error)
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1]}"
